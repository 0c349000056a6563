//! One history, from its seed to its end.

use std::sync::{Arc, Mutex};

use cloakroom::store::{Durability, Guarantees, Revocation};

use crate::{
    dice::Dice,
    judge,
    network::{Moment, SECOND, Simulated, pass},
    rungs::Rung,
    shared::Shared,
    site::Site,
    tab::{Jar, Purpose, Saw, Tab, Visit},
};

/// How many requests a tab sends.
const REQUESTS: u64 = 5;

/// What a rung declares, as times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How old an answer may be.
    pub(crate) stale: Moment,
    /// How long an acknowledged change may wait in the memory of its node, if it may.
    pub(crate) unsaved: Option<Moment>,
}

impl Bounds {
    fn of(guarantees: &Guarantees) -> Self {
        let stale = match guarantees.revocation {
            Revocation::Within(bound) => bound,
            _ => Moment::ZERO,
        };
        let unsaved = match guarantees.durability {
            Durability::Within(bound) => Some(bound),
            _ => None,
        };
        Self { stale, unsaved }
    }
}

/// What has happened in some histories.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    /// Requests that saw a session.
    pub(crate) served: u64,
    pub(crate) refused: u64,
    /// Requests that saw another state than the shared store held at that moment.
    pub(crate) stale: u64,
    pub(crate) added: u64,
    pub(crate) ended: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.served += other.served;
        self.refused += other.refused;
        self.stale += other.stale;
        self.added += other.added;
        self.ended += other.ended;
    }

    pub(crate) fn assert_plenty(&self, rung: &str) {
        assert!(self.served * 4 > self.requests, "{rung}: few requests saw a session: {self:?}");
        assert!(self.added > 0 && self.ended > 0 && self.refused > 0, "{rung}: {self:?}");
    }
}

/// Plays the history of a seed.
///
/// # Errors
/// What must not have happened.
pub(crate) fn play(rung: &Rung, seed: u64) -> Result<Summary, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let (dice, time) = (Dice::new(seed), Simulated::begin());
        let shared = Shared::new(time);
        let site = Arc::new(Site::start(rung, Arc::clone(&shared), &dice, time));
        let bounds = Bounds::of(&site.node(0).sessions.guarantees());
        let bound = bounds.stale;
        let visits = visits(&site, &dice, time, bound).await;
        site.repair();
        pass(bound + 10 * SECOND).await;
        judge::judge(&site, &visits, bounds)?;
        Ok(summary(&shared, &visits))
    })
}

/// Everything that happens, until the last response.
async fn visits(site: &Arc<Site>, dice: &Dice, time: Simulated, bound: Moment) -> Vec<Visit> {
    let mut tabs = Vec::new();
    for _ in 0..1 + dice.below(2) {
        let (jar, home) = (Jar::default(), dice.index(site.len()));
        for _ in 0..2 {
            let tab = Tab {
                node: home,
                jar: jar.clone(),
                dice: dice.clone(),
                time,
                shared: Arc::clone(&site.shared),
            };
            tabs.push(tokio::spawn(browse(tab, Arc::clone(site), home, bound)));
        }
    }
    let trouble = tokio::spawn(trouble(Arc::clone(site), dice.clone(), time));
    let mut visits = Vec::new();
    for tab in tabs {
        visits.extend(tab.await.unwrap());
    }
    trouble.abort();
    visits
}

/// What one tab does.
async fn browse(mut tab: Tab, site: Arc<Site>, home: usize, bound: Moment) -> Vec<Visit> {
    let mut visits = Vec::new();
    for _ in 0..REQUESTS {
        pass(pause(&tab.dice, bound)).await;
        tab.node = if tab.dice.below(3) > 0 { home } else { tab.dice.index(site.len()) };
        let node = site.node(tab.node);
        let visit = Mutex::new(None);
        let purpose = purpose(&tab.dice);
        tokio::select! {
            biased;
            () = node.crash() => {}
            () = tab.visit(&node, purpose, &visit) => {}
        }
        visits.extend(visit.into_inner().unwrap());
    }
    visits
}

/// How long a tab waits before its next request: sometimes longer than an answer may be old.
fn pause(dice: &Dice, bound: Moment) -> Moment {
    let longest = if dice.below(2) == 0 { SECOND / 20 } else { bound * 2 + SECOND };
    longest * u32::try_from(dice.below(100)).unwrap() / 100
}

fn purpose(dice: &Dice) -> Purpose {
    match dice.below(20) {
        0..7 => Purpose::Look,
        7..9 => Purpose::LookNow,
        9..16 => Purpose::Add,
        16..18 => Purpose::LogIn,
        _ => Purpose::LogOut,
    }
}

/// What goes wrong.
async fn trouble(site: Arc<Site>, dice: Dice, time: Simulated) {
    for _ in 0..dice.below(3) {
        pass(SECOND * u32::try_from(dice.below(4)).unwrap()).await;
        let node = dice.index(site.len());
        if dice.below(2) == 0 {
            site.crash(node);
        } else {
            site.cut(node, time.now() + SECOND * u32::try_from(dice.below(8)).unwrap());
        }
    }
}

fn summary(shared: &Shared, visits: &[Visit]) -> Summary {
    let count = |is: &dyn Fn(&Visit) -> bool| visits.iter().filter(|visit| is(visit)).count() as u64;
    let succeeded = |visit: &Visit| matches!(visit.wrote, Some((_, Ok(()))));
    Summary {
        requests: visits.len() as u64,
        served: count(&|visit| matches!(visit.saw, Saw::Session { .. })),
        refused: count(&|visit| matches!(visit.saw, Saw::Refused(_))),
        stale: count(&|visit| judge::is_stale(shared, visit)),
        added: count(&|visit| visit.purpose == Purpose::Add && succeeded(visit)),
        ended: count(&|visit| visit.purpose == Purpose::LogOut && succeeded(visit)),
    }
}
