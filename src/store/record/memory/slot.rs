//! What is stored under one ID: a live record, or the tombstone of a session that has ended.

use std::{
    mem,
    sync::atomic::{AtomicU8, Ordering},
};

use super::{budget::Class, sweep_queue::Queue};
use crate::{
    id::SessionId,
    record::Record,
    store::{Absence, Ended, Loaded, ReferenceToken, Stored, Tombstone, authenticate},
    time::Timestamp,
};

/// What is stored under one ID. Two words, because there may be millions.
#[derive(Debug)]
pub(super) enum Slot {
    Live { record: Record, visits: Visits, mark: Mark },
    Ended { tombstone: Box<Tombstone>, mark: Mark },
}

impl Slot {
    pub(super) fn live(record: Record, mark: Mark) -> Self {
        Self::Live { record, visits: Visits(AtomicU8::new(Visits::NONE)), mark }
    }

    pub(super) fn ended(tombstone: Tombstone, mark: Mark) -> Self {
        Self::Ended { tombstone: Box::new(tombstone), mark }
    }

    pub(super) fn id(&self) -> SessionId {
        match self {
            Self::Live { record, .. } => record.id(),
            Self::Ended { tombstone, .. } => tombstone.id,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        match self {
            Self::Live { mark, .. } | Self::Ended { mark, .. } => *mark,
        }
    }

    /// Whether it is stored under this ID, whose mark is known.
    pub(super) fn is(&self, mark: Mark, id: &SessionId) -> bool {
        self.mark() == mark && self.id() == *id
    }

    /// What a presented token opens here. A tombstone answers any token of its session: an ID is no secret.
    pub(super) fn open(&self, presented: &ReferenceToken, now: Timestamp) -> Loaded {
        match self {
            Self::Live { record, visits, .. } => {
                let loaded = authenticate(record, presented, now);
                if matches!(loaded, Loaded::Live { .. }) {
                    visits.note();
                }
                loaded
            }
            Self::Ended { tombstone, .. } => Loaded::Absent(tombstone.absence(now)),
        }
    }

    /// What is stored, as the store sees it.
    pub(super) fn stored(&self) -> Stored {
        match self {
            Self::Live { record, .. } => Stored::Record(record.clone()),
            Self::Ended { tombstone, .. } => Stored::Tombstone(**tombstone),
        }
    }

    /// The live record, to be changed, or why there is none.
    pub(super) fn live_mut(&mut self, now: Timestamp) -> Result<&mut Record, Absence> {
        match self {
            Self::Live { record, .. } if record.is_expired(now) => Err(Absence::Expired),
            Self::Live { record, .. } => Ok(record),
            Self::Ended { tombstone, .. } => Err(tombstone.absence(now)),
        }
    }

    /// Puts a tombstone over what is stored here: what that was, and the answer.
    pub(super) fn bury(&mut self, tombstone: Tombstone, now: Timestamp) -> (Self, Ended) {
        let (tombstone, answer) = Stored::bury(Some(&self.stored()), tombstone, now);
        (mem::replace(self, Self::ended(tombstone, self.mark())), answer)
    }

    /// Whether it is garbage. A time stamp from the future sweeps nothing: it makes a record older, never younger.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Live { record, .. } => record.is_expired(now),
            Self::Ended { tombstone, .. } => now >= tombstone.until,
        }
    }

    pub(super) fn is_tombstone(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// The account that pays for it; a tombstone is on none.
    pub(super) fn class(&self) -> Option<Class> {
        match self {
            Self::Live { record, .. } => Some(Class::of(record)),
            Self::Ended { .. } => None,
        }
    }

    /// The queue in which its ticket belongs.
    pub(super) fn queue(&self) -> Queue {
        match self {
            Self::Ended { .. } => Queue::Ended,
            Self::Live { record, .. } if Class::of(record) == Class::LoggedIn => Queue::LoggedIn,
            Self::Live { visits, .. } if visits.any() => Queue::Anonymous,
            Self::Live { .. } => Queue::Fresh,
        }
    }

    /// Takes its second chance away; `false` if it had none.
    pub(super) fn spend_chance(&self) -> bool {
        match self {
            Self::Live { visits, .. } => visits.fade(),
            Self::Ended { .. } => false,
        }
    }
}

/// A few bits of the hash of a slot's ID: the position of the slot in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u32);

impl From<[u8; 4]> for Mark {
    fn from(bits: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bits))
    }
}

impl Mark {
    /// As long as a hash has to be. The table looks at both ends of it, so both depend on the bits.
    pub(super) fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Whether a client came back with the token: what eviction goes by.
#[derive(Debug)]
pub(super) struct Visits(AtomicU8);

impl Visits {
    /// The token was never presented.
    const NONE: u8 = 0;
    /// It was, but not since eviction last came by.
    const FADED: u8 = 1;
    /// It was presented since.
    const RECENT: u8 = 2;

    /// Writes only what changes something, so that hot loads leave the cache line clean.
    fn note(&self) {
        if self.0.load(Ordering::Relaxed) != Self::RECENT {
            self.0.store(Self::RECENT, Ordering::Relaxed);
        }
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != Self::NONE
    }

    fn fade(&self) -> bool {
        self.0.compare_exchange(Self::RECENT, Self::FADED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
