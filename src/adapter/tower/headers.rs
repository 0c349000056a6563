//! The `http` crate's headers as the engine sees them.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, VARY},
};

use crate::transport::{RequestHeaders, ResponseHeaders};

impl RequestHeaders for HeaderMap {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.get_all(name).iter().for_each(|value| visit(value.as_bytes()));
    }
}

impl ResponseHeaders for HeaderMap {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) {
        self.get_all(name).iter().for_each(|value| visit(value.as_bytes()));
    }

    fn set(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = header(name, value) {
            self.insert(name, value);
        }
    }

    fn append(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = header(name, value) {
            Self::append(self, name, value);
        }
    }
}

/// The engine writes only legal names and printable ASCII, so there always is one.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    // Keeps tokens out of the logs of everything that prints headers, and out of HPACK's table.
    value.set_sensitive(name != CACHE_CONTROL && name != VARY);
    Some((name, value))
}
