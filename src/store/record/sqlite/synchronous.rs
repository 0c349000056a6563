//! How much a commit waits for the disk: [`Synchronous`].

/// What a commit of a [`SqliteStore`](super::SqliteStore) waits for.
///
/// Either way a process that is killed loses nothing that was acknowledged, and the file is never damaged by a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// For the disk, so that what was acknowledged survives a power failure, too. It is the default.
    #[default]
    Full,
    /// For the operating system. A power failure may lose what was acknowledged lately, logouts included.
    Normal,
}

impl Synchronous {
    pub(super) const fn as_sql(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}
