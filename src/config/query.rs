//! The query of a URL that names a store.

use percent_encoding::percent_decode_str;
#[cfg(feature = "postgres")]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::options::{ConfigError, Options};

/// The options in a query, and the rest of it, which belongs to the URL: a socket's database.
pub(super) fn parse_query(query: &str) -> Result<(Options, String), ConfigError> {
    let (mut options, mut rest) = (Options::default(), String::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            ConfigError::new("url", "its query has to consist of name=value pairs, separated by &")
        })?;
        if name == "db" {
            rest = format!("?{pair}");
            continue;
        }
        let value = percent_decode_str(value).decode_utf8();
        options.insert(name, value.map_err(|_| ConfigError::new(name, "not UTF-8 once it is decoded"))?);
    }
    Ok((options, rest))
}

/// What is encoded in the value of an option.
#[cfg(feature = "postgres")]
const IN_QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The URL with those of the options that belong to it.
#[cfg(feature = "postgres")]
pub(super) fn with_parameters(url: &str, options: &mut Options, names: &[&str]) -> String {
    let mut url = url.to_owned();
    for name in names {
        if let Some(value) = options.remove_text(name) {
            let separator = if url.contains('?') { '&' } else { '?' };
            let value = utf8_percent_encode(&value, &IN_QUERY);
            url.push_str(&format!("{separator}{name}={value}"));
        }
    }
    url
}
