//! Stores that end all sessions of a subject by one write: [`Revocations`].

use std::fmt;

use async_trait::async_trait;

use super::{Absence, StoreContext};
use crate::{error::StoreError, id::SessionId, record::Record, time::Timestamp};

/// Ends sessions that the store cannot list, because their clients carry them.
///
/// Revocations are numbered in the order in which they count. A session notes which of them came
/// [before](crate::record::Record::revocation_sequence) its login, and only later ones end it: a login right after "end all" is good,
/// whatever the clocks say.
#[async_trait]
pub trait Revocations: fmt::Debug + Send + Sync {
    /// The number of the last revocation that a session comes after which begins, or logs in, at this moment.
    ///
    /// For a login it contains every revocation that was confirmed before this call, at whichever server.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn sequence(&self, is_login: bool, cx: StoreContext) -> Result<u64, StoreError>;

    /// Why a session that was open before does not count any more, if it has ended.
    ///
    /// A handle that outlives its request asks this when it looks again.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn end_of(&self, record: &Record, cx: StoreContext) -> Result<Option<Absence>, StoreError>;

    /// Ends all sessions of `subject` whose login came before this call, but this one, and returns once that is certain.
    ///
    /// No token of theirs lives longer than until `until`.
    ///
    /// # Errors
    /// When it is not certain. The call may be repeated.
    async fn end_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<(), StoreError>;
}
