//! Promise 10: nothing secret is ever printed.

use std::{error::Error, fmt::Write as _};

use cloakroom::{StoreErrorKind, record::Record, store::SessionStore as _};

use crate::{
    browser::{Server, finish},
    logs::Logs,
    probe::Probe,
};

const CANARY: &str = "canary-4711";

fn with_sources(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?}").unwrap();
        source = error.source();
    }
    text
}

#[tokio::test]
async fn promise_10_no_secret_stands_in_debug_errors_or_logs() {
    let (logs, _guard) = Logs::capture();
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    let mut seen = String::new();
    browser
        .does(|session| {
            session.log_in(CANARY)?;
            session.insert("diary", CANARY)
        })
        .await;
    let token = browser.cookie.clone().unwrap();

    let visit = browser.visit().await;
    let wrong_type = visit.session.get::<u32>("diary").unwrap_err();
    visit.session.insert("diary", [CANARY]).unwrap();
    write!(seen, "{:?} {:?} {}", visit.session, visit.exchange, with_sources(&wrong_type)).unwrap();
    write!(seen, "{:?} {:?}", browser.server.sessions, visit.session.sessions().await).unwrap();
    let id = visit.session.id().unwrap();
    let cx = cloakroom::store::StoreContext::new(crate::browser::START, cloakroom::time::Deadline::NONE);
    let record: Record = probe.store.find(&id, cx).await.unwrap().live().unwrap();
    write!(seen, "{record:?} {:?} {:?}", record.data(), probe.store).unwrap();

    // Every way to fail that logs something.
    browser.does(|session| session.insert("other", 1)).await;
    visit.session.get::<i64>("other").unwrap();
    let conflict = finish(visit, 200).await;
    write!(seen, "{:?}", conflict.error.iter().map(|error| with_sources(error)).collect::<Vec<_>>()).unwrap();
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt, StoreErrorKind::Full] {
        probe.fail_with(Some(kind));
        let error = browser.try_visit(&browser.request()).await.err().unwrap();
        write!(seen, "{}", with_sources(&error)).unwrap();
    }
    let forged = browser.request().with("cookie", format!("__Host-id={token}; __Host-id=0{}", &token[1..]));
    write!(seen, "{:?}", forged.head()).unwrap();

    seen.push_str(&logs.text());
    assert!(seen.contains("a session could not be loaded"), "the logs were caught");
    let secret = &token[32..];
    for hidden in [CANARY, secret, &token, &secret[..16]] {
        assert!(!seen.contains(hidden), "{hidden} stands in:\n{seen}");
    }
    assert!(seen.contains(&token[..32]), "the ID may be shown");
}

#[tokio::test]
async fn promise_10_the_bytes_of_a_record_are_no_login() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    let cx = cloakroom::store::StoreContext::new(crate::browser::START, cloakroom::time::Deadline::NONE);
    let record = probe.store.find(&visit.session.id().unwrap(), cx).await.unwrap().live().unwrap();
    let secret: Vec<u8> = browser.cookie.unwrap().as_bytes()[32..]
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    assert!(!record.encode().windows(16).any(|window| window == secret));
}
