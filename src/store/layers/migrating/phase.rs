//! The phases of a migration.

/// How far a migration has come, as one server sees it.
///
/// Servers in neighbouring phases may serve at the same time, so a phase is rolled out like any other change, server by
/// server and in any order. The way back is the way there with the two stores swapped; see
/// [`MigratingStore`](crate::store::MigratingStore#the-way-back).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Phase {
    /// Both stores are read. New sessions begin in the old one, and each session is written where it is.
    Prepare,
    /// Both stores are read. New sessions begin in the new one, and each session moves there when it is next written.
    Move,
    /// Only the new store is read and written. A logout still ends both.
    Finish,
}
