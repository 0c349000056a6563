//! Says what in the history of a life must not have happened. Pure functions: each rule is tried on made-up histories in `tests`.
//!
//! | module | rules |
//! | --- | --- |
//! | `view` | what the rules ask of a life: which token was surely the current one, which session may have ended |
//! | `data` | what was acknowledged is there, once |
//! | `endings` | nothing after a log-out |
//! | `identity` | nothing of another session; an outage is never anonymous; nothing from before a login after it |

mod data;
mod endings;
mod identity;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use crate::history::Life;

/// Something that must not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    /// The session concerned.
    pub(crate) session: String,
    /// The request that shows it; none where the end shows it.
    pub(crate) request: Option<u64>,
}

/// What the rules have found, and what they had to judge.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<Violation>,
    /// How many requests there were, and how many of them were served.
    pub(crate) requests: u64,
    pub(crate) served: u64,
    /// How often each rule had something to judge.
    pub(crate) judged: BTreeMap<&'static str, u64>,
}

impl Findings {
    /// A rule has something to judge.
    fn judge(&mut self, what: &'static str, holds: bool, session: &str, request: Option<u64>) {
        *self.judged.entry(what).or_default() += 1;
        if !holds {
            self.violations.push(Violation { what, session: session.to_owned(), request });
        }
    }

    /// Takes over what was found elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.requests += other.requests;
        self.served += other.served;
        for (what, times) in other.judged {
            *self.judged.entry(what).or_default() += times;
        }
    }
}

/// Judges a life by all rules.
pub(crate) fn check(life: &Life) -> Findings {
    let mut findings = Findings::default();
    for event in &life.events {
        findings.requests += 1;
        findings.served += u64::from(event.is_acknowledged());
    }
    data::check(life, &mut findings);
    endings::check(life, &mut findings);
    identity::check(life, &mut findings);
    findings
}
