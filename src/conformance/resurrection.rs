//! Nothing brings an ended session back: every order in which the calls of several servers can reach the store.
//!
//! Each server runs a short program of store calls, as slow requests do: what it holds may be long out of date. All
//! merges of three programs are played, each on a session of its own, and from the moment that an end was answered, no
//! token that was ever issued may open anything.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Failure, Harness, Verdict,
    crowd::{CROWD, crowd, crowd_of, pause},
    requirements::revokes_at_once,
    trial::{Held, MINUTE, Trial},
    verdict::{broken, ensure},
};
use crate::{
    record::Record,
    store::{Created, Loaded, Replaced, Token, Touched},
};

/// One store call of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Loads the token that was issued last.
    Load,
    /// Writes a change on what it holds.
    Save,
    /// Writes down that it was used.
    Touch,
    /// Writes a new secret.
    Rotate,
    /// Creates the session, or repeats that because its reply was lost.
    Create,
    /// Ends the session.
    End,
}

use Step::{Create, End, Load, Rotate, Save, Touch};

/// How many orders are played at the same time.
const PLAYERS: usize = 32;

/// What three servers do with one session.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    /// Whether the session exists before they begin.
    begun: bool,
    programs: [&'static [Step]; 3],
}

const WRITERS: [&[Step]; 4] = [&[Load, Save], &[Load, Touch], &[Load, Rotate], &[Create, Create]];

/// Scenarios that pairs of the plain writers do not make.
const LONGER: [[&[Step]; 3]; 4] = [
    [&[Load, Save, Rotate], &[Load, Touch, Save], &[Load, End]],
    [&[Create, Load, Save], &[Load, Rotate, Save], &[Load, End]],
    [&[Load, Save, Save], &[End, Create], &[Touch, Load, End]],
    [&[Rotate, Rotate, Save], &[End, Touch], &[Create, Load, Rotate]],
];

fn scenarios() -> impl Iterator<Item = Scenario> {
    let pairs = WRITERS.iter().enumerate().flat_map(|(n, one)| {
        WRITERS[n..].iter().map(move |other| -> [&'static [Step]; 3] { [one, other, &[Load, End]] })
    });
    pairs.chain(LONGER).flat_map(|programs| {
        let creates = programs.iter().any(|program| program.contains(&Create));
        let begun = [true, false].into_iter().filter(move |begun| *begun || creates);
        begun.map(move |begun| Scenario { begun, programs })
    })
}

/// Every order in which three programs of these lengths can be merged: whose step is next, each time.
fn merges(left: [usize; 3]) -> Vec<Vec<usize>> {
    if left == [0; 3] {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for next in (0..3).filter(|next| left[*next] > 0) {
        let mut then = left;
        then[next] -= 1;
        all.extend(merges(then).into_iter().map(|rest| [vec![next], rest].concat()));
    }
    all
}

/// In no order of the calls of three servers does a late one bring an ended session back.
///
/// # Errors
/// With the order of calls after which a token opens the session again.
pub async fn no_order_of_calls_brings_an_ended_session_back(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    // Each order has a session of its own, so many of them wait for the store at the same time.
    crowd_of(PLAYERS, |player| play_every(PLAYERS, player, trial.clone())).await.map(drop)
}

/// Plays one order out of so many, beginning with that of this number.
async fn play_every(players: usize, number: usize, trial: Trial) -> Verdict {
    let orders = scenarios().flat_map(|scenario| {
        let orders = merges(scenario.programs.map(<[Step]>::len));
        orders.into_iter().map(move |order| (scenario, order))
    });
    for (scenario, order) in orders.skip(number).step_by(players) {
        play(&trial, &scenario, &order).await?;
    }
    Ok(())
}

async fn play(trial: &Trial, scenario: &Scenario, order: &[usize]) -> Verdict {
    let mut world = World::new(trial, scenario.begun).await?;
    let mut at = [0; 3];
    let mut played = Vec::new();
    for &server in order {
        let step = scenario.programs[server][at[server]];
        at[server] += 1;
        played.push((server, step));
        let outcome = async {
            world.step(server, step).await?;
            world.check().await
        };
        outcome.await.map_err(|failure| {
            let begun = if scenario.begun { "a session" } else { "no session" };
            broken(format!("beginning with {begun}, after (server, step) {played:?}: {failure}"))
        })?;
    }
    Ok(())
}

/// One session, those who work on it, and every token that was issued for it.
struct World<'a> {
    trial: &'a Trial,
    first: Record,
    /// The state that each server has seen last.
    held: [Record; 3],
    tokens: Vec<Token>,
    ended: bool,
}

impl<'a> World<'a> {
    async fn new(trial: &'a Trial, begun: bool) -> Result<Self, Failure> {
        let first = trial.record()?;
        let held = [(); 3].map(|()| first.clone());
        let mut world = Self { trial, first, held, tokens: Vec::new(), ended: false };
        if begun {
            world.create().await?;
        }
        Ok(world)
    }

    async fn step(&mut self, server: usize, step: Step) -> Verdict {
        let held = self.held[server].clone();
        match step {
            Load => return self.load(server).await,
            Create => return self.create().await,
            End => return self.end().await,
            Touch => return self.touch(&held).await,
            Save => self.write(server, self.trial.next(&held)?.finish()).await,
            Rotate => self.write(server, self.trial.rotated(&held, MINUTE)?).await,
        }
    }

    async fn load(&mut self, server: usize) -> Verdict {
        let Some(token) = self.tokens.last() else { return Ok(()) };
        if let Loaded::Live { record, .. } = self.trial.present(token.expose().as_bytes()).await? {
            self.held[server] = record;
        }
        Ok(())
    }

    async fn create(&mut self) -> Verdict {
        match self.trial.create(&self.first).await? {
            Created::Done(token) => self.done(Some(token)),
            Created::Taken(_) => self.done(None),
            Created::Ended => self.refused(),
        }
    }

    async fn write(&mut self, server: usize, next: Record) -> Verdict {
        match self.trial.replace(&next, self.held[server].version()).await? {
            Replaced::Done(token) => {
                self.held[server] = next;
                self.done(token)
            }
            Replaced::Conflict(stored) => {
                self.held[server] = stored;
                self.done(None)
            }
            Replaced::Gone(_) => Ok(()),
        }
    }

    async fn touch(&mut self, held: &Record) -> Verdict {
        match self.trial.touch(&self.trial.next(held)?.finish(), held.version()).await? {
            Touched::Done(token) => self.done(token),
            Touched::Gone(_) => Ok(()),
        }
    }

    async fn end(&mut self) -> Verdict {
        self.trial.end(self.first.id(), self.first.deadline()).await?;
        self.ended = true;
        Ok(())
    }

    /// A call was answered as on a session that is there.
    fn done(&mut self, token: Option<Token>) -> Verdict {
        self.tokens.extend(token);
        let lies = self.ended && revokes_at_once(&self.trial.guarantees);
        ensure(!lies, || "a call on an ended session is answered as if the session were there".into())
    }

    /// A call was answered as on a session that has ended.
    fn refused(&self) -> Verdict {
        ensure(self.ended, || "a session that nobody has ended is answered as ended".into())
    }

    async fn check(&self) -> Verdict {
        if self.ended { stays_ended(self.trial, &self.first, &self.tokens).await } else { Ok(()) }
    }
}

/// No token ever issued opens an ended session, and its ID finds none.
async fn stays_ended(trial: &Trial, first: &Record, tokens: &[Token]) -> Verdict {
    let trial = trial.once_ends_count();
    for token in tokens {
        trial.refused(token, "a token of an ended session").await?;
    }
    ensure(trial.find(first.id()).await?.is_none(), || "an ended session is found by its ID".into())
}

/// How often each of the crowd writes.
const WRITES: usize = 12;

/// An end among sixty-three busy writers is final: none of the tokens issued opens anything.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_end_among_busy_writers_is_final(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    let tokens = Arc::new(Mutex::new(vec![held.token.clone()]));
    let ended = Arc::new(AtomicBool::new(false));
    crowd(|member| {
        let writer = Writer {
            trial: trial.clone(),
            held: held.clone(),
            tokens: Arc::clone(&tokens),
            ended: Arc::clone(&ended),
        };
        async move { if member == CROWD / 2 { writer.end().await } else { writer.write(member).await } }
    })
    .await?;
    let tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner).clone();
    stays_ended(&trial, &held.record, &tokens).await
}

