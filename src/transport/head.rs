//! The part of HTTP that sessions need, without a framework: an adapter implements these traits for its own types.

use std::fmt;

/// The parts of a request that matter to sessions, independent of the framework.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The authority in the request's target, if it has one (HTTP/2); otherwise the `Host` header is read.
    pub authority: Option<&'a str>,
    /// The headers.
    pub headers: &'a dyn RequestHeaders,
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers hold tokens.
        f.debug_struct("RequestHead").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<'a> RequestHead<'a> {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut first = None;
        self.headers.each(name, &mut |value| first = first.or(Some(value)));
        first
    }

    /// The host and port that the request was sent to.
    pub(crate) fn host(&self) -> Option<&'a [u8]> {
        self.authority.map(str::as_bytes).or_else(|| self.header("host"))
    }
}

/// A request's headers. The features `tower` and `actix` implement it for the maps of `http` 1.x and of actix-web.
pub trait RequestHeaders: Sync {
    /// Calls `visit` with each value of the header `name` (lowercase), in order.
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));
}

/// A response's headers. Implemented for the same maps as [`RequestHeaders`].
pub trait ResponseHeaders {
    /// Calls `visit` with each value of the header `name` (lowercase), in order.
    fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8]));

    /// Replaces all values of the header with `value`.
    fn set(&mut self, name: &str, value: &str);

    /// Adds a value of the header.
    fn append(&mut self, name: &str, value: &str);
}
