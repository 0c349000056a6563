//! The origin of a page (RFC 6454): scheme, host and port.

/// The origin of pages whose requests may change sessions, in the form in which browsers send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(Box<str>);

impl Origin {
    /// Reads `scheme://host` or `scheme://host:port`.
    ///
    /// # Errors
    /// What is wrong with it. `null` is refused, because every sandboxed frame has that origin.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, authority) =
            text.split_once("://").ok_or("an origin has a scheme and a host, as in https://app.example")?;
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if scheme.is_empty() || !scheme.bytes().all(in_scheme) {
            return Err("the scheme of an origin is a word such as https");
        }
        let (host, port) = split_port(authority.as_bytes());
        if host.is_empty() || !authority.bytes().all(in_host) {
            return Err(
                "an origin ends after its host and port, and writes other letters than a to z as browsers do (xn--…)",
            );
        }
        let is_default = matches!((scheme, port), ("http", b"80") | ("https", b"443")) || port.is_empty();
        let authority = if is_default { &authority[..host.len()] } else { authority };
        Ok(Self(format!("{scheme}://{authority}").to_ascii_lowercase().into()))
    }

    /// Whether it is the value of an `Origin` header.
    pub(super) fn is(&self, header: &[u8]) -> bool {
        self.0.as_bytes().eq_ignore_ascii_case(header)
    }
}

/// Whether the origin in a request's header is the host that it was sent to.
///
/// The scheme is not compared, because a server behind a proxy does not know its own. For the same reason the default ports
/// of both schemes count as none.
pub(super) fn is_own(origin: &[u8], host: Option<&[u8]>) -> bool {
    let after_scheme = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    let (Some(origin), Some(host)) = (after_scheme, host) else { return false };
    let ((name, port), (own_name, own_port)) = (split_port(origin), split_port(host));
    name.eq_ignore_ascii_case(own_name) && unless_default(port) == unless_default(own_port)
}

/// Whether pages of this origin come over plain HTTP from another machine: a browser keeps no `Secure` cookie for it.
pub(super) fn is_plain_and_remote(origin: &[u8]) -> bool {
    let Some(authority) = origin.strip_prefix(b"http://") else { return false };
    let (host, _) = split_port(authority);
    let is_local = host == b"localhost"
        || host.ends_with(b".localhost")
        || host.starts_with(b"127.")
        || host == b"[::1]";
    !is_local
}

/// The port, or nothing if it is the default one of HTTP or HTTPS.
fn unless_default(port: &[u8]) -> &[u8] {
    if matches!(port, b"80" | b"443") { b"" } else { port }
}

/// Host and port, which is empty if there is none. The colons of an IPv6 address stand between brackets.
fn split_port(authority: &[u8]) -> (&[u8], &[u8]) {
    match authority.iter().rposition(|byte| *byte == b':') {
        Some(at) if authority[at + 1..].iter().all(u8::is_ascii_digit) => {
            (&authority[..at], &authority[at + 1..])
        }
        _ => (authority, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_send_it() {
        for (text, sent) in [
            ("https://app.example", "https://app.example"),
            ("https://App.Example:443", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("https://app.example:80", "https://app.example:80"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert!(Origin::parse(text).unwrap().is(sent.as_bytes()), "{text}");
        }
        assert!(!Origin::parse("https://app.example").unwrap().is(b"http://app.example"));
        assert!(!Origin::parse("https://app.example").unwrap().is(b"https://app.example.evil"));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "null",
            "",
            "app.example",
            "https://",
            "https://:443",
            "https://app.example/",
            "https://app.example/path",
            "https://user@app.example",
            "https://*.example",
            "https://bücher.example",
            "ht tp://app.example",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn default_ports_count_as_none() {
        for (origin, host) in [
            ("https://shop.example", "shop.example"),
            ("https://shop.example", "shop.example:443"),
            ("http://shop.example", "shop.example:80"),
            ("https://shop.example", "shop.example:80"),
            ("https://shop.example:443", "Shop.Example"),
            ("http://[::1]:3000", "[::1]:3000"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert!(is_own(origin.as_bytes(), Some(host.as_bytes())), "{origin} at {host}");
        }
    }

    #[test]
    fn only_plain_http_from_another_machine_loses_secure_cookies() {
        for origin in ["http://shop.example", "http://192.168.1.7:3000", "http://localhost.example"] {
            assert!(is_plain_and_remote(origin.as_bytes()), "{origin}");
        }
        for origin in
            ["https://shop.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:80", "null"]
        {
            assert!(!is_plain_and_remote(origin.as_bytes()), "{origin}");
        }
    }

    #[test]
    fn another_host_or_port_is_foreign() {
        for (origin, host) in [
            ("https://shop.example:8443", "shop.example"),
            ("https://shop.example", "shop.example:8443"),
            ("https://shop.example.evil", "shop.example"),
            ("https://evil.example", "shop.example"),
            ("null", "null"),
            ("", ""),
            ("ftp://shop.example", "shop.example"),
            ("http://[::1]", "[::2]"),
        ] {
            assert!(!is_own(origin.as_bytes(), Some(host.as_bytes())), "{origin} at {host}");
        }
        assert!(!is_own(b"https://shop.example", None));
    }
}
