//! The session cookie: its name, its attributes, its `Set-Cookie` lines (RFC 6265bis, section 4.1).

use std::{fmt::Write as _, time::Duration};

use super::{
    presented::{MOST_PARTS, PARTS_MARK},
    response::{ResponseEdits, Secretive},
};
use crate::token::Token;

/// The name and the attributes of the session cookie.
///
/// The default is `__Host-session` with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`: a browser accepts it only
/// over HTTPS (or from a loopback address, where it supports that), sends it to this host alone, and hides it from
/// scripts.
///
/// ```
/// use cloakroom::{Cookie, SameSite};
///
/// let strict = Cookie::named("__Host-id").same_site(SameSite::Strict);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(try_from = "Attributes"))]
pub struct Cookie {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    secure: bool,
    ends_with_browser: bool,
}

/// A cookie as a configuration has it, before it is checked.
#[cfg(feature = "config")]
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Attributes {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    insecure_for_local_development: bool,
    expires_with_browser: bool,
}

#[cfg(feature = "config")]
impl Default for Attributes {
    fn default() -> Self {
        let Cookie { name, path, domain, same_site, .. } = Cookie::default();
        Self {
            name,
            path,
            domain,
            same_site,
            insecure_for_local_development: false,
            expires_with_browser: false,
        }
    }
}

#[cfg(feature = "config")]
impl TryFrom<Attributes> for Cookie {
    type Error = &'static str;

    fn try_from(attributes: Attributes) -> Result<Self, &'static str> {
        let cookie = Self {
            name: attributes.name,
            path: attributes.path,
            domain: attributes.domain.as_deref().map(plain_domain),
            same_site: attributes.same_site,
            secure: !attributes.insecure_for_local_development,
            ends_with_browser: attributes.expires_with_browser,
        };
        cookie.flaw().map_or(Ok(cookie), Err)
    }
}

/// When a browser sends the cookie with a request that another site began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum SameSite {
    /// Never.
    Strict,
    /// With top-level navigations that use a safe method, like following a link. The default.
    #[default]
    Lax,
    /// Always: for apps that live in another site's frame. Cross-site request forgery is then the app's to prevent.
    None,
}

/// What a prefix of a cookie's name demands of its attributes.
const HOST_PREFIX: &str = "__host-";
const SECURE_PREFIX: &str = "__secure-";

impl Default for Cookie {
    fn default() -> Self {
        Self::named("__Host-session")
    }
}

