//! What a server knows of the log of revocations: [`View`].

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::Hash,
    time::Duration,
};

use crate::{
    id::{KeyId, SessionId},
    record::Record,
    store::{Absence, EndedBy, Revoked, RevokedSessions, SubjectHash},
    time::Timestamp,
};

/// For how long an entry is still known that no token needs any more, because clocks differ.
const MARGIN: Duration = Duration::from_secs(60);

/// How many entries a pull forgets, beside as many as it has brought.
const FORGOTTEN_AT_ONCE: usize = 64;

/// The revocations that concern tokens which may still be presented. Entries may be added in any order, and more than once.
#[derive(Debug, Default)]
pub(super) struct View {
    sessions: HashMap<SessionId, EndedSession>,
    subjects: HashMap<SubjectHash, EndedSubject>,
    /// The keys whose tokens are refused, and until when.
    keys: HashMap<KeyId, Timestamp>,
    /// The highest number of an entry that ends all sessions, and when.
    all: Option<(u64, Timestamp)>,
    /// The highest number of an entry that ends the sessions of a subject: a session that comes after it needs no closer look.
    highest_of_subjects: u64,
    expiring: BinaryHeap<Reverse<(Timestamp, Name)>>,
    /// What was forgotten was to be kept until then at the latest.
    forgotten_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct EndedSession {
    pub(super) at: Timestamp,
    pub(super) by: EndedBy,
    pub(super) keep_until: Timestamp,
}

/// What ends the sessions of one subject.
///
/// All entries that concern a session count, so the highest of them does. Which ones concern it depends on the session that an
/// entry spares: two numbers are enough to tell.
#[derive(Debug, Clone, Copy)]
struct EndedSubject {
    /// The highest number, the session that it spares, and when it was.
    highest: u64,
    spares: Option<SessionId>,
    at: Timestamp,
    /// The highest number of those entries that spare another session or none.
    highest_for_spared: u64,
    keep_until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Session(SessionId),
    Subject(SubjectHash),
    Key(KeyId),
}

impl View {
    /// Why the session of a genuine token is not to be believed, if it is not.
    pub(super) fn refusal(&self, record: &Record) -> Option<Absence> {
        let (id, sequence) = (record.id(), record.revocation_sequence());
        if let Some(ended) = self.sessions.get(&id) {
            return Some(Absence::Ended { id, at: ended.at, by: ended.by });
        }
        let all = self.all.filter(|(number, _)| *number > sequence).map(|(_, at)| at);
        all.or_else(|| self.end_of_subject(record)).map(|at| Absence::Ended { id, at, by: EndedBy::Other })
    }

    fn end_of_subject(&self, record: &Record) -> Option<Timestamp> {
        let (id, sequence) = (record.id(), record.revocation_sequence());
        if self.highest_of_subjects <= sequence {
            return None;
        }
        let ended = self.subjects.get(&SubjectHash::of(record.subject()?))?;
        let number = if ended.spares == Some(id) { ended.highest_for_spared } else { ended.highest };
        (number > sequence).then_some(ended.at)
    }

    /// Whether tokens of this key are refused.
    pub(super) fn refuses(&self, key: impl FnOnce() -> Option<KeyId>) -> bool {
        !self.keys.is_empty() && key().is_some_and(|key| self.keys.contains_key(&key))
    }

    /// What is known of the end of a session by itself.
    pub(super) fn ended(&self, id: &SessionId) -> Option<EndedSession> {
        self.sessions.get(id).copied()
    }

    pub(super) fn add(&mut self, number: u64, entry: &Revoked) {
        match entry.what {
            RevokedSessions::All => {
                if self.all.is_none_or(|(highest, _)| highest < number) {
                    self.all = Some((number, entry.at));
                }
            }
            RevokedSessions::OfKey(key) => {
                add(&mut self.keys, key, entry.keep_until, Timestamp::max);
                self.expiring.push(Reverse((entry.keep_until, Name::Key(key))));
            }
            RevokedSessions::OfSubject { subject, except } => {
                self.highest_of_subjects = self.highest_of_subjects.max(number);
                let ended = EndedSubject::by(number, except, entry);
                add(&mut self.subjects, subject, ended, EndedSubject::and);
                self.expiring.push(Reverse((entry.keep_until, Name::Subject(subject))));
            }
            RevokedSessions::One { id, by } => {
                let ended = EndedSession { at: entry.at, by, keep_until: entry.keep_until };
                add(&mut self.sessions, id, ended, EndedSession::and);
                self.expiring.push(Reverse((entry.keep_until, Name::Session(id))));
            }
        }
    }

    /// Forgets a few of the entries whose time has passed.
    pub(super) fn forget(&mut self, added: usize, now: Timestamp) {
        for _ in 0..added + FORGOTTEN_AT_ONCE {
            match self.expiring.peek() {
                Some(Reverse((until, _))) if *until + MARGIN <= now => {}
                _ => return,
            }
            let Some(Reverse((until, name))) = self.expiring.pop() else { return };
            self.forgotten_until = self.forgotten_until.max(Some(until));
            // One that was prolonged is in the queue again.
            match name {
                Name::Session(id) => remove_if(&mut self.sessions, id, |ended| ended.keep_until <= until),
                Name::Key(id) => remove_if(&mut self.keys, id, |keep_until| *keep_until <= until),
                Name::Subject(id) => remove_if(&mut self.subjects, id, |ended| ended.keep_until <= until),
            }
        }
    }

    /// Whether something was forgotten that is needed again, because the clock was ahead and has fallen back.
    pub(super) fn has_forgotten_too_much(&self, now: Timestamp) -> bool {
        self.forgotten_until.is_some_and(|until| now < until)
    }

