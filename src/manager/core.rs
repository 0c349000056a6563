//! What all requests of a manager share.

use std::sync::Arc;

use super::{notices::Notices, writers::Writers};
use crate::{
    plan::{self, Situation, Write},
    policy::Policy,
    random::{Random, SystemRandom, WriteIds},
    record::{ClockId, Record},
    session::{Base, Changes},
    store::{Guarantees, SessionStore, StoreContext},
    time::{Clock, Deadline, SystemClock, Timestamp},
    transport::{Cookie, RequestFacts, SiteRules, Transport},
};

#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) guarantees: Guarantees,
    pub(super) policy: Policy,
    /// In the order in which they are read. Never empty.
    pub(super) transports: Vec<Transport>,
    /// The request headers that they read.
    pub(super) vary: Vec<String>,
    /// What comes before each path as browsers see it.
    pub(super) mount: String,
    /// Which requests of other sites may change sessions.
    pub(super) sites: SiteRules,
    pub(super) notices: Arc<Notices>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) write_ids: WriteIds,
    /// Whose clock the times are of that this manager writes.
    pub(super) clock_id: ClockId,
    pub(super) writers: Arc<Writers>,
}

impl Core {
    pub(super) fn new(store: impl SessionStore) -> Self {
        Self {
            guarantees: store.guarantees(),
            store: Arc::new(store),
            policy: Policy::default(),
            transports: vec![Cookie::default().into()],
            vary: vec!["Cookie".to_owned()],
            mount: String::new(),
            sites: SiteRules::default(),
            notices: Arc::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()),
            write_ids: WriteIds::default(),
            clock_id: ClockId::random(),
            writers: Arc::default(),
        }
    }

    /// The context of a store call that begins now.
    pub(super) fn cx(&self) -> StoreContext {
        StoreContext::new(self.clock.now(), Deadline::after(self.policy.store_timeout))
    }

    /// The largest session data that both the policy and the store allow.
    pub(super) fn max_data(&self) -> usize {
        self.policy.max_data.min(self.guarantees.max_data.unwrap_or(usize::MAX))
    }

    /// What a plan depends on.
    pub(super) fn situation<'a>(
        &'a self,
        changes: &'a Changes,
        keeps: bool,
        now: Timestamp,
    ) -> Situation<'a> {
        Situation { changes, keeps, writable: self.guarantees.writable, policy: &self.policy, now }
    }

    /// What a session needs that no handler has changed.
    pub(super) fn upkeep(&self, base: &Base, request: RequestFacts, now: Timestamp) -> Write {
        if !self.guarantees.writable {
            return Write::Nothing;
        }
        plan::upkeep(base, request, &self.policy, now)
    }

    /// Whether the client of a session needs its cookie again, though nothing changed.
    pub(super) fn cookie_is_due(&self, record: &Record, request: RequestFacts, now: Timestamp) -> bool {
        plan::cookie_is_due(record, request, &self.policy, now)
    }

    /// Whether clients may hold cookies that pass for the session's.
    pub(super) fn has_variants(&self) -> bool {
        self.transports.iter().any(Transport::has_variants)
    }

    /// The path of a request as its browser sees it.
    pub(super) fn path_in_browser(&self, path: &str) -> Arc<str> {
        if self.mount.is_empty() { path.into() } else { format!("{}{path}", self.mount).into() }
    }

    pub(super) fn bearer(&self) -> Option<&Transport> {
        self.transports.iter().find(|transport| matches!(transport, Transport::Bearer(_)))
    }
}
