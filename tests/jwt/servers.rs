//! Servers with managers of their own: a new key reaches them in every order, and some only read.

use std::collections::BTreeSet;

use cloakroom::{SessionErrorKind, StoreErrorKind, store::VerifyingKey};

use super::*;

/// What a server goes through: accept the new key, issue under it, drop the old one.
const STEPS: usize = 4;

fn at_step(step: usize, old: &SigningKey, new: &SigningKey) -> Server {
    Server::new(match step {
        0 => JwtStore::new(old.clone()),
        1 => JwtStore::new(old.clone()).accepting(new.clone()),
        2 => JwtStore::new(new.clone()).accepting(old.clone()),
        _ => JwtStore::new(new.clone()),
    })
}

/// Every way to bring three servers through the steps, none more than one ahead of another: which one moves, each time.
fn every_order() -> Vec<Vec<usize>> {
    let mut orders = Vec::new();
    let mut open = vec![([0usize; 3], Vec::new())];
    while let Some((at, moved)) = open.pop() {
        if at == [STEPS - 1; 3] {
            orders.push(moved);
            continue;
        }
        for server in 0..3 {
            let mut next = at;
            next[server] += 1;
            let (first, last) = (next.iter().min().unwrap(), next.iter().max().unwrap());
            if *last < STEPS && last - first <= 1 {
                open.push((next, [&moved[..], &[server]].concat()));
            }
        }
    }
    orders
}

#[tokio::test]
async fn a_visitor_stays_logged_in_through_every_order_of_a_rotation() {
    let [one, two, three] = test_keys().map(|key| key.signing);
    let orders = every_order();
    assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), 216, "3! orders for each step");
    for (old, new) in [(&one, &two), (&two, &three), (&three, &one)] {
        let steps: Vec<Server> = (0..STEPS).map(|step| at_step(step, old, new)).collect();
        for order in &orders {
            let mut at = [0; 3];
            let mut browser = steps[0].browser();
            browser.logs_in("alice").await;
            for server in order {
                at[*server] += 1;
                // She meets every server after every move, whoever issued her token last.
                for step in at {
                    browser.server = steps[step].clone();
                    assert_eq!(browser.subject().await.as_deref(), Some("alice"), "{order:?} at {at:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_only_reads_says_so_when_it_is_asked_to_write() {
    for key in test_keys() {
        let issuing = Server::new(store(&key));
        let reading = JwtStore::verify_only([VerifyingKey::from(key.signing.clone())]);
        let reading = Server::new(reading.issuer("https://a.example").audience("shop"));
        let mut browser = issuing.browser();
        browser.logs_in("alice").await;
        browser.does(|session| session.insert("cart", 3)).await;

        browser.server = reading;
        let token = browser.cookie.clone();
        assert_eq!(browser.subject().await.as_deref(), Some("alice"));
        assert_eq!(browser.sees::<u32>("cart").await, Some(3));
        let response = browser.does(|session| session.insert("cart", 4)).await;
        let error = response.error.as_ref().expect("it cannot be written");
        assert_eq!(error.kind(), SessionErrorKind::Store(StoreErrorKind::Unsupported));
        assert_eq!((response.status(), &browser.cookie), (500, &token));
        assert_eq!(browser.sees::<u32>("cart").await, Some(3), "and nothing has changed");
    }
}
