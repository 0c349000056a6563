//! Changes that wait in memory.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{entry::Entry, node::Node, save::Saver};
use crate::{
    record::{Record, Version},
    store::{Replaced, SessionStore, Touched},
    time::Timestamp,
};

impl<S: SessionStore> Node<S> {
    /// Replaces the state of a session in memory, if that may be, or answers what is known here.
    pub(super) fn replace_here(
        self: &Arc<Self>,
        next: &Record,
        expected: Version,
        now: Timestamp,
    ) -> Option<Replaced> {
        let rules = self.rules();
        // Made before the lock is taken.
        let kept = next.clone().settled();
        let change = |entry: &mut Entry| {
            if let Some(answer) = entry.known(next, expected, now) {
                return Some((answer, None));
            }
            if entry.record.version() != expected || !entry.may_wait(next, &rules, now) {
                return None;
            }
            let room = self.room_to_wait(entry)?;
            entry.change(kept, &rules, now);
            Some((Replaced::Done(None), room.begin(entry)))
        };
        let (answer, saver) = self.sessions.with(&next.id(), change).flatten()?;
        saver.into_iter().for_each(Saver::start);
        Some(answer)
    }

    /// Notes a use of a session in memory, if that may be.
    pub(super) fn touch_here(self: &Arc<Self>, touched: &Record, now: Timestamp) -> Option<Touched> {
        let rules = self.rules();
        let change = |entry: &mut Entry| {
            if !entry.may_wait_for_touch(touched, &rules, now) {
                return None;
            }
            let room = self.room_to_wait(entry)?;
            entry.touch(touched.last_active(), &rules, now);
            Some(room.begin(entry))
        };
        let saver = self.sessions.with(&touched.id(), change).flatten()?;
        saver.into_iter().for_each(Saver::start);
        Some(Touched::Done(None))
    }

    /// Room for a change of this session to wait, if there is any.
    fn room_to_wait(self: &Arc<Self>, entry: &Entry) -> Option<Room<S>> {
        if !self.lets_changes_wait() {
            return None;
        }
        if entry.saver != 0 {
            return Some(Room::Saver);
        }
        let runtime = Handle::try_current().ok().filter(|_| self.has_room())?;
        Some(Room::Free(Arc::clone(self), runtime))
    }
}

/// Room for a change that waits.
enum Room<S> {
    /// A task saves the changes of this session already.
    Saver,
    /// One can begin.
    Free(Arc<Node<S>>, Handle),
}

impl<S: SessionStore> Room<S> {
    /// The task to be begun, if one is needed.
    fn begin(self, entry: &mut Entry) -> Option<Saver<S>> {
        match self {
            Self::Free(node, runtime) if entry.due().is_some() => Some(Saver::new(node, runtime, entry)),
            _ => None,
        }
    }
}