impl Cookie {
    /// A cookie of this name with the safest attributes.
    ///
    /// Keep the prefix `__Host-` if you can: without it a sibling subdomain can plant a cookie of the same name.
    ///
    /// # Panics
    /// If the name is no token of RFC 9110, section 5.6.2, or longer than 64 bytes: a mistake in the program.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self::unchecked(name.into()).checked()
    }

    fn unchecked(name: String) -> Self {
        Self {
            name,
            path: "/".into(),
            domain: None,
            same_site: SameSite::Lax,
            secure: true,
            ends_with_browser: false,
        }
    }

    /// A cookie that browsers and tools accept over plain HTTP, for development on your own machine **only**: no
    /// `Secure`, so anyone on the network path can read it.
    ///
    /// # Panics
    /// If the name is illegal, or has a prefix that demands `Secure`.
    #[must_use]
    pub fn insecure_for_local_development(name: impl Into<String>) -> Self {
        Self { secure: false, ..Self::named(name) }.checked()
    }

    /// When the cookie is sent with requests from other sites. Default: [`SameSite::Lax`].
    ///
    /// # Panics
    /// [`SameSite::None`] without `Secure`: browsers refuse that.
    #[must_use]
    pub fn same_site(self, same_site: SameSite) -> Self {
        Self { same_site, ..self }.checked()
    }

    /// The path below which the cookie is sent. Default: `/`. It is no protection against other paths of the host.
    ///
    /// # Panics
    /// If the path does not begin with `/`, has a semicolon or a control character, or the name begins with `__Host-`
    /// and the path is not `/`.
    #[must_use]
    pub fn path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }.checked()
    }

    /// Shares the cookie with every subdomain of `domain`: each of them can then read and replace it.
    ///
    /// Case and a leading dot mean nothing to browsers (RFC 6265bis, section 5.6.3), so neither is kept.
    ///
    /// # Panics
    /// If the domain is empty or has other characters than letters, digits, dots and hyphens, or the name begins with
    /// `__Host-`.
    #[must_use]
    pub fn domain(self, domain: impl Into<String>) -> Self {
        Self { domain: Some(plain_domain(&domain.into())), ..self }.checked()
    }

    /// Lets the browser forget the cookie when it is closed, by sending no `Max-Age`. The session's own timeouts hold
    /// either way.
    #[must_use]
    pub fn expires_with_browser(self) -> Self {
        Self { ends_with_browser: true, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether browsers send it over HTTPS only.
    pub(super) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Which requests of other sites the browser sends it with.
    pub(super) const fn sent_across_sites(&self) -> SameSite {
        self.same_site
    }

    /// Whether a sibling subdomain can plant a cookie of this name.
    pub(crate) fn can_be_planted(&self) -> bool {
        !has_prefix(&self.name, HOST_PREFIX)
    }

    fn checked(self) -> Self {
        match self.flaw() {
            None => self,
            Some(flaw) => panic!("{flaw}"),
        }
    }

    /// What browsers would refuse about the cookie.
    fn flaw(&self) -> Option<&'static str> {
        let host = has_prefix(&self.name, HOST_PREFIX);
        let in_path = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b';';
        let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if !is_legal_name(&self.name) {
            Some("a cookie name has 1 to 64 letters, digits and the like, without spaces or separators")
        } else if !self.secure && (host || has_prefix(&self.name, SECURE_PREFIX)) {
            Some("a cookie named __Host-… or __Secure-… must be Secure")
        } else if !self.secure && self.same_site == SameSite::None {
            Some("SameSite=None needs Secure")
        } else if host && (self.path != "/" || self.domain.is_some()) {
            Some("a cookie named __Host-… has Path=/ and no Domain")
        } else if !self.path.starts_with('/') || !self.path.bytes().all(in_path) {
            Some("a cookie path begins with / and has no semicolon")
        } else if self
            .domain
            .as_ref()
            .is_some_and(|domain| domain.is_empty() || !domain.bytes().all(in_domain))
        {
            Some("a cookie domain is a host name")
        } else {
            None
        }
    }

    /// Hands out a token that lasts as long as its session can: in one cookie, or in as many as it needs. Parts of an
    /// older, longer token are removed.
    pub(super) fn hand_out(
        &self,
        token: &Token,
        lasts: Duration,
        highest_part: usize,
        edits: &mut ResponseEdits,
    ) {
        let max_age = (!self.ends_with_browser).then_some(lasts);
        let chunks = self.chunks(token.expose());
        let count = chunks.len();
        for (number, chunk) in chunks.into_iter().enumerate() {
            let line = match number {
                0 if count > 1 => {
                    self.line(&self.name, &format!("{count}{}{chunk}", char::from(PARTS_MARK)), max_age)
                }
                0 => self.line(&self.name, chunk, max_age),
                _ => self.line(&self.part_name(number), chunk, max_age),
            };
            edits.hand_out(Secretive::cookie(line));
        }
        self.remove_parts(count, highest_part, edits);
    }

    /// Removes the cookie and all parts of it.
    pub(super) fn take_back(&self, highest_part: usize, edits: &mut ResponseEdits) {
        edits.remove(Secretive::cookie(self.line(&self.name, "", Some(Duration::ZERO))));
        self.remove_parts(1, highest_part, edits);
    }

    fn remove_parts(&self, first: usize, highest: usize, edits: &mut ResponseEdits) {
        for number in first..=highest {
            edits.remove(Secretive::cookie(self.line(&self.part_name(number), "", Some(Duration::ZERO))));
        }
    }

    fn part_name(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    /// The token in pieces that fit into a cookie each, the first with space for the number of pieces.
    fn chunks<'a>(&self, token: &'a str) -> Vec<&'a str> {
        let space = LONGEST_COOKIE - self.name.len() - "-1".len();
        if self.name.len() + token.len() <= LONGEST_COOKIE {
            return vec![token];
        }
        // Tokens are ASCII, so every place is a boundary.
        let mut chunks: Vec<&str> = Vec::with_capacity(MOST_PARTS);
        let mut rest = token;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(space.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks
    }

    /// The longest token that the cookie and its parts can carry, in bytes.
    pub(crate) fn longest_token(&self) -> usize {
        MOST_PARTS * (LONGEST_COOKIE - self.name.len() - "-1".len())
    }

    /// Lines that remove cookies of this name that a sibling subdomain may have planted for one of our parent
    /// domains. Our own cookie has no such domain and stays.
    pub(crate) fn remove_planted(&self, host: &[u8], edits: &mut ResponseEdits) {
        let is_ours = |domain: &str| self.domain.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(domain));
        for domain in parent_domains(host).filter(|domain| !is_ours(domain)) {
            let planted = Self { domain: Some(domain.into()), path: "/".into(), ..self.clone() };
            edits.remove(Secretive::cookie(planted.line(&self.name, "", Some(Duration::ZERO))));
        }
    }

    fn line(&self, name: &str, value: &str, max_age: Option<Duration>) -> String {
        let mut line = String::with_capacity(name.len() + value.len() + 96);
        line.push_str(name);
        line.push('=');
        line.push_str(value);
        line.push_str("; Path=");
        line.push_str(&self.path);
        if let Some(domain) = &self.domain {
            line.push_str("; Domain=");
            line.push_str(domain);
        }
        if let Some(max_age) = max_age {
            // Writing to a String cannot fail.
            let _ = write!(line, "; Max-Age={}", max_age.min(LONGEST_MAX_AGE).as_secs());
        }
        line.push_str(if self.secure { "; Secure; HttpOnly" } else { "; HttpOnly" });
        line.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        line
    }
}

