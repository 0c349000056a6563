//! No two files import each other, however long the way round.

use std::collections::{BTreeMap, BTreeSet};

use super::{Sources, source::File};

impl Sources {
    /// The circles between files, each as the list of its files.
    pub(super) fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            edges.keys().map(|file| (*file, reachable(file, &edges))).collect();
        let mut circles = BTreeSet::new();
        for (file, reaches) in &reached {
            let circle: Vec<&str> =
                reaches.iter().copied().filter(|other| reached[other].contains(file)).collect();
            if circle.len() > 1 {
                circles.insert(circle.join(", "));
            }
        }
        circles
            .into_iter()
            .map(|circle| format!("these files import each other in a circle: {circle}"))
            .collect()
    }

    /// The files that each file imports something of, by path.
    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let imported = |file: &'_ File| -> BTreeSet<&str> {
            let targets = file.mentions.iter().filter_map(|mention| {
                let target = self.absolute(file, mention)?;
                let home = self.home(&target);
                let home = self.files.iter().find(|other| other.module == home)?;
                // A module that shows what its children hold does not use it.
                let shows =
                    mention.import.is_some() && home.module.starts_with(&format!("{}::", file.module));
                (home.path != file.path && !home.module.is_empty() && !shows).then_some(home.path.as_str())
            });
            targets.collect()
        };
        let files = self.files.iter().filter(|file| !file.module.is_empty());
        files.map(|file| (file.path.as_str(), imported(file))).collect()
    }
}

/// What can be reached from a file, itself included if there is a way back.
fn reachable<'a>(from: &'a str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in edges.get(file).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}
