//! Values and updates with their types, as a handler names them.

use serde::{Serialize, de::DeserializeOwned};

use super::op::{Change, conflict};
use crate::{
    error::SessionError,
    key::KeyName,
    record::Data,
    value::{decode, encode},
};

/// The value under `key`, if there is one that its reader wants.
pub(super) fn read<T: DeserializeOwned>(data: &Data, key: &impl KeyName) -> Result<Option<T>, SessionError> {
    decoded(data.get(key.name()), key.discards_undecodable()).map_err(|error| error.of_key(key.name()))
}

fn decoded<T: DeserializeOwned>(
    text: Option<&[u8]>,
    discards_undecodable: bool,
) -> Result<Option<T>, SessionError> {
    match text.map(decode).transpose() {
        Err(_) if discards_undecodable => Ok(None),
        value => value,
    }
}

/// A typed closure as the log keeps it.
pub(super) fn erase<T, R, E>(
    change: impl Fn(&mut T) -> Result<R, E> + Send + 'static,
    discards_undecodable: bool,
) -> Change
where
    T: Default + Serialize + DeserializeOwned,
{
    // Not captured: the box of a closure that captures nothing needs no allocation.
    if discards_undecodable {
        Box::new(move |current| changed(&change, current, true))
    } else {
        Box::new(move |current| changed(&change, current, false))
    }
}

/// The text of the value that `change` makes of the stored one.
fn changed<T, R, E>(
    change: impl Fn(&mut T) -> Result<R, E>,
    current: Option<&[u8]>,
    discards_undecodable: bool,
) -> Result<Vec<u8>, SessionError>
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut value: T = decoded(current, discards_undecodable)?.unwrap_or_default();
    change(&mut value).map_err(|_| conflict("an update refused what another request has written"))?;
    encode(&value)
}
