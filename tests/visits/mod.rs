//! Visitors of a site whose store may fail: what they do, what they may be answered, and many of them who count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    browser::{Browser, Request, Response, Server, finish},
    rig::eventually,
};

/// Adds one to the number of this name.
pub(crate) fn add(session: &cloakroom::Session, name: &'static str) -> Result<(), cloakroom::SessionError> {
    session.update(name, |number: &mut u64| *number += 1)
}

/// What a request that only looks is answered: its status, and a value of its session.
pub(crate) async fn look(browser: &Browser, name: &str) -> Result<Option<u64>, u16> {
    let request: Request = browser.request();
    let visit = browser.try_visit(&request).await.map_err(|error| error.status())?;
    let value = visit.session.get(name).expect("it is a number");
    let response: Response = crate::browser::finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "who only looks is told nothing");
    if response.is_ok() { Ok(value) } else { Err(response.status()) }
}

/// Waits until a site serves this browser again; what it then sees.
pub(crate) async fn recovers(browser: &Browser, name: &str) -> Option<u64> {
    for _ in 0..6000 {
        match look(browser, name).await {
            Ok(value) => return value,
            Err(status) => assert_eq!(status, 503),
        }
        breathes().await;
    }
    panic!("waited in vain until the site serves its visitors again");
}

#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) async fn breathes() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// How many workers add to one session.
const SHARE: [&str; 2] = ["a", "b"];

/// How many sessions there are.
const SESSIONS: u64 = 16;

/// What all workers know together.
#[derive(Default)]
struct Tally {
    acknowledged: AtomicU64,
    uncertain: AtomicU64,
}

/// Adds to a number that is only its own, in a session that it shares, until enough was acknowledged. After an error it
/// looks what became of it: the number has moved by one or not at all. How far it came.
async fn counts(browser: Browser, name: &'static str, times: u64, tally: Arc<Tally>) -> u64 {
    let (mut counted, mut acknowledged) = (0, 0);
    while acknowledged < times {
        let visit = match browser.try_visit(&browser.request()).await {
            Ok(visit) => visit,
            Err(error) => {
                assert_eq!(error.status(), 503, "{error:?}");
                assert_eq!(recovers(&browser, name).await.unwrap_or_default(), counted, "nothing was done");
                continue;
            }
        };
        let stored = visit.session.get::<u64>(name).unwrap().unwrap_or_default();
        assert_eq!(stored, counted, "what was acknowledged is there, once");
        add(&visit.session, name).unwrap();
        match finish(visit, 200).await.error {
            None => {
                counted += 1;
                acknowledged += 1;
                tally.acknowledged.fetch_add(1, SeqCst);
            }
            Some(error) => {
                assert_eq!(error.status(), 503, "{error:?}");
                tally.uncertain.fetch_add(1, SeqCst);
                let stored = recovers(&browser, name).await.unwrap_or_default();
                assert!(stored == counted || stored == counted + 1, "{stored} after {counted}");
                counted = stored;
            }
        }
    }
    counted
}

/// Increments by all workers, while the server is killed every now and then.
pub(crate) async fn counts_while_killed(
    site: &Server,
    increments: u64,
    kills: u64,
    mut kill_and_restart: impl FnMut(),
) {
    let tally = Arc::new(Tally::default());
    let mut workers = Vec::new();
    for _ in 0..SESSIONS {
        let mut browser = site.browser();
        assert!(browser.does(|session| session.insert("begun", true)).await.is_ok());
        for name in SHARE {
            let times = increments / SESSIONS / SHARE.len() as u64;
            let worker = tokio::spawn(counts(browser.clone(), name, times, Arc::clone(&tally)));
            workers.push((browser.clone(), name, worker));
        }
    }
    for kill in 1..=kills {
        eventually("the next kill is due", async || {
            let failed = workers.iter().any(|(.., worker)| worker.is_finished());
            failed || tally.acknowledged.load(SeqCst) >= increments * kill / (kills + 1)
        })
        .await;
        kill_and_restart();
    }
    let mut all = 0;
    for (browser, name, worker) in workers {
        let counted = worker.await.expect("nothing was lost and nothing was counted twice");
        assert_eq!(look(&browser, name).await, Ok(Some(counted)));
        all += counted;
    }
    let [acknowledged, uncertain] = [&tally.acknowledged, &tally.uncertain].map(|count| count.load(SeqCst));
    assert!(acknowledged >= increments - increments % (SESSIONS * SHARE.len() as u64));
    assert!(
        (acknowledged..=acknowledged + uncertain).contains(&all),
        "{all} of {acknowledged} and {uncertain}"
    );
}
