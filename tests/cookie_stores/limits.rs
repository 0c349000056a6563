//! What is inside a seal obeys the limits: sizes and both timeouts.

use std::time::Duration;

use cloakroom::{
    Session, SessionErrorKind, SessionStore,
    record::Data,
    store::{Absence, EncryptedCookieStore, Loaded, SignedCookieStore},
};

use crate::{
    Form, LIFETIME, MINUTE, NOW, absence,
    browser::{HOUR, Server},
    live, load_at, record, ring, seal, with_data,
};

/// The longest token that one cookie surely holds.
const ONE_COOKIE: usize = 3000;

fn small_stores() -> [(usize, Box<dyn SessionStore>); 2] {
    let encrypted = EncryptedCookieStore::new(&ring(1)).max_token(ONE_COOKIE);
    let signed = SignedCookieStore::new(&ring(1)).max_token(ONE_COOKIE);
    [(max_data(&encrypted), Box::new(encrypted)), (max_data(&signed), Box::new(signed))]
}

fn max_data(store: &dyn SessionStore) -> usize {
    store.guarantees().max_data.unwrap()
}

#[tokio::test]
async fn the_promised_data_fit_with_the_longest_subject_and_a_byte_more_is_a_typed_error() {
    for (max, store) in small_stores() {
        let store: std::sync::Arc<dyn SessionStore> = store.into();
        let mut browser = Server::new(store).browser();
        let fill = |session: &Session, bytes: usize| {
            // An entry has five bytes of its own, and a JSON text two quotes.
            session.insert("k", "x".repeat(bytes - 5 - 1 - 2))
        };
        browser.logs_in(&"s".repeat(255)).await;
        browser.does(|session| session.remember(Duration::MAX)).await;
        browser.does(|session| fill(session, max)).await;
        let token = browser.cookie.clone().unwrap();
        // Room is kept for the eight bytes that a log of revocations takes, which are eleven letters.
        assert!((ONE_COOKIE - 14..=ONE_COOKIE).contains(&token.len()), "{}", token.len());

        let visit = browser.visit().await;
        let error = fill(&visit.session, max + 1).unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::TooLarge { size: max + 1, limit: max });
    }
}

#[test]
fn limits_without_bounds_are_no_trouble() {
    for limit in [0, 1, usize::MAX - 1, usize::MAX] {
        let encrypted = EncryptedCookieStore::new(&ring(1)).max_token(limit);
        let signed = SignedCookieStore::new(&ring(1)).max_token(limit);
        assert!(max_data(&encrypted) < usize::MAX && max_data(&signed) < usize::MAX);
        absence(&encrypted, "AQ");
        absence(&signed, "");
    }
}

#[tokio::test]
async fn both_timeouts_stand_inside_the_seal() {
    let millisecond = Duration::from_millis(1);
    for form in Form::ALL {
        let store = form.store(&ring(1));
        let is_live = |token: &str, after: Duration| match load_at(&*store, token.as_bytes(), NOW + after) {
            Loaded::Live { .. } => true,
            Loaded::Absent(absence) => {
                assert_eq!(absence, Absence::Expired);
                false
            }
        };
        let idle = seal(&*store, &record(9)).await;
        assert!(is_live(&idle, LIFETIME.idle - millisecond));
        assert!(!is_live(&idle, LIFETIME.idle));

        let mut busy = record(9);
        busy.touch(NOW + (LIFETIME.absolute - MINUTE));
        let busy = seal(&*store, &busy).await;
        assert!(is_live(&busy, LIFETIME.absolute - millisecond));
        assert!(!is_live(&busy, LIFETIME.absolute));
        assert!(!is_live(&busy, Duration::MAX));
    }
}

#[tokio::test]
async fn use_is_written_into_the_cookie_now_and_then_and_the_end_comes_all_the_same() {
    for form in Form::ALL {
        let mut browser = Server::new(form.store(&ring(1))).browser();
        browser.logs_in("alice").await;
        let mut issued = 0;
        for _ in 0..6 {
            browser.server.clock.advance(Duration::from_secs(20));
            let visit = browser.visit().await;
            issued += usize::from(browser.receive(visit).await.cookie().is_some());
        }
        assert_eq!(issued, 2, "once a minute");
        let early = browser.clone();
        for _ in 0..29 {
            browser.server.clock.advance(24 * MINUTE);
            assert_eq!(browser.subject().await.as_deref(), Some("alice"));
        }
        browser.server.clock.advance(24 * MINUTE);
        assert_eq!(browser.subject().await, None, "12 hours after the login");
        assert_eq!({ early }.subject().await, None);
    }
}

#[tokio::test]
async fn a_session_from_the_future_grants_nothing() {
    for form in Form::ALL {
        let mut browser = Server::new(form.store(&ring(1))).browser();
        browser.logs_in("alice").await;
        let start = crate::browser::START.as_millis();
        for (millis_back, expected) in [(60_000, Some("alice")), (60_001, None)] {
            browser.server.clock.set(cloakroom::time::Timestamp::from_millis(start - millis_back));
            assert_eq!(browser.clone().subject().await.as_deref(), expected);
        }
        browser.server.clock.set(crate::browser::START + 13 * HOUR);
        assert_eq!(browser.subject().await, None);
    }
}

#[tokio::test]
async fn every_size_of_data_comes_back_as_it_was() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        for len in (0..100).chain([1000, 1600]) {
            let data =
                Data::default().with("a", &vec![b'x'; len]).and_then(|data| data.with("b", b"2")).unwrap();
            let record = with_data(&record(0), &data);
            let (read, reissue) = live(&*store, &seal(&*store, &record).await);
            assert_eq!((read.id(), read.data(), reissue), (record.id(), &data, false));
        }
    }
}
