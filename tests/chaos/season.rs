//! A season: one Redis, some servers with clocks of their own, and people who live there while faults happen.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    checker::{self, Findings, Violation},
    clocks::{Moment, now},
    dice::Dice,
    faults::Faults,
    history::Life,
    person,
    rig::RedisServer,
    site::Site,
};

/// How many people there are at a time.
const PEOPLE: u64 = 64;

/// The most requests that are shown of a session.
const SHOWN: usize = 40;

/// How much of it there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) operations: u64,
    pub(crate) until: Moment,
}

/// What became of a season.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) findings: Findings,
    /// The first violations, with what happened before.
    pub(crate) report: Option<String>,
}

pub(crate) async fn play(seed: u64, length: Length) -> Outcome {
    let dice = Dice::new(seed);
    // Nothing is lost by a kill, because the file is the system's as soon as it is written.
    let redis = RedisServer::builder().option("appendonly", "yes").option("appendfsync", "no").start();
    let site = Arc::new(Site::open(&redis, &dice));
    let faults = Faults::begin(redis, Arc::clone(&site.proxies), another(&dice));
    let over = Arc::new(AtomicBool::new(false));
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        people.spawn(lives(Arc::clone(&site), number, another(&dice), length, Arc::clone(&over)));
    }
    let (mut findings, mut report) = (Findings::default(), None);
    while let Some(lived) = people.join_next().await {
        let lived = lived.expect("nobody panics");
        findings.add(lived.0);
        report = report.or(lived.1);
    }
    tokio::task::spawn_blocking(|| faults.end()).await.expect("it ends");
    let report = report.map(|report| format!("clocks off by {:?} ms\n{report}", site.clocks));
    Outcome { operations: site.requests(), findings, report }
}

fn another(dice: &Dice) -> Dice {
    Dice::new(dice.below(u64::MAX))
}

/// One life after the other, until the season is over or something must not have happened.
async fn lives(
    site: Arc<Site>,
    number: u64,
    dice: Dice,
    length: Length,
    over: Arc<AtomicBool>,
) -> (Findings, Option<String>) {
    let (mut findings, mut count) = (Findings::default(), 0);
    while !over.load(Relaxed) && site.requests() < length.operations && now() < length.until {
        count += 1;
        let life = person::live(&site, &format!("person {number}-{count}"), another(&dice)).await;
        findings.add(checker::check(&life));
        if !findings.violations.is_empty() {
            over.store(true, Relaxed);
            let report = report(&life, &findings.violations);
            return (findings, Some(report));
        }
    }
    (findings, None)
}

/// The violations of a life, and the last requests of each session concerned.
fn report(life: &Life, violations: &[Violation]) -> String {
    let mut text = String::new();
    for Violation { what, session, request } in violations {
        text += &format!("\nbroken: {what}: session {session}, request {request:?}\n");
    }
    let shown_by = violations.iter().filter_map(|violation| violation.request);
    let presented = shown_by.filter_map(|request| life.presented(request));
    let sessions: BTreeSet<_> = violations.iter().map(|it| it.session.as_str()).chain(presented).collect();
    for session in sessions {
        text += &format!("\nthe last requests of session {session}:\n{}", life.excerpt(session, SHOWN));
    }
    text
}

impl Length {
    /// As much as is left of it.
    pub(crate) fn of(operations: u64, time: Option<Duration>) -> Self {
        Self { operations, until: time.map_or(Moment::MAX, |time| now() + time) }
    }
}
