//! Which site began a request (Fetch Metadata; RFC 6454 for `Origin`), and what follows from it.
//!
//! A cross-site request with an unsafe method changes no session, so a hostile page can neither log its visitor in nor out. And
//! where the browser may have kept the session cookie back from such a request, nothing may take the place of that cookie.

use super::{
    Cookie, SameSite,
    head::RequestHead,
    origin::{Origin, is_own, is_plain_and_remote},
    path_pattern::PathPattern,
};

/// Which requests of other sites may change sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteRules {
    origins: Vec<Origin>,
    paths: Vec<PathPattern>,
}

impl SiteRules {
    pub(crate) fn trust(&mut self, origin: Origin) {
        self.origins.push(origin);
    }

    pub(crate) fn allow(&mut self, path: PathPattern) {
        self.paths.push(path);
    }

    /// Whether another site may begin requests to this path.
    pub(crate) fn allow_path(&self, path: &str) -> bool {
        self.paths.iter().any(|allowed| allowed.matches(path))
    }

    fn trusts(&self, sent: &[u8]) -> bool {
        self.origins.iter().any(|origin| origin.is(sent))
    }
}

/// Who began a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Initiator {
    /// Whether another site did.
    pub(super) cross_site: bool,
    /// Whether it is a page whose requests may change sessions all the same.
    pub(super) trusted: bool,
    /// Whether it is a page that came over plain HTTP from another machine.
    pub(super) over_plain_http: bool,
}

impl Initiator {
    /// Nothing speaks for another site.
    pub(super) const UNKNOWN: Self = Self { cross_site: false, trusted: false, over_plain_http: false };

    /// A browser that sends `Sec-Fetch-Site` knows best, whatever a proxy did to `Host`. For others the `Origin` has to be this
    /// host or trusted. A request with neither does not come from a page of another site in any browser of this decade.
    pub(super) fn of(head: &RequestHead<'_>, rules: &SiteRules) -> Self {
        let site = head.header("sec-fetch-site");
        if let Some(b"same-origin" | b"same-site" | b"none") = site {
            return Self::UNKNOWN;
        }
        let Some(origin) = head.header("origin") else {
            return Self { cross_site: site.is_some(), ..Self::UNKNOWN };
        };
        let trusted = rules.trusts(origin);
        // Without `Sec-Fetch-Site` a trusted origin is taken for our own, behind a proxy that changed `Host`.
        let cross_site = site.is_some() || (!trusted && !is_own(origin, head.host()));
        Self { cross_site, trusted, over_plain_http: !cross_site && is_plain_and_remote(origin) }
    }
}

/// Whether the method promises to change nothing (RFC 9110, section 9.2.1).
pub(super) fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Whether a browser that holds this cookie keeps it back from a request that another site began (RFC 6265bis, section 5.8.3).
///
/// It takes a cookie from the response to such a request all the same, in the place of the one that it kept back.
pub(super) fn keeps_back(cookie: &Cookie, head: &RequestHead<'_>) -> bool {
    match cookie.sent_across_sites() {
        SameSite::Strict => true,
        SameSite::Lax => !is_safe(head.method) || !may_be_top_level(head),
        SameSite::None => false,
    }
}

/// Whether the address bar may show this request's target: a link was followed, not an image loaded.
fn may_be_top_level(head: &RequestHead<'_>) -> bool {
    let is = |name, expected: &[u8]| head.header(name).is_none_or(|value| value == expected);
    is("sec-fetch-mode", b"navigate") && is("sec-fetch-dest", b"document")
}

/// The `Origin` of a request that is no own one, and the host that it was sent to, if only these tell that another site began it.
pub(crate) fn origin_and_host<'a>(head: &RequestHead<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let origin = head.header("origin").filter(|_| head.header("sec-fetch-site").is_none())?;
    Some((origin, head.host().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::RequestHeaders;

    struct Headers<'a>(&'a [(&'a str, &'a str)]);

    impl RequestHeaders for Headers<'_> {
        fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
            self.0.iter().filter(|(key, _)| *key == name).for_each(|(_, value)| visit(value.as_bytes()));
        }
    }

    fn with_head<T>(method: &str, headers: &[(&str, &str)], ask: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        ask(&RequestHead { method, authority: None, headers: &Headers(headers) })
    }

    fn cross_site(headers: &[(&str, &str)]) -> bool {
        with_head("POST", headers, |head| Initiator::of(head, &SiteRules::default()).cross_site)
    }

    #[test]
    fn fetch_metadata_decide_where_they_are_sent() {
        assert!(cross_site(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://a.example"),
            ("host", "a.example")
        ]));
        for own in ["same-origin", "same-site", "none"] {
            for origin in ["https://b.example", "null"] {
                assert!(!cross_site(&[("sec-fetch-site", own), ("origin", origin), ("host", "a.example")]));
            }
        }
        assert!(cross_site(&[("sec-fetch-site", "something-new")]), "what is not known to be own is foreign");
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

    #[test]
    fn a_trusted_origin_is_another_site_only_if_the_browser_says_so() {
        let mut rules = SiteRules::default();
        rules.trust(Origin::parse("https://app.example").unwrap());
        let initiator = |headers: &[_]| with_head("POST", headers, |head| Initiator::of(head, &rules));
        let origin = ("origin", "https://app.example");
        let host = ("host", "10.0.0.7:3000");
        assert_eq!(initiator(&[origin, host]), Initiator { trusted: true, ..Initiator::UNKNOWN });
        assert_eq!(
            initiator(&[origin, host, ("sec-fetch-site", "cross-site")]),
            Initiator { cross_site: true, trusted: true, over_plain_http: false }
        );
        assert_eq!(
            initiator(&[("origin", "null"), host]),
            Initiator { cross_site: true, ..Initiator::UNKNOWN }
        );
    }

    #[test]
    fn a_cookie_is_kept_back_as_its_same_site_attribute_says() {
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        let image = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        for (same_site, method, headers, kept_back) in [
            (SameSite::Strict, "GET", &navigation[..], true),
            (SameSite::Strict, "POST", &navigation, true),
            (SameSite::Lax, "GET", &navigation, false),
            (SameSite::Lax, "HEAD", &navigation, false),
            (SameSite::Lax, "GET", &[], false),
            (SameSite::Lax, "POST", &navigation, true),
            (SameSite::Lax, "GET", &frame, true),
            (SameSite::Lax, "GET", &image, true),
            (SameSite::None, "GET", &image, false),
            (SameSite::None, "POST", &navigation, false),
        ] {
            let cookie = Cookie::default().same_site(same_site);
            let answer = with_head(method, headers, |head| keeps_back(&cookie, head));
            assert_eq!(answer, kept_back, "{same_site:?} {method} {headers:?}");
        }
    }
}
