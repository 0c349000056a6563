//! The headers of actix-web.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::adapter::headers::engine_sees_headers;

engine_sees_headers!(header, HeaderMap, HeaderName, HeaderValue);
