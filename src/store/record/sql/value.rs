//! What statements take and return: [`Value`].

use crate::error::{StoreError, StoreErrorKind};

/// An argument of a statement, or a column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Value {
    Null,
    Integer(i64),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn integer(self) -> Result<i64, StoreError> {
        match self {
            Self::Integer(integer) => Ok(integer),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) fn bytes(self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

/// Something else than this crate has written the table, or another table has its name. The value is not repeated.
fn unexpected(value: &Value) -> StoreError {
    let kind = match value {
        Value::Null => "NULL",
        Value::Integer(_) => "an integer",
        Value::Bytes(_) => "bytes",
    };
    StoreError::new(StoreErrorKind::Corrupt, format!("a column of the table of sessions holds {kind}"))
}
