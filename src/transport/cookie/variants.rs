//! Cookies of the session cookie's name that are not the session cookie.
//!
//! To a browser a cookie is its name, its domain and its path together. So a sibling subdomain can plant a cookie of the
//! same name for a parent domain or a longer path, and an application leaves its own old cookie behind when it changes
//! one of the three. A server sees only the name and the value. What it can do is to remove every variant that the
//! browser may have sent with a request, apart from its own.

use std::sync::Arc;

use super::{super::head::RequestHead, Cookie, HOST_PREFIX, has_prefix, is_legal_path};
use crate::time::Timestamp;

/// How many parent domains of a host are cleaned.
const MOST_PARENTS: usize = 8;

/// How many paths are cleaned, which are two for each slash.
const MOST_PATHS: usize = 64;

/// About how many lines fit into a response: a second later they begin that much further on.
const USUAL_LINES: usize = 20;

/// Which variants are to go.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sweep {
    #[default]
    Nothing,
    /// Those of the cookies with parts of a token.
    Parts,
    /// All of them.
    Everything,
}

/// Where a request went, as its browser sees it: this limits which cookies it can have sent.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) host: Box<[u8]>,
    pub(crate) path: Arc<str>,
    pub(crate) highest_part: usize,
    pub(crate) at: Timestamp,
}

impl Target {
    /// The host that a request was sent to, as its browser sees it: some proxies put another one in its place, and then name it
    /// elsewhere. It is used for nothing but the domains of cookies that are removed, so a client that lies harms itself.
    pub(crate) fn host_of(head: &RequestHead<'_>) -> Box<[u8]> {
        let after_scheme = |origin: &'_ [u8]| {
            let at = origin.windows(3).position(|window| window == b"://")?;
            Some(at + 3)
        };
        let origin = head.header("origin").and_then(|origin| origin.get(after_scheme(origin)?..));
        let forwarded =
            head.header("x-forwarded-host").and_then(|hosts| hosts.split(|byte| *byte == b',').next());
        let known = [head.host(), forwarded.map(<[u8]>::trim_ascii), origin];
        let host = known.into_iter().flatten().find(|host| parent_domains(host).next().is_some());
        host.unwrap_or_default().into()
    }
}

impl Cookie {
    /// Lines that remove the variants which may have come with a request, in `space` bytes at the most.
    ///
    /// Where they do not fit, the lines begin at another place at another time, so that a few responses remove them all. Browsers
    /// keep partitioned cookies apart, so those have lines of their own.
    pub(crate) fn remove_variants(&self, sweep: Sweep, target: &Target, space: usize) -> Vec<String> {
        let partitioned = if self.secure { &[self.partitioned, !self.partitioned][..] } else { &[false] };
        let mut jars: Vec<_> = partitioned.iter().map(|jar| self.removals_in(*jar, sweep, target)).collect();
        let seconds = usize::try_from(target.at.as_millis() / 1000).unwrap_or(0);
        if seconds % 2 == 1 && total_len(&jars[0]) > space {
            jars.reverse();
        }
        let mut chosen: Vec<String> = Vec::new();
        for lines in jars {
            let left = space - total_len(&chosen);
            chosen.extend(fitting(lines, (seconds / 2).wrapping_mul(USUAL_LINES), left));
        }
        chosen
    }

    /// The lines for all variants, partitioned or not.
    fn removals_in(&self, partitioned: bool, sweep: Sweep, target: &Target) -> Vec<String> {
        let (names, domains) = (self.names(sweep, target), self.domains(sweep, target));
        let mut lines = Vec::new();
        for path in paths(&target.path) {
            for domain in &domains {
                if let Some(variant) = self.variant(domain.as_deref(), path, partitioned) {
                    lines.extend(names.iter().map(|name| variant.short_removal(name)));
                }
            }
        }
        lines
    }

