//! Whether a request was begun by another site (Fetch Metadata; RFC 6454 for `Origin`).
//!
//! A cross-site request with an unsafe method sets no cookie, so a hostile page can neither log its visitor in nor out.

use super::head::RequestHead;

/// Whether the method promises to change nothing (RFC 9110, section 9.2.1).
pub(crate) fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Whether another site began the request.
///
/// A browser that sends `Sec-Fetch-Site` knows best; for others the `Origin` has to be this host. A request with neither
/// does not come from a page of another site in any browser of this decade.
pub(crate) fn is_cross_site(head: &RequestHead<'_>) -> bool {
    if let Some(site) = head.header("sec-fetch-site") {
        return site == b"cross-site";
    }
    match head.header("origin") {
        Some(origin) => !is_own(origin, head.host()),
        None => false,
    }
}

/// Whether an origin's host and port are those that the request was sent to.
fn is_own(origin: &[u8], host: Option<&[u8]>) -> bool {
    let after_scheme = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    matches!((after_scheme, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::RequestHeaders;

    struct Headers(&'static [(&'static str, &'static str)]);

    impl RequestHeaders for Headers {
        fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
            self.0.iter().filter(|(key, _)| *key == name).for_each(|(_, value)| visit(value.as_bytes()));
        }
    }

    fn cross_site(headers: &'static [(&'static str, &'static str)]) -> bool {
        is_cross_site(&RequestHead { method: "POST", authority: None, headers: &Headers(headers) })
    }

    #[test]
    fn fetch_metadata_decide_where_they_are_sent() {
        assert!(cross_site(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://a.example"),
            ("host", "a.example")
        ]));
        for own in ["same-origin", "same-site", "none"] {
            let own: &'static [_] =
                Box::leak(Box::new([("sec-fetch-site", own), ("origin", "https://b.example")]));
            assert!(!cross_site(own));
        }
    }

    #[test]
    fn otherwise_a_foreign_origin_is_cross_site() {
        assert!(cross_site(&[("origin", "https://b.example"), ("host", "a.example")]));
        assert!(cross_site(&[("origin", "null"), ("host", "a.example")]));
        assert!(cross_site(&[("origin", "https://a.example:8443"), ("host", "a.example")]));
        assert!(cross_site(&[("origin", "https://a.example")]));
        assert!(!cross_site(&[("origin", "http://a.example:3000"), ("host", "A.example:3000")]));
        assert!(!cross_site(&[("host", "a.example")]), "no browser sends neither");
    }
}
