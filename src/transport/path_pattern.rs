//! The paths that requests of other sites may be sent to.

/// A path, or many: `/saml/{org}/acs`, `/hooks/{*rest}`.
///
/// It is compared with the path of a request as it stands: nothing is decoded, and neither dots nor slashes are tidied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathPattern(Vec<Segment>);

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    /// `{name}`: one segment that is not empty.
    Any,
    /// `{*name}`, at the end: everything that follows, at least one letter.
    Rest,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("a path begins with a slash");
        }
        if text.contains(['?', '#']) {
            return Err("a path has neither a query nor a fragment");
        }
        let segments = text.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        match segments.iter().position(|segment| *segment == Segment::Rest) {
            Some(at) if at + 1 < segments.len() => Err("{*name} stands at the end of a path"),
            _ => Ok(Self(segments)),
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        let mut rest = Some(path);
        for segment in &self.0 {
            let Some(text) = rest else { return false };
            if *segment == Segment::Rest {
                return !text.is_empty();
            }
            let (first, after) = match text.split_once('/') {
                Some((first, after)) => (first, Some(after)),
                None => (text, None),
            };
            if !segment.matches(first) {
                return false;
            }
            rest = after;
        }
        rest.is_none()
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        match name.map(|name| (name.strip_prefix('*'), name)) {
            None if text.contains(['{', '}']) => Err("{name} takes a whole segment of a path"),
            None => Ok(Self::Literal(text.into())),
            Some((Some(name), _)) if is_name(name) => Ok(Self::Rest),
            Some((None, name)) if is_name(name) => Ok(Self::Any),
            Some(_) => Err("what stands between braces is a name: letters, digits and underscores"),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => **literal == *text,
            Self::Any | Self::Rest => !text.is_empty(),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(path)
    }

    #[test]
    fn a_path_without_braces_is_matched_exactly() {
        assert!(matches("/callback", "/callback"));
        for other in
            ["/callback/", "/callback/x", "/Callback", "/callbac", "//callback", "/c%61llback", "", "/"]
        {
            assert!(!matches("/callback", other), "{other}");
        }
        assert!(matches("/", "/"));
        assert!(matches("/a//b/", "/a//b/"));
    }

    #[test]
    fn a_name_stands_for_one_segment() {
        assert!(matches("/saml/{org}/acs", "/saml/acme/acs"));
        assert!(matches("/saml/{org}/acs", "/saml/a%2Fb/acs"));
        assert!(matches("/{a}/{b}", "/1/2"));
        for other in
            ["/saml//acs", "/saml/acme", "/saml/a/b/acs", "/saml/acme/acs/", "/saml/acme/acsx", "/x/acme/acs"]
        {
            assert!(!matches("/saml/{org}/acs", other), "{other}");
        }
    }

    #[test]
    fn a_name_with_an_asterisk_stands_for_everything_that_follows() {
        for path in ["/hooks/a", "/hooks/a/b", "/hooks/a/", "/hooks//"] {
            assert!(matches("/hooks/{*rest}", path), "{path}");
        }
        for path in ["/hooks", "/hooks/", "/hook/a"] {
            assert!(!matches("/hooks/{*rest}", path), "{path}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for pattern in [
            "callback",
            "",
            "/saml/{org",
            "/saml/org}",
            "/saml/x{org}",
            "/saml/{}",
            "/saml/{*}",
            "/saml/{a b}",
            "/{*rest}/acs",
            "/callback?state=1",
            "/{id:[0-9]+}",
        ] {
            assert!(PathPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
