//! Statements, arguments and rows as the client takes and returns them.
//!
//! The types of all parameters are named, because PostgreSQL cannot tell them where they are only added to each other.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::{
    Row,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use super::super::sql::{Row as Columns, Statement, Value};

/// The types of the parameters of a statement, from `$1` on.
pub(super) const fn types(statement: Statement) -> &'static [Type] {
    const BYTES: Type = Type::BYTEA;
    const INTEGER: Type = Type::INT8;
    match statement {
        Statement::Read => const { &[BYTES] },
        Statement::Create => {
            const { &[BYTES, BYTES, INTEGER, BYTES, INTEGER, INTEGER, INTEGER, BYTES, INTEGER] }
        }
        Statement::Replace => {
            const { &[BYTES, BYTES, INTEGER, BYTES, INTEGER, INTEGER, INTEGER, BYTES, INTEGER, BYTES] }
        }
        Statement::Touch => const { &[BYTES, INTEGER, INTEGER, INTEGER] },
        Statement::Bury => const { &[BYTES, INTEGER, INTEGER, INTEGER, INTEGER, BYTES] },
        Statement::List | Statement::Count => const { &[BYTES, INTEGER] },
        Statement::AppendRevocation => const { &[INTEGER, INTEGER, INTEGER, BYTES] },
        Statement::ReadRevocations => const { &[INTEGER] },
        Statement::Sweep => const { &[INTEGER, INTEGER] },
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(integer) => integer.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::BYTEA, Type::INT8].contains(ty)
    }

    to_sql_checked!();
}

/// The columns of a row; none if one of them is neither an integer nor bytes.
pub(super) fn columns(row: &Row) -> Option<Columns> {
    let column = |at: usize| match *row.columns()[at].type_() {
        Type::INT8 => Some(row.try_get::<_, Option<i64>>(at).ok()?.map_or(Value::Null, Value::Integer)),
        Type::BYTEA => Some(row.try_get::<_, Option<&[u8]>>(at).ok()?.map_or(Value::Null, Value::from)),
        _ => None,
    };
    (0..row.len()).map(column).collect()
}
