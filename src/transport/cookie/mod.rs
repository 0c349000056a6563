//! The session cookie: its name and its attributes (RFC 6265bis, section 4.1).
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Cookie`] and its attributes |
//! | `options` | the same, as configurations contain it |
//! | `lines` | the `Set-Cookie` lines: tokens in one line or several, removals |
//! | `variants` | cookies of the same name that are not this one |

mod lines;
#[cfg(feature = "config")]
mod options;
mod variants;

pub(crate) use self::variants::{Sweep, Target};

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
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(try_from = "options::Options"))]
pub struct Cookie {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    secure: bool,
    partitioned: bool,
    ends_with_browser: bool,
    /// Those in whose place it is.
    replaced: Vec<Self>,
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

/// Browsers ignore a longer path (RFC 6265bis, section 5.6).
const LONGEST_PATH: usize = 1024;

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
            partitioned: false,
            ends_with_browser: false,
            replaced: Vec::new(),
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
    /// It is the path as browsers see it. Where a proxy or a nested router takes a prefix away before the session layer sees the
    /// request, tell the manager [where the app is](crate::SessionManager::mounted_at). A request outside the path comes without the
    /// cookie, so what its handler writes cannot be told from a first visit, and the new cookie would displace the one below the
    /// path. Such a write is refused with [`OutsideCookiePath`](crate::SessionErrorKind::OutsideCookiePath), unless it logs in.
    ///
    /// # Panics
    /// If the path does not begin with `/`, has a semicolon, a control character or more than 1024 bytes, or the name begins
    /// with `__Host-` and the path is not `/`.
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

    /// Gives the cookie a jar of its own for each site in whose pages the app is embedded (CHIPS). Default: one jar for all.
    ///
    /// Browsers that block third-party cookies send an embedded app only such ones. It goes with
    /// [`SameSite::None`](SameSite::None); a visitor then has one session at the app itself and another one inside each site.
    ///
    /// ```
    /// use cloakroom::{Cookie, SameSite};
    ///
    /// let embedded = Cookie::named("__Host-chat").same_site(SameSite::None).partitioned();
    /// ```
    ///
    /// # Panics
    /// Without `Secure`: browsers refuse that.
    #[must_use]
    pub fn partitioned(self) -> Self {
        Self { partitioned: true, ..self }.checked()
    }

    /// Lets the browser forget the cookie when it is closed, by sending no lifetime. Default: the cookie lasts as long as its
    /// session can.
    ///
    /// A session that is [remembered](crate::Session::remember) outlives the browser all the same. The session's own timeouts
    /// hold either way.
    ///
    /// ```
    /// use cloakroom::Cookie;
    ///
    /// let cookie = Cookie::default().expires_with_browser();
    /// ```
    #[must_use]
    pub fn expires_with_browser(self) -> Self {
        Self { ends_with_browser: true, ..self }
    }

    /// Takes the place of `old`, a cookie that this app has used before.
    ///
    /// To a browser, a cookie is its name, its domain and its path together (and whether it is partitioned). An app that changes
    /// one of them leaves the old cookie in its users' browsers, where it may still open a session. With this, a session that
    /// comes in the old cookie goes on: the client gets a new token in this cookie, and the old cookie is removed. It is also
    /// removed with every token that is handed out, and at a logout. Several calls name several old cookies.
    ///
    /// Where both cookies open a session, the one in this cookie counts. Remove the call when the old cookies have expired: as
    /// long as it is there, whoever can plant the old cookie can give a visitor without a session one of their own.
    ///
    /// ```
    /// use cloakroom::Cookie;
    ///
    /// // The app was at /app and is now at /, under a name that no sibling subdomain can plant.
    /// let cookie = Cookie::named("__Host-session").replaces(Cookie::named("session").path("/app"));
    /// ```
    ///
    /// # Panics
    /// If `old` is this cookie: the same name, domain and path.
    #[must_use]
    pub fn replaces(mut self, old: Self) -> Self {
        self.add_replaced(old);
        self.checked()
    }

    fn add_replaced(&mut self, mut old: Self) {
        let older = std::mem::take(&mut old.replaced);
        self.replaced.push(old);
        self.replaced.extend(older);
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

    /// The other names under which its tokens may come.
    pub(super) fn old_names(&self) -> impl Iterator<Item = &str> {
        let is_new = |(at, old): &(usize, &Self)| {
            old.name != self.name && self.replaced[..*at].iter().all(|known| known.name != old.name)
        };
        self.replaced.iter().enumerate().filter(is_new).map(|(_, old)| old.name())
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
        if !is_legal_name(&self.name) {
            Some("a cookie name has 1 to 64 letters, digits and the like, without spaces or separators")
        } else if !self.secure && (host || has_prefix(&self.name, SECURE_PREFIX)) {
            Some("a cookie named __Host-… or __Secure-… must be Secure")
        } else if !self.secure && self.same_site == SameSite::None {
            Some("SameSite=None needs Secure")
        } else if !self.secure && self.partitioned {
            Some("a partitioned cookie must be Secure")
        } else if host && (self.path != "/" || self.domain.is_some()) {
            Some("a cookie named __Host-… has Path=/ and no Domain")
        } else if !is_legal_path(&self.path) {
            Some("a cookie path begins with /, has at most 1024 bytes and no semicolon")
        } else if self.domain.as_deref().is_some_and(|domain| !is_legal_domain(domain)) {
            Some("a cookie domain is a host name")
        } else if self.replaced.iter().any(|old| self.is_same(old)) {
            Some("a cookie replaces one with another name, domain or path, not itself")
        } else {
            None
        }
    }

    /// Whether a browser would take both for one cookie.
    fn is_same(&self, other: &Self) -> bool {
        let identity = |cookie: &Self| {
            (cookie.name.clone(), cookie.domain.clone(), cookie.path.clone(), cookie.partitioned)
        };
        identity(self) == identity(other)
    }
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

fn is_legal_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= LONGEST_PATH && path.bytes().all(in_path)
}

fn in_path(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b';'
}

fn is_legal_domain(domain: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=253).contains(&domain.len()) && domain.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    #[should_panic(expected = "a cookie domain is a host name")]
    fn a_dot_is_no_domain() {
        let _ = Cookie::named("id").domain(".");
    }

    #[test]
    #[should_panic(expected = "partitioned cookie must be Secure")]
    fn a_partitioned_cookie_cannot_be_insecure() {
        let _ = Cookie::insecure_for_local_development("id").partitioned();
    }

    #[test]
    #[should_panic(expected = "not itself")]
    fn a_cookie_does_not_replace_itself() {
        let _ =
            Cookie::named("id").domain("example.com").replaces(Cookie::named("id").domain(".Example.com"));
    }

    #[test]
    fn old_cookies_of_old_cookies_are_replaced_too() {
        let older = Cookie::named("a").replaces(Cookie::named("b"));
        let cookie = Cookie::default().replaces(older).replaces(Cookie::named("c").path("/c"));
        assert_eq!(cookie.old_names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
