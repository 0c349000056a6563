//! The `http` crate's headers as the engine sees them.

use http::{HeaderMap, HeaderName, HeaderValue};

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

    fn set(&mut self, name: &'static str, value: &str) {
        if let Some(value) = header_value(name, value) {
            self.insert(HeaderName::from_static(name), value);
        }
    }

    fn append(&mut self, name: &'static str, value: &str) {
        if let Some(value) = header_value(name, value) {
            Self::append(self, HeaderName::from_static(name), value);
        }
    }
}

/// The engine writes only printable ASCII, so there always is one.
fn header_value(name: &str, value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    // Keeps the token out of the logs of everything that prints headers, and out of HPACK's table.
    value.set_sensitive(name == "set-cookie");
    Some(value)
}
