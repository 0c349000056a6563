//! The one comparison of a presented token with a stored record that all stores with records share.

use super::answer::{Absence, Loaded, Upkeep};
use crate::{
    record::{Record, SecretMatch},
    time::Timestamp,
    token::ReferenceToken,
};

/// What a presented reference token opens, if `record` is what is stored under its ID.
///
/// The secret is compared in constant time and before anything else; only then do the record's times count. A record whose
/// new secret is presented for the first time asks to be written, which ends the grace of the old one. A record that is not
/// [resident](Record::is_resident), because its session is moving to another store, is opened by no token.
#[must_use]
pub fn authenticate(record: &Record, presented: &ReferenceToken, now: Timestamp) -> Loaded {
    if record.id() != presented.id() {
        return Loaded::Absent(Absence::Forged);
    }
    if !record.is_resident() {
        return Loaded::Absent(Absence::Migrated);
    }
    match record.compare_secret(presented.secret(), now) {
        SecretMatch::None => Loaded::Absent(Absence::Forged),
        SecretMatch::Rotated(at) => Loaded::Absent(Absence::Rotated { id: record.id(), at }),
        SecretMatch::Current | SecretMatch::Previous if record.is_expired(now) => {
            Loaded::Absent(Absence::Expired)
        }
        SecretMatch::Current if record.in_grace(now) => {
            Loaded::Live { record: record.clone(), upkeep: Upkeep::Reissue }
        }
        SecretMatch::Current | SecretMatch::Previous => {
            Loaded::Live { record: record.clone(), upkeep: Upkeep::None }
        }
    }
}