    /// The names under which something may have been planted.
    fn names(&self, sweep: Sweep, target: &Target) -> Vec<String> {
        let mut names = Vec::new();
        for cookie in std::iter::once(self).chain(&self.replaced) {
            if !cookie.can_be_planted() || names.contains(&cookie.name) {
                continue;
            }
            if sweep == Sweep::Everything {
                names.push(cookie.name.clone());
            }
            if sweep >= Sweep::Parts {
                names.extend((1..=target.highest_part).map(|number| cookie.part_name(number)));
            }
        }
        names
    }

    /// The domains that such a cookie may have, `None` for the host alone, for which only the app itself sets cookies.
    fn domains(&self, sweep: Sweep, target: &Target) -> Vec<Option<String>> {
        let parents = parent_domains(&target.host).map(|domain| Some(domain.to_owned()));
        if sweep == Sweep::Parts {
            return parents.collect();
        }
        let own = self
            .domain
            .clone()
            .filter(|own| !parent_domains(&target.host).any(|known| known.eq_ignore_ascii_case(own)));
        parents.chain(own.map(Some)).chain([None]).collect()
    }

    /// The cookie with another domain and path, or in another jar; `None` if that is the cookie itself.
    fn variant(&self, domain: Option<&str>, path: &str, partitioned: bool) -> Option<Self> {
        let is_own = |domain: Option<&str>| match (domain, self.domain.as_deref()) {
            (Some(domain), Some(own)) => domain.eq_ignore_ascii_case(own),
            (domain, own) => domain.is_none() && own.is_none(),
        };
        let same = is_own(domain) && path == self.path && partitioned == self.partitioned;
        let (domain, path) = (domain.map(str::to_owned), path.to_owned());
        (!same).then(|| Self { domain, path, partitioned, ..self.bare() })
    }

    /// The cookie without the list of those that it replaces.
    fn bare(&self) -> Self {
        Self { replaced: Vec::new(), ..self.clone() }
    }

    /// Whether a sibling subdomain can plant a cookie of this name.
    pub(crate) fn can_be_planted(&self) -> bool {
        !has_prefix(&self.name, HOST_PREFIX)
    }

    /// Whether such a cookie can be planted, or one that it replaces.
    pub(crate) fn has_variants(&self) -> bool {
        self.can_be_planted() || self.replaced.iter().any(Self::can_be_planted)
    }

    /// Whether it replaces a cookie that browsers do not send with requests to `path`, so that nobody can tell whether it is there.
    pub(crate) fn replaces_elsewhere(&self, path: &str) -> bool {
        self.replaced.iter().any(|old| !old.covers(path))
    }

    /// Whether a browser sends the cookie with requests to `path` (RFC 6265, section 5.1.4).
    pub(crate) fn covers(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        }
    }
}

fn total_len(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum()
}

/// All lines if there is space for them, else as many as there is space for, from the one at `begin` on.
fn fitting(mut lines: Vec<String>, begin: usize, space: usize) -> Vec<String> {
    if total_len(&lines) <= space {
        return lines;
    }
    let count = lines.len();
    lines.rotate_left(begin % count);
    let mut left = Some(space);
    let mut fits = |line: &String| {
        left = left.and_then(|left| left.checked_sub(line.len()));
        left.is_some()
    };
    let fitting = lines.iter().take_while(|line| fits(line)).count();
    lines.truncate(fitting);
    lines
}

/// The host itself and each parent with at least one dot: what a sibling could have set a `Domain` to.
fn parent_domains(host: &[u8]) -> impl Iterator<Item = &str> {
    let host = std::str::from_utf8(host).unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let is_address = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let first = (legal && !is_address && name.len() <= 253).then_some(name);
    std::iter::successors(first, |name| name.split_once('.').map(|(_, parent)| parent))
        .filter(|name| name.contains('.'))
        .take(MOST_PARENTS)
}

