//! A cookie as configurations contain it.

use serde::Deserialize;

use super::{Cookie, SameSite, plain_domain};

/// A cookie before it is checked.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Options {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    partitioned: bool,
    insecure_for_local_development: bool,
    expires_with_browser: bool,
    /// [`Cookie::replaces`], for each.
    replaces: Vec<Cookie>,
}

impl Default for Options {
    fn default() -> Self {
        let Cookie { name, path, domain, same_site, .. } = Cookie::default();
        Self {
            name,
            path,
            domain,
            same_site,
            partitioned: false,
            insecure_for_local_development: false,
            expires_with_browser: false,
            replaces: Vec::new(),
        }
    }
}

impl TryFrom<Options> for Cookie {
    type Error = &'static str;

    fn try_from(options: Options) -> Result<Self, &'static str> {
        let mut cookie = Self {
            name: options.name,
            path: options.path,
            domain: options.domain.as_deref().map(plain_domain),
            same_site: options.same_site,
            secure: !options.insecure_for_local_development,
            partitioned: options.partitioned,
            ends_with_browser: options.expires_with_browser,
            replaced: Vec::new(),
        };
        options.replaces.into_iter().for_each(|old| cookie.add_replaced(old));
        cookie.flaw().map_or(Ok(cookie), Err)
    }
}
