//! The scenarios; the table in `main` says what each file is about.

mod disconnects;
mod endings;
mod failures;
mod headers;
mod hostile;
mod outages;
mod sites;
mod times;
mod upgrades;
mod visits;
mod ways;
