//! The results of a run of the suite.

use std::fmt;

use super::Failure;

/// The outcome of each check, in the order of the suite.
#[derive(Debug, Clone)]
#[must_use]
pub struct Report {
    store: &'static str,
    entries: Vec<(String, Outcome)>,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store does what it guarantees.
    Passed,
    /// It does not, or that cannot be checked, or the check was waived without need. This is the reason.
    Failed(String),
    /// It could not be checked, and that was waived.
    Waived,
    /// The store does not guarantee what this checks.
    NotDeclared,
}

impl Report {
    pub(super) const fn new(store: &'static str) -> Self {
        Self { store, entries: Vec::new() }
    }

    pub(super) fn add(&mut self, check: &str, outcome: Outcome) {
        self.entries.push((check.into(), outcome));
    }

    /// Every check by name, with its outcome.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        self.entries.iter().map(|(check, outcome)| (check.as_str(), outcome))
    }

    /// The outcome of a check, if the suite has one of this name.
    #[must_use]
    pub fn outcome(&self, check: &str) -> Option<&Outcome> {
        self.entries().find(|(name, _)| *name == check).map(|(_, outcome)| outcome)
    }

    /// The names of the checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.entries().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| name)
    }

    /// Panics if a check failed, for the end of a test.
    ///
    /// # Panics
    /// With the whole report, if a check failed.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failures().next().is_none(), "\n{self}");
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.entries.iter().filter(|(_, outcome)| of(outcome)).count()
    }
}

impl From<Result<(), Failure>> for Outcome {
    fn from(verdict: Result<(), Failure>) -> Self {
        match verdict {
            Ok(()) => Self::Passed,
            Err(failure) => Self::Failed(failure.to_string()),
        }
    }
}

/// The counts, then every check that was not simply passed: failures come last, where a terminal ends.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("not declared", self.count(|outcome| *outcome == Outcome::NotDeclared)),
            ("waived", self.count(|outcome| *outcome == Outcome::Waived)),
            ("failed", self.count(|outcome| matches!(outcome, Outcome::Failed(_)))),
        ];
        let passed = self.count(|outcome| *outcome == Outcome::Passed);
        write!(f, "conformance of the store {:?}: {passed} checks passed", self.store)?;
        for (title, count) in lists.iter().filter(|(_, count)| *count > 0) {
            write!(f, "\n{title} ({count}):")?;
            for (check, outcome) in self.entries().filter(|(_, outcome)| outcome.title() == *title) {
                write!(f, "\n  {check}")?;
                if let Outcome::Failed(reason) = outcome {
                    write!(f, "\n      {reason}")?;
                }
            }
        }
        Ok(())
    }
}

impl Outcome {
    const fn title(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Waived => "waived",
            Self::NotDeclared => "not declared",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_from_the_counts_to_the_failures() {
        let mut report = Report::new("paper");
        report.add("a", Outcome::Passed);
        report.add("b", Outcome::Failed("it rained".into()));
        report.add("c", Outcome::NotDeclared);
        report.add("d", Outcome::Waived);
        let expected = "conformance of the store \"paper\": 1 checks passed\
                        \nnot declared (1):\n  c\nwaived (1):\n  d\nfailed (1):\n  b\n      it rained";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.failures().collect::<Vec<_>>(), ["b"]);
        assert_eq!(report.outcome("d"), Some(&Outcome::Waived));
    }

    #[test]
    #[should_panic(expected = "it rained")]
    fn a_failure_ends_the_test() {
        let mut report = Report::new("paper");
        report.add("b", Outcome::Failed("it rained".into()));
        report.assert();
    }
}
