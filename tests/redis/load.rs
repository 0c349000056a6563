//! Visitors who count without pause, while others do harm.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use cloakroom::SessionError;
use tokio::task::JoinHandle;

use crate::{
    browser::{Browser, Server, finish},
    rig::eventually,
    scene::{add, breathes, look, recovers},
};

/// Several visitors, each with a session of its own.
pub(crate) struct Load {
    shared: Arc<Shared>,
    visitors: Vec<JoinHandle<Counted>>,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicU64,
    resting: AtomicU64,
    pause: AtomicBool,
    over: AtomicBool,
}

/// What one visitor knows, and what is stored.
struct Counted {
    acknowledged: u64,
    uncertain: u64,
    stored: Option<u64>,
    errors: Vec<String>,
}

/// What became of it all.
pub(crate) struct Outcome(Vec<Counted>);

impl Load {
    pub(crate) async fn begins(site: Server, visitors: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for _ in 0..visitors {
            let mut browser = site.browser();
            assert!(browser.does(|session| session.insert("n", 0)).await.is_ok());
            tasks.push(tokio::spawn(counts(browser, Arc::clone(&shared))));
        }
        Self { shared, visitors: tasks }
    }

    /// Waits until so much more was acknowledged.
    pub(crate) async fn goes_on(&self, more: u64) {
        let begin = self.shared.acknowledged.load(SeqCst);
        eventually("more is counted", async || {
            assert!(!self.visitors.iter().any(JoinHandle::is_finished), "a visitor has failed");
            self.shared.acknowledged.load(SeqCst) >= begin + more
        })
        .await;
    }

    /// Returns when nobody has a request under way.
    pub(crate) async fn pauses(&self) {
        self.shared.pause.store(true, SeqCst);
        let all = self.visitors.len() as u64;
        eventually("all visitors rest", async || self.shared.resting.load(SeqCst) == all).await;
    }

    pub(crate) fn resumes(&self) {
        self.shared.pause.store(false, SeqCst);
    }

    pub(crate) async fn ends(self) -> Outcome {
        self.shared.over.store(true, SeqCst);
        let mut counted = Vec::new();
        for visitor in self.visitors {
            counted.push(visitor.await.expect("no visitor has failed"));
        }
        Outcome(counted)
    }
}

impl Outcome {
    /// Every acknowledged update is there, and none was counted twice.
    pub(crate) fn lost_nothing(&self) {
        for Counted { acknowledged, uncertain, stored, .. } in &self.0 {
            let possible = *acknowledged..=acknowledged + uncertain;
            let stored = stored.expect("no session was lost");
            assert!(possible.contains(&stored), "{stored} of {acknowledged} and {uncertain} uncertain ones");
        }
    }

    /// As above, but acknowledged updates may be lost.
    pub(crate) fn counted_nothing_twice(&self) {
        for Counted { acknowledged, uncertain, stored, .. } in &self.0 {
            let stored = stored.expect("no session was lost");
            assert!(stored <= acknowledged + uncertain, "{stored} of {acknowledged} and {uncertain}");
        }
    }

    /// What the requests that were not served were told, each with its causes.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.0.iter().flat_map(|counted| &counted.errors).map(String::as_str).collect()
    }
}

async fn counts(browser: Browser, shared: Arc<Shared>) -> Counted {
    let (mut acknowledged, mut uncertain, mut errors) = (0, 0, Vec::new());
    while !shared.over.load(SeqCst) {
        rests(&shared).await;
        match increments(&browser).await {
            Ok(()) => {
                acknowledged += 1;
                shared.acknowledged.fetch_add(1, SeqCst);
            }
            Err(error) => {
                assert_eq!(error.status(), 503);
                uncertain += 1;
                errors.push(with_causes(&error));
                breathes().await;
            }
        }
    }
    let stored = recovers(&browser, "n").await;
    assert_eq!(look(&browser, "n").await, Ok(stored));
    Counted { acknowledged, uncertain, stored, errors }
}

async fn rests(shared: &Shared) {
    if shared.pause.load(SeqCst) {
        shared.resting.fetch_add(1, SeqCst);
        while shared.pause.load(SeqCst) {
            breathes().await;
        }
        shared.resting.fetch_sub(1, SeqCst);
    }
}

/// What an error says, its causes included.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// One more, or why not.
async fn increments(browser: &Browser) -> Result<(), SessionError> {
    let visit = browser.try_visit(&browser.request()).await?;
    assert!(!visit.session.is_new(), "the session is there");
    add(&visit.session, "n").unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "no cookie is cleared");
    response.error.map_or(Ok(()), Err)
}
