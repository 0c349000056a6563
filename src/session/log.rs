//! The operation log: what a handler asked for, in its own words, so that it can be said again.
//!
//! A session keeps neither a dirty flag nor a copy to write back. It logs each change and applies it to a [`View`] for
//! its own reads. If another request wrote the record meanwhile, the same log is applied to what it wrote
//! ([`Log::replay`]), and neither writer loses anything.

use super::{
    op::{Guard, Op, conflict},
    view::{View, check_size},
};
use crate::{
    error::{SessionError, SessionErrorKind},
    record::{Data, Record, Subject},
    time::Timestamp,
};

/// The most changes of one request. Repeated writes of one key count once, and changes of who it is not at all.
pub(crate) const MAX_CHANGES: usize = 1000;

/// The changes of one request, in order.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Op>);

impl Log {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it contains a login, which must never be dropped.
    pub(crate) fn logs_in(&self) -> bool {
        self.0.iter().any(|op| matches!(op, Op::LogIn { .. }))
    }

    /// Whether there is room for this change. For one of identity there always is: a login is never dropped.
    pub(crate) fn check_room(&self, op: &Op) -> Result<(), SessionError> {
        if op.is_about_identity() || self.0.len() < MAX_CHANGES {
            return Ok(());
        }
        Err(SessionError::new(
            SessionErrorKind::TooManyChanges,
            format!("one request made more than {MAX_CHANGES} changes to its session"),
        ))
    }

    /// Logs a change. What it makes unnecessary is forgotten, except that a key was read.
    pub(crate) fn push(&mut self, mut op: Op) {
        match &mut op {
            Op::Clear => self.clear(),
            Op::Set { key, guard, .. } | Op::Remove { key, guard } => self.overwrite(key, guard),
            // Only the last of several counts.
            Op::Renew => self.0.retain(|known| !matches!(known, Op::Renew)),
            Op::Remember(_) | Op::Forget => {
                self.0.retain(|known| !matches!(known, Op::Remember(_) | Op::Forget));
            }
            Op::LogIn { subject, at } => return self.log_in(subject.clone(), *at),
            Op::Act(_) => self.switch(),
            Op::Update { .. } => {}
        }
        self.0.push(op);
    }

    /// Logs a login. However often one follows another, the log does not grow.
    fn log_in(&mut self, subject: Subject, at: Timestamp) {
        let last = self.0.iter_mut().rev().find_map(|op| match op {
            Op::LogIn { subject, at } => Some(Some((subject, at))),
            Op::Act(_) => Some(None),
            _ => None,
        });
        match last {
            Some(Some((known, known_at))) if *known == subject => *known_at = at,
            None => self.0.push(Op::LogIn { subject, at }),
            // Of what another subject did nothing is left.
            Some(_) => {
                self.clear();
                self.0
                    .retain(|op| !matches!(op, Op::LogIn { .. } | Op::Act(_) | Op::Remember(_) | Op::Forget));
                self.0.extend([Op::Clear, Op::LogIn { subject, at }]);
            }
        }
    }

    /// Of what was logged before the subject changed its part, only who logged in counts.
    fn switch(&mut self) {
        self.clear();
        self.0.retain(|op| !matches!(op, Op::Act(_)));
    }

    /// Forgets what needs a new token and nothing else.
    pub(crate) fn forget_renewals(&mut self) {
        self.0.retain(|op| !matches!(op, Op::Renew | Op::Remember(_) | Op::Forget));
    }

    fn clear(&mut self) {
        let only_guards = |op| match op {
            Op::Set { key, guard: guard @ Guard::Read, .. } => Some(Op::Remove { key, guard }),
            Op::Clear => None,
            op => (op.key().is_none() || op.guard() == Guard::Read).then_some(op),
        };
        self.0 = std::mem::take(&mut self.0).into_iter().filter_map(only_guards).collect();
    }

    fn overwrite(&mut self, key: &str, guard: &mut Guard) {
        let was_read = |op: &Op| op.key() == Some(key) && op.guard() == Guard::Read;
        if self.0.iter().any(was_read) {
            *guard = Guard::Read;
        }
        self.0.retain(|op| op.key() != Some(key));
    }