    /// Everything is going to be read again.
    pub(super) fn begin_anew(&mut self) {
        self.forgotten_until = None;
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.sessions.len() + self.subjects.len()
    }
}

fn add<K: Eq + Hash, V: Copy>(map: &mut HashMap<K, V>, key: K, new: V, and: fn(V, V) -> V) {
    map.entry(key).and_modify(|known| *known = and(*known, new)).or_insert(new);
}

fn remove_if<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, is_over: impl FnOnce(&V) -> bool) {
    if map.get(&key).is_some_and(is_over) {
        map.remove(&key);
    }
}

impl EndedSession {
    /// Of two ends the first counts, unless only the second is by the session's own client.
    fn and(self, other: Self) -> Self {
        let keep_until = self.keep_until.max(other.keep_until);
        let other_counts = match (self.by, other.by) {
            (EndedBy::Other, EndedBy::Client) => true,
            (EndedBy::Client, EndedBy::Other) => false,
            _ => other.at < self.at,
        };
        Self { keep_until, ..if other_counts { other } else { self } }
    }
}

impl EndedSubject {
    fn by(number: u64, spares: Option<SessionId>, entry: &Revoked) -> Self {
        Self { highest: number, spares, at: entry.at, highest_for_spared: 0, keep_until: entry.keep_until }
    }

    /// Adds one entry to what is known.
    fn and(self, entry: Self) -> Self {
        let (mut higher, lower) = if entry.highest > self.highest { (entry, self) } else { (self, entry) };
        let for_spared = if lower.spares == higher.spares { lower.highest_for_spared } else { lower.highest };
        higher.highest_for_spared = higher.highest_for_spared.max(for_spared);
        higher.keep_until = higher.keep_until.max(lower.keep_until);
        higher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::WriteId,
        record::{Lifetime, Subject},
        secret::Secret,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn id(n: u8) -> SessionId {
        SessionId::from_bytes([n; 16])
    }

    fn record(n: u8, sequence: u64) -> Record {
        let lifetime = Lifetime { idle: HOUR, absolute: HOUR };
        Record::new(id(n), Secret::from_bytes([1; 16]), WriteId::from_u64(1), lifetime, NOW)
            .into_draft()
            .logged_in(Subject::new("alice"), NOW)
            .after_revocations(sequence)
            .finish()
    }

    fn entry(what: RevokedSessions) -> Revoked {
        Revoked { what, at: NOW, keep_until: NOW + HOUR }
    }

    fn of_alice(except: Option<u8>) -> Revoked {
        let subject = SubjectHash::of("alice");
        entry(RevokedSessions::OfSubject { subject, except: except.map(id) })
    }

    /// Every order of three entries, some of them twice, against the rule: a session ends if any entry above its sequence does not
    /// spare it.
    #[test]
    fn the_highest_entry_that_concerns_a_session_counts_in_whatever_order_they_come() {
        let spared = [None, Some(1), Some(2)];
        for combination in 0..27 {
            let spared_by = |place: usize| spared[combination / place % 3];
            let entries = [(10, spared_by(1)), (20, spared_by(3)), (30, spared_by(9))];
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut view = View::default();
                for n in order.into_iter().chain(order) {
                    view.add(entries[n].0, &of_alice(entries[n].1));
                }
                for (n, sequence) in (1..=3).flat_map(|n| [5, 10, 15, 20, 25, 30].map(|at| (n, at))) {
                    let ends = entries.iter().any(|(at, spares)| *at > sequence && *spares != Some(n));
                    let refused = view.refusal(&record(n, sequence)).is_some();
                    assert_eq!(refused, ends, "{entries:?} in order {order:?}: session {n} after {sequence}");
                }
            }
        }
    }

    #[test]
    fn everyone_ends_who_comes_before_and_a_session_by_itself_ends_for_good() {
        let mut view = View::default();
        view.add(20, &entry(RevokedSessions::All));
        view.add(10, &entry(RevokedSessions::All));
        assert!(view.refusal(&record(1, 19)).is_some(), "an older entry lowers nothing");
        assert!(view.refusal(&record(1, 20)).is_none());
        view.add(15, &entry(RevokedSessions::One { id: id(1), by: EndedBy::Client }));
        assert!(view.refusal(&record(1, 20)).is_some());
        assert!(view.refusal(&record(2, 20)).is_none());
    }

    #[test]
    fn what_no_token_needs_is_forgotten_a_few_at_a_time_and_known_to_be() {
        let mut view = View::default();
        for n in 0..100 {
            view.add(u64::from(n) + 1, &entry(RevokedSessions::One { id: id(n), by: EndedBy::Other }));
        }
        view.forget(0, NOW + HOUR);
        assert_eq!(view.len(), 100, "clocks differ");
        view.forget(0, NOW + HOUR + MARGIN);
        assert_eq!(view.len(), 100 - FORGOTTEN_AT_ONCE);
        assert!(view.has_forgotten_too_much(NOW));
        assert!(!view.has_forgotten_too_much(NOW + HOUR));
        view.forget(100, NOW + HOUR + MARGIN);
        assert_eq!(view.len(), 0);
    }

    #[test]
    fn an_entry_that_was_prolonged_is_kept() {
        let mut view = View::default();
        let one = entry(RevokedSessions::One { id: id(1), by: EndedBy::Other });
        view.add(1, &one);
        view.add(2, &Revoked { keep_until: NOW + 3 * HOUR, ..one });
        view.forget(0, NOW + 2 * HOUR);
        assert!(view.ended(&id(1)).is_some());
        view.forget(0, NOW + 4 * HOUR);
        assert!(view.ended(&id(1)).is_none());
    }
}
