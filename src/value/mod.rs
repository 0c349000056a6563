//! A value of a session and its JSON text: what is written is read back exactly, or refused.

// The modules:
// `mod`: from a value to its text and back
// `faithful`: a serializer that refuses what JSON cannot express
// `depth`: how deep a text is nested

mod depth;
mod faithful;
#[cfg(test)]
mod tests;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;

pub(crate) use self::depth::is_nested_at_most;
use crate::error::{SessionError, SessionErrorKind};

/// How deep the lists and objects of a value may be nested. `serde_json` reads a little more than that; what a token wraps
/// around a value has to fit, too, so that every store takes the same.
pub(crate) const MAX_DEPTH: usize = 100;

/// The text of a value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SessionError> {
    let text = faithful::to_vec(value).map_err(unencodable)?;
    if !is_nested_at_most(MAX_DEPTH, &text) {
        return Err(unencodable("its lists and objects are nested more than 100 deep"));
    }
    Ok(text)
}

/// The value of a text.
pub(crate) fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<T, SessionError> {
    serde_json::from_slice(text).map_err(|error| {
        // The decoder's own words may quote the value; the place is enough.
        let place = match error.classify() {
            Category::Data => format!("at line {} column {}", error.line(), error.column()),
            _ => "it cannot be read as JSON".to_owned(),
        };
        SessionError::new(
            SessionErrorKind::Undecodable,
            format!("the stored value is not of the type that was asked for ({place})"),
        )
    })
}

fn unencodable(reason: &'static str) -> SessionError {
    SessionError::new(
        SessionErrorKind::Unencodable,
        format!("the value cannot be stored so that it is read back exactly: {reason}"),
    )
}
