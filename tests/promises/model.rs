//! Promise 2 against a naive model: what a request did, replayed on what another one left, is what it would have done
//! had it come second; and it is refused exactly where it had read what it overwrote.

use std::collections::BTreeMap;

use cloakroom::{Session, SessionError};
use proptest::prelude::*;

use crate::{
    browser::{Server, finish},
    probe::Probe,
};

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Step {
    Get(usize),
    Insert(usize, i64),
    Remove(usize),
    Take(usize),
    Add(usize, i64),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let (key, value) = (0..KEYS.len(), 0..5_i64);
    prop_oneof![
        key.clone().prop_map(Step::Get),
        (key.clone(), value.clone()).prop_map(|(key, value)| Step::Insert(key, value)),
        key.clone().prop_map(Step::Remove),
        key.clone().prop_map(Step::Take),
        (key, value).prop_map(|(key, value)| Step::Add(key, value)),
        Just(Step::Clear),
    ]
}

type Values = BTreeMap<usize, i64>;

/// A request as the model sees it: its values, and where they come from.
struct Naive {
    values: Values,
    /// Keys whose value depends on what was stored.
    stored: [bool; KEYS.len()],
    /// Keys of which the handler has seen the stored value.
    seen: [bool; KEYS.len()],
    /// Keys that it has overwritten after that.
    guarded: [bool; KEYS.len()],
    /// What a replay does: to take what is not there is only a look.
    log: Vec<Step>,
}

impl Naive {
    fn new(values: &Values) -> Self {
        let none = [false; KEYS.len()];
        Self {
            values: values.clone(),
            stored: [true; KEYS.len()],
            seen: none,
            guarded: none,
            log: Vec::new(),
        }
    }

    fn does(&mut self, step: &Step) {
        match *step {
            Step::Get(key) => self.sees(key),
            Step::Insert(key, value) => {
                self.overwrites(key);
                self.values.insert(key, value);
            }
            Step::Remove(key) => {
                self.overwrites(key);
                self.values.remove(&key);
            }
            Step::Take(key) => {
                self.sees(key);
                if self.values.contains_key(&key) {
                    self.does(&Step::Remove(key));
                }
                return;
            }
            Step::Add(key, value) => {
                self.sees(key);
                *self.values.entry(key).or_default() += value;
            }
            Step::Clear => {
                self.values.clear();
                self.stored = [false; KEYS.len()];
            }
        }
        self.log.push(step.clone());
    }

    fn sees(&mut self, key: usize) {
        self.seen[key] |= self.stored[key];
    }

    fn overwrites(&mut self, key: usize) {
        self.guarded[key] |= self.seen[key];
        self.stored[key] = false;
    }
}

fn does(session: &Session, step: &Step) {
    match *step {
        Step::Get(key) => drop(session.get::<i64>(KEYS[key]).unwrap()),
        Step::Insert(key, value) => session.insert(KEYS[key], value).unwrap(),
        Step::Remove(key) => session.remove(KEYS[key]).unwrap(),
        Step::Take(key) => drop(session.take::<i64>(KEYS[key]).unwrap()),
        Step::Add(key, value) => session.update(KEYS[key], move |stored: &mut i64| *stored += value).unwrap(),
        Step::Clear => session.clear().unwrap(),
    }
}

fn all(session: &Session, steps: &[Step]) -> Result<(), SessionError> {
    steps.iter().for_each(|step| does(session, step));
    Ok(())
}

fn values(session: &Session) -> Values {
    let value = |key: usize| session.get::<i64>(KEYS[key]).unwrap().map(|value| (key, value));
    (0..KEYS.len()).filter_map(value).collect()
}

/// The status of the second of two requests, and what is stored in the end.
async fn race(first: &[Step], second: &[Step], ours: &[Step]) -> (u16, Values) {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("first", true)).await;
    browser.does(|session| all(session, first)).await;
    let visit = browser.visit().await;
    all(&visit.session, ours).unwrap();
    // Whatever else was done: there is something to write.
    visit.session.insert("ours", true).unwrap();
    browser.does(|session| all(session, second)).await;
    let status = finish(visit, 200).await.status();
    (status, values(&browser.visit().await.session))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..8)
}

proptest! {
    #[test]
    fn promise_2_a_replay_is_what_the_model_says(first in steps(), second in steps(), ours in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (status, stored) = runtime.block_on(race(&first, &second, &ours));

        let after = |values: &Values, steps: &[Step]| {
            let mut naive = Naive::new(values);
            steps.iter().for_each(|step| naive.does(step));
            naive
        };
        let before = after(&Values::new(), &first).values;
        let left = after(&before, &second).values;
        let we = after(&before, &ours);
        let conflicts = (0..KEYS.len()).any(|key| we.guarded[key] && before.get(&key) != left.get(&key));
        if conflicts {
            prop_assert_eq!((status, stored), (409, left));
        } else {
            prop_assert_eq!((status, stored), (200, after(&left, &we.log).values));
        }
    }
}
