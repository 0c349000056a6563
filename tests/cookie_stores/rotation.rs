//! Keys change while three servers run, and nobody is logged out.

use std::{collections::HashSet, sync::Arc};

use cloakroom::{SessionManager, keyring::KeyRing, store::Absence, time::ManualClock};

use crate::{
    Form, absence,
    browser::{Browser, START, Server},
    key, live, record, ring, seal,
};

const OLD: u8 = 1;
const NEW: u8 = 2;

/// What a server is told in the course of a rotation; neighbours coexist.
fn phases() -> [KeyRing; 4] {
    [ring(OLD), ring(OLD).accepting(key(NEW)), ring(NEW).accepting(key(OLD)), ring(NEW)]
}

/// Every order in which three servers can go from the first phase to the last, no two of them ever more than one phase
/// apart: the phases of the three, step by step.
fn rollouts() -> Vec<Vec<[usize; 3]>> {
    let mut done = Vec::new();
    let mut under_way = vec![vec![[0; 3]]];
    while let Some(rollout) = under_way.pop() {
        let now = rollout[rollout.len() - 1];
        if now == [3; 3] {
            done.push(rollout);
            continue;
        }
        let first = now.iter().min().copied().unwrap_or(0);
        for server in (0..3).filter(|server| now[*server] == first) {
            let mut next = now;
            next[server] += 1;
            under_way.push([&rollout[..], &[next]].concat());
        }
    }
    done
}

#[tokio::test]
async fn a_session_survives_every_order_of_a_rollout() {
    let rollouts = rollouts();
    assert_eq!(rollouts.iter().collect::<HashSet<_>>().len(), 6 * 6 * 6);
    for form in Form::ALL {
        let clock = Arc::new(ManualClock::new(START));
        let server = |keys: &KeyRing| {
            let sessions = SessionManager::new(form.store(keys)).clock(Arc::clone(&clock));
            let cookie = cloakroom::Cookie::named("__Host-id");
            Server { sessions: sessions.cookie(cookie), clock: Arc::clone(&clock) }
        };
        let servers = phases().map(|keys| server(&keys));
        let mut browser = servers[0].browser();
        browser.logs_in("alice").await;
        let logged_in = browser.cookie.clone();

        for (rollout, first) in rollouts.iter().flat_map(|rollout| (0..3).map(move |first| (rollout, first)))
        {
            let mut browser = Browser { server: servers[0].clone(), cookie: logged_in.clone() };
            for (step, phases) in rollout.iter().enumerate() {
                browser.server = servers[phases[(first + step) % 3]].clone();
                assert_eq!(browser.subject().await.as_deref(), Some("alice"), "{form:?} {rollout:?} {step}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_under_an_older_key_is_issued_anew_exactly_once() {
    for form in Form::ALL {
        let [before, _, during, after] = phases().map(|keys| Server::new(form.store(&keys)));
        let mut browser = before.browser();
        browser.logs_in("alice").await;
        browser.server = Server { clock: before.clock, ..during };
        let mut issued = Vec::new();
        for _ in 0..5 {
            let visit = browser.visit().await;
            let response = browser.receive(visit).await;
            issued.push(response.cookie().is_some());
        }
        assert_eq!(issued, [true, false, false, false, false], "{form:?}");
        browser.server.sessions = after.sessions;
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn only_tokens_of_the_active_key_are_up_to_date() {
    for form in Form::ALL {
        let stores = phases().map(|keys| form.store(&keys));
        for (issuer, issued_under) in stores.iter().zip([OLD, OLD, NEW, NEW]) {
            let token = seal(&**issuer, &record(9)).await;
            for (reader, (active, knows_both)) in
                stores.iter().zip([(OLD, false), (OLD, true), (NEW, true), (NEW, false)])
            {
                if active == issued_under {
                    assert!(!live(&**reader, &token).1);
                } else if knows_both {
                    assert!(live(&**reader, &token).1);
                } else {
                    assert_eq!(absence(&**reader, &token), Absence::UnknownKey);
                }
            }
        }
    }
}