/// The paths of cookies that browsers send to `path`: each one before and with a slash, and the path itself.
fn paths(path: &str) -> Vec<&str> {
    let path = if is_legal_path(path) { path } else { "/" };
    let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
    let mut paths: Vec<_> =
        slashes.flat_map(|at| [&path[..at], &path[..=at]]).skip(1).take(MOST_PATHS).collect();
    paths.push(path);
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::RequestHeaders;

    const ROOMY: usize = 100_000;

    fn target(host: &[u8], path: &str, highest_part: usize) -> Target {
        Target { host: host.into(), path: path.into(), highest_part, at: Timestamp::from_millis(0) }
    }

    fn removed(cookie: &Cookie, sweep: Sweep, target: &Target) -> Vec<String> {
        let mut lines = cookie.remove_variants(sweep, target, ROOMY);
        lines.retain(|line| !line.contains("; Partitioned"));
        lines.iter().map(|line| line.split("; Max-Age=0").next().unwrap().to_owned()).collect()
    }

    fn planted(host: &[u8], path: &str) -> Vec<String> {
        removed(&Cookie::named("id"), Sweep::Everything, &target(host, path, 0))
    }

    #[test]
    fn variants_go_for_each_domain_and_path_that_could_have_brought_them() {
        assert_eq!(
            planted(b"app.example.com:8443", "/a/b"),
            [
                "id=; Path=/; Domain=app.example.com",
                "id=; Path=/; Domain=example.com",
                "id=; Path=/a; Domain=app.example.com",
                "id=; Path=/a; Domain=example.com",
                "id=; Path=/a",
                "id=; Path=/a/; Domain=app.example.com",
                "id=; Path=/a/; Domain=example.com",
                "id=; Path=/a/",
                "id=; Path=/a/b; Domain=app.example.com",
                "id=; Path=/a/b; Domain=example.com",
                "id=; Path=/a/b",
            ]
        );
    }

    #[test]
    fn both_jars_of_a_browser_are_cleaned() {
        let target = target(b"shop.example", "/", 0);
        let cut = |cookie: &Cookie| -> Vec<String> {
            let lines = cookie.remove_variants(Sweep::Everything, &target, ROOMY);
            lines
                .iter()
                .map(|line| line.replace("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""))
                .collect()
        };
        assert_eq!(
            cut(&Cookie::named("id")),
            [
                "id=; Path=/; Domain=shop.example; Secure",
                "id=; Path=/; Domain=shop.example; Secure; Partitioned",
                "id=; Path=/; Secure; Partitioned",
            ]
        );
        let embedded = cut(&Cookie::named("id").partitioned());
        assert!(embedded.contains(&"id=; Path=/; Secure".to_owned()), "from before it was partitioned");
        assert!(!embedded.contains(&"id=; Path=/; Secure; Partitioned".to_owned()));
        assert_eq!(
            cut(&Cookie::insecure_for_local_development("id")).len(),
            1,
            "browsers partition no such cookie"
        );
    }

    struct Headers(&'static [(&'static str, &'static str)]);

    impl RequestHeaders for Headers {
        fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
            self.0.iter().filter(|(key, _)| *key == name).for_each(|(_, value)| visit(value.as_bytes()));
        }
    }

    #[test]
    fn the_host_is_found_behind_a_proxy_that_puts_its_own_in_its_place() {
        for (headers, host) in [
            (&[("host", "shop.example"), ("x-forwarded-host", "evil.example")][..], "shop.example"),
            (&[("host", "127.0.0.1:3000"), ("x-forwarded-host", "shop.example, inner")], "shop.example"),
            (&[("host", "backend"), ("origin", "https://shop.example:8443")], "shop.example:8443"),
            (&[("host", "backend"), ("origin", "null")], ""),
            (&[], ""),
        ] {
            let head = RequestHead { method: "POST", authority: None, headers: &Headers(headers) };
            assert_eq!(&*Target::host_of(&head), host.as_bytes());
        }
    }

    #[test]
    fn our_own_cookie_stays_however_its_domain_is_spelled() {
        for own in ["example.com", ".example.com", "Example.COM"] {
            let cookie = Cookie::named("id").domain(own).path("/a");
            let lines = removed(&cookie, Sweep::Everything, &target(b"App.Example.Com", "/a", 0));
            let own = |line: &String| line.to_ascii_lowercase().ends_with("path=/a; domain=example.com");
            assert!(!lines.iter().any(own), "{lines:?}");
            assert!(lines.contains(&"id=; Path=/".to_owned()) && lines.contains(&"id=; Path=/a".to_owned()));
            assert_eq!(lines.len(), 5);
        }
    }

    #[test]
    fn parts_go_too_and_alone_where_only_they_were_planted() {
        let cookie = Cookie::named("id");
        let target = target(b"shop.example", "/", 2);
        assert_eq!(
            removed(&cookie, Sweep::Everything, &target),
            ["id", "id-1", "id-2"].map(|name| format!("{name}=; Path=/; Domain=shop.example"))
        );
        assert_eq!(
            removed(&cookie, Sweep::Parts, &target),
            ["id-1", "id-2"].map(|name| format!("{name}=; Path=/; Domain=shop.example"))
        );
        assert_eq!(removed(&cookie, Sweep::Nothing, &target), [""; 0]);
    }

    #[test]
    fn what_no_sibling_can_plant_has_no_variants_but_the_cookie_that_it_replaces_has() {
        let target = target(b"shop.example", "/", 0);
        assert_eq!(removed(&Cookie::default(), Sweep::Everything, &target), [""; 0]);
        let cookie = Cookie::default().replaces(Cookie::named("old"));
        assert!(
            removed(&cookie, Sweep::Everything, &target)
                .contains(&"old=; Path=/; Domain=shop.example".to_owned())
        );
    }

    #[test]
    fn no_name_of_a_host_brings_a_domain_that_is_none() {
        for hostile in
            [&b"127.0.0.1:80"[..], b"localhost", b"a.b\r\nSet-Cookie: x", b"[::1]:80", b"\xff.a", b""]
        {
            assert_eq!(planted(hostile, "/"), [""; 0]);
        }
    }

    #[test]
    fn paths_are_those_that_a_browser_matches() {
        assert_eq!(paths("/"), ["/"]);
        assert_eq!(paths("/a/"), ["/", "/a", "/a/"]);
        assert_eq!(paths("/a//b"), ["/", "/a", "/a/", "/a//", "/a//b"]);
        for hostile in ["", "*", "a", "/a;b", "/\r\n", &format!("/{}", "a".repeat(2000))] {
            assert_eq!(paths(hostile), ["/"], "{hostile:?}");
        }
        assert!(paths(&"/a".repeat(500)).len() <= MOST_PATHS + 1);
    }

    #[test]
    fn where_lines_do_not_fit_a_few_responses_remove_them_all() {
        let cookie = Cookie::named("id");
        let at = |seconds: i64| Target {
            at: Timestamp::from_millis(seconds * 1000),
            ..target(b"app.example.com", "/a/b/c/d", 1)
        };
        let all = cookie.remove_variants(Sweep::Everything, &at(0), ROOMY);
        let mut seen = std::collections::BTreeSet::new();
        for second in 0..60 {
            let some = cookie.remove_variants(Sweep::Everything, &at(second), 1000);
            assert!(some.iter().map(String::len).sum::<usize>() <= 1000 && !some.is_empty());
            seen.extend(some);
        }
        assert_eq!(seen.len(), all.len());
    }

    #[test]
    fn a_cookie_covers_its_path_and_what_is_below() {
        let at = |path: &str| Cookie::named("id").path(path);
        for (own, path) in [("/", "/x"), ("/app", "/app"), ("/app", "/app/x"), ("/app/", "/app/x")] {
            assert!(at(own).covers(path), "{own} {path}");
        }
        for (own, path) in [("/app", "/"), ("/app", "/apple"), ("/app/", "/app"), ("/app", "")] {
            assert!(!at(own).covers(path), "{own} {path}");
        }
    }
}
