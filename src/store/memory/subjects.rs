//! The index of sessions by subject.
//!
//! Whoever makes a session one of a subject's holds that subject's page open while the slot is written, so that the
//! two change as one. An entry goes only when its session is seen to have gone, with the page held again. So a session
//! is never without its entry; an entry may for a moment be without its session, and readers check.

use std::sync::Arc;

use dashmap::{DashMap, Entry};

use crate::id::SessionId;

/// The IDs of each subject's sessions.
///
/// Hashed by the standard library's keyed hash: subjects may choose their names, unlike session IDs.
#[derive(Debug, Default)]
pub(super) struct Subjects(DashMap<Arc<str>, Vec<SessionId>>);

impl Subjects {
    /// The page of a subject, which nobody else reads or writes until it is dropped.
    pub(super) fn open(&self, subject: Arc<str>) -> Page<'_> {
        Page(self.0.entry(subject))
    }

    /// The IDs on a subject's page.
    pub(super) fn read(&self, subject: &str) -> Vec<SessionId> {
        self.0.get(subject).map_or_else(Vec::new, |ids| ids.clone())
    }

    /// Strikes an ID off a subject's page, if it is `gone` while the page is held.
    pub(super) fn forget(&self, subject: &str, id: SessionId, gone: impl FnOnce() -> bool) {
        self.0.remove_if_mut(subject, |_, ids| {
            if gone() {
                ids.retain(|entry| *entry != id);
            }
            ids.is_empty()
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|ids| ids.len()).sum()
    }
}

/// The page of one subject, held open.
pub(super) struct Page<'a>(Entry<'a, Arc<str>, Vec<SessionId>>);

impl Page<'_> {
    /// Enters an ID and closes the page.
    pub(super) fn enter(self, id: SessionId) {
        match self.0 {
            Entry::Vacant(page) => {
                page.insert(vec![id]);
            }
            Entry::Occupied(mut page) if !page.get().contains(&id) => page.get_mut().push(id),
            Entry::Occupied(_) => {}
        }
    }
}