/// One of the crowd.
struct Writer {
    trial: Trial,
    held: Held,
    tokens: Arc<Mutex<Vec<Token>>>,
    ended: Arc<AtomicBool>,
}

impl Writer {
    async fn end(&self) -> Verdict {
        pause().await;
        self.trial.log_out(&self.held).await?;
        self.ended.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Saves, rotates or creates again, on whatever is there, until the end and some time after.
    async fn write(mut self, member: usize) -> Verdict {
        for _ in 0..WRITES {
            let was_ended = self.ended.load(Ordering::SeqCst);
            let done = match member % 4 {
                0 => self.create().await?,
                1 => self.replace(self.trial.rotated(&self.held.record, MINUTE)?).await?,
                _ => self.replace(self.trial.next(&self.held.record)?.finish()).await?,
            };
            let lies = done && was_ended && revokes_at_once(&self.trial.guarantees);
            ensure(!lies, || "a write was done although the end had been confirmed".into())?;
            pause().await;
        }
        Ok(())
    }

    async fn create(&self) -> Result<bool, Failure> {
        let created = self.trial.create(&self.held.record).await?;
        Ok(match created {
            Created::Done(token) => self.issued(Some(token)),
            Created::Taken(_) => true,
            Created::Ended => false,
        })
    }

    async fn replace(&mut self, next: Record) -> Result<bool, Failure> {
        Ok(match self.trial.replace(&next, self.held.record.version()).await? {
            Replaced::Done(token) => {
                self.held.record = next;
                self.issued(token)
            }
            Replaced::Conflict(stored) => {
                self.held.record = stored;
                false
            }
            Replaced::Gone(_) => false,
        })
    }

    fn issued(&self, token: Option<Token>) -> bool {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).extend(token);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_played_once() {
        let orders = merges([2, 2, 2]);
        let different: std::collections::HashSet<_> = orders.iter().collect();
        assert_eq!((orders.len(), different.len()), (90, 90));
        assert!(
            orders.iter().all(|order| (0..3).all(|n| order.iter().filter(|next| **next == n).count() == 2))
        );
    }

    #[test]
    fn every_scenario_has_an_end() {
        let scenarios: Vec<_> = scenarios().collect();
        assert!(scenarios.len() > 14);
        assert!(
            scenarios.iter().all(|scenario| scenario.programs.iter().any(|program| program.contains(&End)))
        );
    }
}
