//! What an application requires of its store.

use std::fmt;

use super::guarantees::{Durability, Guarantees, Index, Revocation, Scope, TokenForm, Updates};

/// What an application requires of its store; see [`SessionManager::require`](crate::SessionManager::require).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Requirement {
    /// The sessions of a user can be listed and ended: for a list of devices, a logout everywhere, a limit on sessions. A store
    /// that lists those of its own process meets it.
    Index,
    /// An ended session is refused before it expires, at once or within a declared time.
    Revocation,
    /// Two requests never lose each other's changes.
    NoLostUpdates,
    /// A change that was acknowledged is as durable as the session: no crash of a server costs it.
    DurableChanges,
    /// Every server can answer for every session.
    AllNodes,
    /// Sessions survive a restart of what keeps them.
    SurvivesRestart,
    /// Clients cannot read what their session contains.
    HiddenFromClients,
}

impl Requirement {
    /// Whether a store with these guarantees meets it.
    ///
    /// ```
    /// use cloakroom::store::{MemoryStore, Requirement, SessionStore as _};
    ///
    /// let guarantees = MemoryStore::new().guarantees();
    /// assert!(Requirement::Index.is_met_by(&guarantees));
    /// assert!(!Requirement::SurvivesRestart.is_met_by(&guarantees));
    /// ```
    #[must_use]
    pub fn is_met_by(self, guarantees: &Guarantees) -> bool {
        match self {
            Self::Index => guarantees.index != Index::None,
            Self::Revocation => guarantees.revocation != Revocation::AtExpiry,
            Self::NoLostUpdates => guarantees.updates == Updates::NeverLost,
            Self::DurableChanges => guarantees.durability == Durability::AtOnce,
            Self::AllNodes => guarantees.scope == Scope::AllNodes,
            Self::SurvivesRestart => guarantees.survives_restart,
            Self::HiddenFromClients => guarantees.token != TokenForm::Readable,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "list and end the sessions of a user",
            Self::Revocation => "refuse an ended session before it expires",
            Self::NoLostUpdates => "keep the changes of two requests at the same time",
            Self::DurableChanges => "keep every acknowledged change if a server crashes",
            Self::AllNodes => "answer for a session on every server",
            Self::SurvivesRestart => "keep sessions over a restart",
            Self::HiddenFromClients => "hide a session's values from its client",
        })
    }
}

/// A store does not guarantee what the application requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the session store {store:?} cannot {requirement}, which this application requires; choose another store"
)]
#[non_exhaustive]
pub struct UnmetRequirement {
    /// The store's name.
    pub store: &'static str,
    /// The first requirement that it does not meet.
    pub requirement: Requirement,
}

impl Guarantees {
    /// Checks that the store meets all of these requirements.
    ///
    /// # Errors
    /// The first that it does not meet.
    pub(crate) fn check(
        &self,
        requirements: impl IntoIterator<Item = Requirement>,
    ) -> Result<(), UnmetRequirement> {
        match requirements.into_iter().find(|requirement| !requirement.is_met_by(self)) {
            Some(requirement) => Err(UnmetRequirement { store: self.name, requirement }),
            None => Ok(()),
        }
    }
}
