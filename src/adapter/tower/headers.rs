//! The headers of `http` 1.x.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::adapter::headers::engine_sees_headers;

engine_sees_headers!(header, HeaderMap, HeaderName, HeaderValue);
