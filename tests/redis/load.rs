//! Visitors who count without pause, while others do harm.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::{
    browser::{Browser, Server, finish},
    rig::eventually,
    scene::{add, look, recovers},
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
        for Counted { acknowledged, uncertain, stored } in &self.0 {
            let possible = *acknowledged..=acknowledged + uncertain;
            let stored = stored.expect("no session was lost");
            assert!(possible.contains(&stored), "{stored} of {acknowledged} and {uncertain} uncertain ones");
        }
    }

    /// As above, but acknowledged updates may be lost.
    pub(crate) fn counted_nothing_twice(&self) {
        for Counted { acknowledged, uncertain, stored } in &self.0 {
            let stored = stored.expect("no session was lost");
            assert!(stored <= acknowledged + uncertain, "{stored} of {acknowledged} and {uncertain}");
        }
    }

    /// How many requests were answered by an error.
    pub(crate) fn errors(&self) -> u64 {
        self.0.iter().map(|counted| counted.uncertain).sum()
    }
}

async fn counts(browser: Browser, shared: Arc<Shared>) -> Counted {
    let (mut acknowledged, mut uncertain) = (0, 0);
    while !shared.over.load(SeqCst) {
        rests(&shared).await;
        match increments(&browser).await {
            Ok(()) => {
                acknowledged += 1;
                shared.acknowledged.fetch_add(1, SeqCst);
            }
            Err(status) => {
                assert_eq!(status, 503);
                uncertain += 1;
                breathes().await;
            }
        }
    }
    let stored = recovers(&browser, "n").await;
    assert_eq!(look(&browser, "n").await, Ok(stored));
    Counted { acknowledged, uncertain, stored }
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

#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
async fn breathes() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// One more, or the status of the error.
async fn increments(browser: &Browser) -> Result<(), u16> {
    let visit = browser.try_visit(&browser.request()).await.map_err(|error| error.status())?;
    assert!(!visit.session.is_new(), "the session is there");
    add(&visit.session, "n").unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "no cookie is cleared");
    if response.is_ok() { Ok(()) } else { Err(response.status()) }
}