/// Browsers refuse a cookie whose name and value have more bytes (RFC 6265bis, section 5.7).
const LONGEST_COOKIE: usize = 4096;

/// Browsers keep no cookie longer (RFC 6265bis, section 5.5).
const LONGEST_MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// How many parent domains of a host are cleaned of planted cookies.
const MOST_PARENTS: usize = 8;

/// The host itself and each parent with at least one dot: what a sibling could have set a `Domain` to.
fn parent_domains(host: &[u8]) -> impl Iterator<Item = &str> {
    let host = std::str::from_utf8(host).unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let is_address = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let first = (legal && !is_address).then_some(name);
    std::iter::successors(first, |name| name.split_once('.').map(|(_, parent)| parent))
        .filter(|name| name.contains('.'))
        .take(MOST_PARENTS)
}

/// Without what means nothing to browsers.
fn plain_domain(domain: &str) -> String {
    let domain = domain.to_ascii_lowercase();
    domain.strip_prefix('.').unwrap_or(&domain).to_owned()
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    // Browsers compare the prefixes without regard to case.
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_legal_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(cookie: &Cookie, token: &str, lasts: Duration, highest_part: usize) -> Vec<String> {
        let mut edits = ResponseEdits::default();
        cookie.hand_out(&Token::new(token.into()).unwrap(), lasts, highest_part, &mut edits);
        edits.cookies().map(str::to_owned).collect()
    }

    fn line(cookie: &Cookie, lasts: Duration) -> String {
        lines(cookie, "abc", lasts, 0).remove(0)
    }

    #[test]
    fn the_default_is_the_safest_cookie() {
        assert_eq!(
            line(&Cookie::default(), Duration::from_secs(60)),
            "__Host-session=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        let mut edits = ResponseEdits::default();
        Cookie::default().take_back(0, &mut edits);
        assert_eq!(
            edits.cookies().collect::<Vec<_>>(),
            ["__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"]
        );
    }

    #[test]
    fn the_relaxed_cookie_lacks_secure_and_nothing_else() {
        assert_eq!(
            line(&Cookie::insecure_for_local_development("session"), Duration::from_secs(60)),
            "session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn options_appear_in_the_line() {
        let cookie = Cookie::named("id")
            .path("/app")
            .same_site(SameSite::Strict)
            .domain("example.com")
            .expires_with_browser();
        assert_eq!(
            line(&cookie, Duration::MAX),
            "id=abc; Path=/app; Domain=example.com; Secure; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn max_age_is_bounded() {
        assert!(line(&Cookie::default(), Duration::MAX).contains("Max-Age=34560000;"));
    }

    #[test]
    fn a_token_takes_as_many_cookies_as_it_needs_and_none_is_too_long() {
        let cookie = Cookie::named("id");
        for (len, count) in [(4094, 1), (4095, 2), (8184, 2), (8185, 3), (cookie.longest_token(), 9)] {
            let token = "x".repeat(len);
            let lines = lines(&cookie, &token, Duration::from_secs(1), 0);
            let pairs: Vec<_> = lines.iter().map(|line| line.split(';').next().unwrap()).collect();
            assert_eq!(pairs.len(), count, "{len}");
            assert!(pairs.iter().all(|pair| pair.len() - "=".len() <= 4096));
            let carried: usize =
                pairs.iter().map(|pair| pair.split_once('=').unwrap().1.matches('x').count()).sum();
            assert_eq!(carried, len);
        }
    }

    #[test]
    fn a_shorter_token_removes_the_parts_of_a_longer_one() {
        let lines = lines(&Cookie::named("id"), "abc", Duration::from_secs(1), 2);
        let starts: Vec<_> = lines.iter().map(|line| line.split(';').next().unwrap()).collect();
        assert_eq!(starts, ["id-1=", "id-2=", "id=abc"]);
        assert!(lines[1].contains("Max-Age=0"));
    }

    #[test]
    #[should_panic(expected = "must be Secure")]
    fn a_host_cookie_cannot_be_insecure() {
        let _ = Cookie::insecure_for_local_development("__Host-session");
    }

    #[test]
    #[should_panic(expected = "Path=/ and no Domain")]
    fn a_host_cookie_cannot_have_a_domain() {
        let _ = Cookie::default().domain("example.com");
    }

    #[test]
    #[should_panic(expected = "cookie name")]
    fn a_name_with_a_separator_is_a_mistake() {
        let _ = Cookie::named("a;b");
    }

    fn planted_for(cookie: &Cookie, host: &[u8]) -> Vec<String> {
        let mut edits = ResponseEdits::default();
        cookie.remove_planted(host, &mut edits);
        edits.cookies().map(str::to_owned).collect()
    }

    fn planted(host: &[u8]) -> Vec<String> {
        planted_for(&Cookie::named("id"), host)
    }

    #[test]
    fn our_own_domain_is_no_planted_one_however_it_is_spelled() {
        for own in ["example.com", ".example.com", "Example.COM"] {
            let cookie = Cookie::named("id").domain(own);
            assert!(line(&cookie, Duration::MAX).contains("; Domain=example.com; "), "{own}");
            for host in [&b"app.example.com"[..], b"App.Example.Com:8443"] {
                let lines = planted_for(&cookie, host);
                assert_eq!(lines.len(), 1, "{own}: {lines:?}");
                assert!(lines[0].to_ascii_lowercase().contains("; domain=app.example.com;"), "{own}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a cookie domain is a host name")]
    fn a_dot_is_no_domain() {
        let _ = Cookie::named("id").domain(".");
    }

    #[test]
    fn planted_variants_are_removed_for_each_parent_domain() {
        let lines = planted(b"app.shop.example.com:8443");
        let domains: Vec<_> = lines
            .iter()
            .map(|line| line.split("Domain=").nth(1).unwrap().split(';').next().unwrap())
            .collect();
        assert_eq!(domains, ["app.shop.example.com", "shop.example.com", "example.com"]);
        for hostile in
            [&b"127.0.0.1:80"[..], b"localhost", b"a.b\r\nSet-Cookie: x", b"[::1]:80", b"\xff.a", b""]
        {
            assert_eq!(planted(hostile), Vec::<String>::new());
        }
    }
}
