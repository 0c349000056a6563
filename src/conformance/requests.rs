//! Whole requests through the engine: what users see of the store's guarantees.

use super::{
    Failure, Harness, Verdict,
    browser::Browser,
    crowd::{crowd_of, pause},
    trial::Trial,
    verdict::{broken, ensure},
};
use crate::{
    error::{SessionError, SessionErrorKind},
    key::Key,
    session::Session,
};

/// How many servers write one session at the same time.
const SERVERS: usize = 16;

/// How many requests each of them is sent.
const REQUESTS: u64 = 3;

pub(super) fn count(session: &Session) -> Result<(), SessionError> {
    session.update("count", |count: &mut u64| *count += 1)
}

pub(super) async fn counted(browser: &mut Browser, expected: u64) -> Verdict {
    let count = browser.number("count").await?;
    ensure(count == Some(expected), || format!("{expected} requests have counted to {count:?}"))
}

/// A browser whose session has a value.
async fn browser_with(trial: &Trial, key: &'static str, value: u64) -> Result<Browser, Failure> {
    let mut browser = Browser::new(trial);
    browser.request(|session| session.insert(key, value)).await?;
    Ok(browser)
}

/// Of requests in a row, each sees what the one before has left.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn requests_in_a_row_each_count(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = Browser::new(&trial);
    for _ in 0..10 {
        browser.request(count).await?;
    }
    counted(&mut browser, 10).await
}

/// Requests of one session at the same time at sixteen servers, again and again: each is counted exactly once.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn requests_at_the_same_time_each_count(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "count", 0).await?;
    crowd_of(SERVERS, |_| {
        let mut tab = browser.elsewhere();
        async move {
            for _ in 0..REQUESTS {
                let visit = tab.arrive().await?;
                pause().await;
                count(&visit.session)?;
                tab.leave(visit).await?;
            }
            Ok(())
        }
    })
    .await?;
    counted(&mut browser, REQUESTS * SERVERS as u64).await
}

/// Requests of one session at the same time at sixteen servers that each write a value of their own: all are kept.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn requests_with_keys_of_their_own_all_keep_them(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "count", 0).await?;
    crowd_of(SERVERS, |member| {
        let mut tab = browser.elsewhere();
        async move {
            let visit = tab.arrive().await?;
            pause().await;
            visit.session.insert(format!("key {member}").as_str(), member)?;
            Ok(tab.leave(visit).await?)
        }
    })
    .await?;
    for member in 0..SERVERS {
        let value = browser.number(&format!("key {member}")).await?;
        ensure(value == Some(member as u64), || format!("the value of request {member} reads {value:?}"))?;
    }
    Ok(())
}

/// A request that read a value and overwrites it, while another has changed it, is answered with a conflict (409), and
/// overwrites nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_value_read_and_overwritten_meanwhile_is_a_conflict(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "seat", 1).await?;
    let (late, quick) = (browser.arrive().await?, browser.arrive().await?);
    for (visit, seat) in [(&late, 2), (&quick, 3)] {
        visit.session.get::<u64>("seat")?;
        visit.session.insert("seat", seat)?;
    }
    browser.leave(quick).await?;
    is_conflict(browser.leave(late).await)?;
    let seat = browser.number("seat").await?;
    ensure(seat == Some(3), || format!("the value that was written first, 3, reads {seat:?}"))
}

fn is_conflict(answer: Result<(), SessionError>) -> Verdict {
    match answer {
        Err(error) if error.kind() == SessionErrorKind::Conflict && error.status() == 409 => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Err(broken("a request that should have met a conflict was saved")),
    }
}

/// Where a key says that the last writer wins, that is no conflict: the last writer wins.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn the_last_writer_wins_where_the_key_says_so(harness: &dyn Harness) -> Verdict {
    const PAGE: Key<u64> = Key::new("page").last_writer_wins();
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "page", 1).await?;
    let (late, quick) = (browser.arrive().await?, browser.arrive().await?);
    for (visit, page) in [(&late, 2), (&quick, 3)] {
        visit.session.get(PAGE)?;
        visit.session.insert(PAGE, page)?;
    }
    browser.leave(quick).await?;
    browser.leave(late).await?;
    let page = browser.number("page").await?;
    ensure(page == Some(2), || format!("the value that was written last, 2, reads {page:?}"))
}

/// A logout beats the requests under way: their changes are refused as a conflict, and the session stays ended.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_log_out_beats_the_requests_under_way(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "count", 1).await?;
    let mut other_tab = browser.clone();
    let late = other_tab.arrive().await?;
    browser.request(Session::log_out).await?;
    count(&late.session)?;
    is_conflict(other_tab.leave(late).await)?;
    let count = other_tab.number("count").await?;
    ensure(count.is_none(), || "the cookie of a session that was logged out opens it again".into())
}

/// A login beats the requests under way: what was logged before it is refused as a conflict, and never lands in the
/// session of the user who has logged in.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_login_beats_the_requests_under_way(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = browser_with(&trial, "count", 1).await?;
    let mut stranger = browser.clone();
    let late = stranger.arrive().await?;
    browser.request(|session| session.log_in("alice")).await?;
    count(&late.session)?;
    is_conflict(stranger.leave(late).await)?;
    counted(&mut browser, 1).await
}