    /// Whether the view's value of `key` comes from this log alone, so that reading it reveals nothing stored.
    pub(crate) fn determines(&self, key: &str) -> bool {
        self.0.iter().any(|op| matches!(op, Op::Clear) || (op.key() == Some(key) && op.overwrites()))
    }

    /// The log from the last login on, and how long that login may last: what a fresh session for it may contain.
    pub(crate) fn since_login(self) -> Self {
        let login = self.0.iter().rposition(|op| matches!(op, Op::LogIn { .. })).unwrap_or(0);
        let belongs = |(at, op): &(usize, Op)| *at >= login || matches!(op, Op::Remember(_) | Op::Forget);
        Self(self.0.into_iter().enumerate().filter(belongs).map(|(_, op)| op).collect())
    }

    /// The log from the last login on, for the session of the same login: that only needs another secret.
    pub(crate) fn joining_login(self) -> Self {
        let renewed = |op| if matches!(op, Op::LogIn { .. }) { Op::Renew } else { op };
        Self(self.since_login().0.into_iter().map(renewed).collect())
    }

    /// The log followed by `later`.
    pub(crate) fn followed_by(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// Applies the log to a view. Only the size that it ends with counts: what was forgotten made room in between.
    pub(crate) fn apply(&self, view: &mut View, max_data: usize) -> Result<(), SessionError> {
        let limit = max_data.max(view.data.len());
        self.0.iter().try_for_each(|op| view.apply(op, usize::MAX))?;
        check_size(&view.data, limit)
    }

    /// Refuses to overwrite what was read in `shown` and has another value in `stored`.
    pub(crate) fn check_guards(&self, shown: &Data, stored: &Data) -> Result<(), SessionError> {
        let mut guarded = self.0.iter().filter(|op| op.guard() == Guard::Read).filter_map(Op::key);
        match guarded.find(|key| shown.get(key) != stored.get(key)) {
            None => Ok(()),
            Some(key) => {
                let message = "a value that this request read and overwrote was changed by another request";
                Err(conflict(message).of_key(key))
            }
        }
    }

    /// Applies the log to what another request has written since `base` was loaded.
    ///
    /// # Errors
    /// `Conflict` if a key that this request read and then blindly wrote has another value now, or if an update
    /// that was accepted before is refused by what it finds now.
    pub(crate) fn replay(&self, base: &Data, stored: &Record, max_data: usize) -> Result<View, SessionError> {
        self.check_guards(base, stored.data())?;
        let mut view = View::of(stored);
        self.apply(&mut view, max_data).map_err(|error| match error.kind() {
            SessionErrorKind::UpdatePanicked => error,
            _ => {
                conflict("a change no longer applies to what another request has written").with_source(error)
            }
        })?;
        Ok(view)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::op::Change;

    const LIMIT: usize = 1000;

    fn set(key: &str, value: &str, guard: Guard) -> Op {
        Op::Set { key: key.into(), value: value.as_bytes().into(), guard }
    }

    fn add(key: &str, by: i64) -> Op {
        let change: Change = Box::new(move |current| {
            let now: i64 = current.map_or(0, |text| serde_json::from_slice(text).unwrap());
            Ok(serde_json::to_vec(&(now + by)).unwrap())
        });
        Op::Update { key: key.into(), change }
    }

    fn log(ops: impl IntoIterator<Item = Op>) -> Log {
        let mut log = Log::default();
        ops.into_iter().for_each(|op| log.push(op));
        log
    }

    #[test]
    fn repeated_writes_of_one_key_count_once_and_remember_that_it_was_read() {
        let log = log([
            set("a", "1", Guard::Read),
            add("a", 1),
            set("b", "2", Guard::Blind),
            set("a", "3", Guard::Blind),
        ]);
        assert_eq!(log.0.len(), 2);
        assert_eq!(log.0[1].guard(), Guard::Read);
    }

    #[test]
    fn a_clear_forgets_data_but_not_identity() {
        let login = Op::LogIn { subject: Subject::new("alice"), at: Timestamp::from_millis(0) };
        let log = log([set("a", "1", Guard::Blind), login, Op::Renew, Op::Clear]);
        assert_eq!(format!("{log:?}"), "Log([LogIn, Renew, Clear])");
    }

    #[test]
    fn a_full_log_still_takes_changes_of_identity() {
        let login = || Op::LogIn { subject: Subject::new("alice"), at: Timestamp::from_millis(0) };
        let log = log((0..MAX_CHANGES).map(|_| add("a", 1)));
        assert!(log.check_room(&add("a", 1)).is_err());
        for op in [login(), Op::Renew, Op::Remember(Duration::MAX), Op::Forget] {
            assert!(log.check_room(&op).is_ok(), "{op:?}");
        }
    }

    #[test]
    fn of_repeated_renewals_the_last_one_counts() {
        let log = log([Op::Renew, Op::Remember(Duration::ZERO), Op::Renew, Op::Remember(Duration::MAX)]);
        assert_eq!(format!("{log:?}"), "Log([Renew, Remember])");
        let taken_back = self::log([Op::Remember(Duration::MAX), Op::Forget]);
        assert_eq!(format!("{taken_back:?}"), "Log([Forget])");
    }

    #[test]
    fn a_login_of_the_same_subject_stays_remembered_and_no_other_does() {
        let at = Timestamp::from_millis(0);
        let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
        let remembered = |subject: Option<&Subject>| View {
            subject: subject.cloned(),
            remembered: Some(Duration::MAX),
            ..View::default()
        };
        for (before, stays) in [(Some(&alice), true), (Some(&bob), false), (None, false)] {
            let mut view = remembered(before);
            view.log_in(&alice, at);
            assert_eq!(view.remembered.is_some(), stays, "{before:?}");
        }
        let mut asked = View::default();
        asked.apply(&Op::Remember(Duration::MAX), LIMIT).unwrap();
        asked.log_in(&alice, at);
        assert!(asked.remembered.is_some(), "asked for by the same request");
    }

    #[test]
    fn however_often_it_changes_who_it_is_a_log_stays_short() {
        let login = |name: &str| Op::LogIn { subject: Subject::new(name), at: Timestamp::from_millis(0) };
        let acts = |name: &str| Op::Act(Some(Subject::new(name)));
        let (mut log, mut view) = (Log::default(), View::default());
        for _ in 0..1000 {
            for op in [
                set("a", "1", Guard::Read),
                login("alice"),
                set("b", "2", Guard::Blind),
                login("alice"),
                acts("bob"),
                acts("carol"),
                Op::Act(None),
                add("c", 1),
                login("dave"),
                Op::Renew,
                add("d", 1),
            ] {
                view.apply(&op, LIMIT).unwrap();
                log.push(op);
            }
        }
        assert!(log.0.len() < 10, "{log:?}");
        let mut replayed = View::default();
        log.apply(&mut replayed, LIMIT).unwrap();
        assert_eq!(replayed.data, view.data);
        assert_eq!((replayed.subject, replayed.acting_as), (view.subject, view.acting_as));
    }

    #[test]
    fn a_login_of_another_subject_clears_and_of_the_same_keeps() {
        let at = Timestamp::from_millis(0);
        let mut view = View::default();
        view.set("cart", b"1", LIMIT).unwrap();
        view.log_in(&Subject::new("alice"), at);
        view.log_in(&Subject::new("alice"), at);
        assert!(view.data.get("cart").is_some());
        view.log_in(&Subject::new("bob"), at);
        assert!(view.data.is_empty());
    }

    #[test]
    fn only_writes_of_its_own_determine_a_key() {
        let log = log([
            set("set", "1", Guard::Blind),
            add("updated", 1),
            set("both", "1", Guard::Blind),
            add("both", 1),
        ]);
        assert!(log.determines("set"));
        assert!(log.determines("both"));
        assert!(!log.determines("updated"));
        assert!(!log.determines("untouched"));
    }

    #[test]
    fn a_value_beyond_the_limit_changes_nothing() {
        let mut view = View::default();
        let error = view.apply(&set("a", &"1".repeat(LIMIT), Guard::Blind), LIMIT).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::TooLarge { size: LIMIT + 6, limit: LIMIT });
        assert!(view.data.is_empty());
    }

    #[test]
    fn a_panicking_closure_is_an_error() {
        let op = Op::Update { key: "a".into(), change: Box::new(|_| panic!("in the application")) };
        let error = View::default().apply(&op, LIMIT).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::UpdatePanicked);
    }
}
