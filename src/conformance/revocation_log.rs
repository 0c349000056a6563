//! Checks of a log of revocations: [`check_revocation_log`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    Failure, Report, Verdict,
    trial::{DAY, HOUR},
    verdict::{ensure, failed},
};
use crate::{
    id::SessionId,
    session::BoxFuture,
    store::{
        EndedBy, KeyId, RevocationLog, RevocationPage, Revoked, RevokedSessions, StoreContext, SubjectHash,
        within,
    },
    time::{Deadline, Timestamp},
};

/// When every check begins.
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// How long the suite waits for one answer, on the real clock.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many write at the same time, and how many entries each of them.
const WRITERS: u8 = 4;
const EACH: u8 = 50;

/// A fresh, empty log for a check.
#[async_trait]
pub trait RevocationLogHarness: Send + Sync {
    /// Another handle of the log, as another server would have. Every call returns one of the same log.
    async fn log(&self) -> Arc<dyn RevocationLog>;
}

/// Any log whose clones are handles of it.
#[async_trait]
impl<L: RevocationLog + Clone> RevocationLogHarness for L {
    async fn log(&self) -> Arc<dyn RevocationLog> {
        Arc::new(self.clone())
    }
}

/// Checks a log of revocations against the contract of [`RevocationLog`]. `fresh` makes an empty one for each check.
///
/// Run it on a runtime with several threads and time enabled, so that calls really overlap.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use cloakroom::{conformance, store::MemoryRevocationLog};
///
/// conformance::check_revocation_log(MemoryRevocationLog::new).await.assert();
/// # }
/// ```
pub async fn check_revocation_log<H: RevocationLogHarness>(fresh: impl Fn() -> H) -> Report {
    let mut report = Report::new("a log of revocations");
    for (name, check) in CHECKS {
        let harness = fresh();
        report.add(name, check(&harness).await.into());
    }
    report
}

type Check = for<'a> fn(&'a dyn RevocationLogHarness) -> BoxFuture<'a, Verdict>;

const CHECKS: [(&str, Check); 5] = [
    ("entries_are_read_in_order_and_once", |harness| Box::pin(entries_are_read_in_order_and_once(harness))),
    ("entries_are_what_was_written", |harness| Box::pin(entries_are_what_was_written(harness))),
    ("a_reader_misses_no_entry_of_many_writers", |harness| {
        Box::pin(a_reader_misses_no_entry_of_many_writers(harness))
    }),
    ("entries_are_kept_for_their_time", |harness| Box::pin(entries_are_kept_for_their_time(harness))),
    ("a_clock_that_jumps_ahead_removes_little", |harness| {
        Box::pin(a_clock_that_jumps_ahead_removes_little(harness))
    }),
];

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::after(PATIENCE))
}

fn ending(n: u8, m: u8) -> Revoked {
    let mut id = [n; SessionId::LEN];
    id[0] = m;
    let what = RevokedSessions::One { id: SessionId::from_bytes(id), by: EndedBy::Client };
    Revoked { what, at: START, keep_until: START + DAY }
}

async fn append(log: &dyn RevocationLog, entry: &Revoked, now: Timestamp) -> Result<u64, Failure> {
    let cx = cx(now);
    within(cx.deadline, log.append(entry, cx)).await.map_err(|error| failed("append", &error))
}

async fn page(log: &dyn RevocationLog, after: u64) -> Result<RevocationPage, Failure> {
    let cx = cx(START);
    within(cx.deadline, log.read(after, cx)).await.map_err(|error| failed("read", &error))
}

/// Everything above a number, and where to go on.
async fn all(log: &dyn RevocationLog, mut after: u64) -> Result<(Vec<(u64, Revoked)>, u64), Failure> {
    let mut entries = Vec::new();
    loop {
        let page = page(log, after).await?;
        let numbers = page.entries.iter().map(|(number, _)| *number);
        let grows = numbers.clone().zip(numbers.clone().skip(1)).all(|(one, next)| one < next);
        let fits = numbers.clone().all(|number| number > after && number <= page.read_to);
        ensure(grows && fits, || {
            format!("a page after {after} has the numbers {:?}", numbers.collect::<Vec<_>>())
        })?;
        entries.extend(page.entries);
        if page.is_last {
            return Ok((entries, page.read_to));
        }
        ensure(page.read_to > after, || "a page that is not the last one leads nowhere".into())?;
        after = page.read_to;
    }
}

/// Each entry is read by every handle, once, in the order of numbers that grow.
async fn entries_are_read_in_order_and_once(harness: &dyn RevocationLogHarness) -> Verdict {
    let (one, other) = (harness.log().await, harness.log().await);
    ensure(all(&*one, 0).await? == (Vec::new(), 0), || "a fresh log is not empty".into())?;
    let mut read_to = 0;
    for n in 0..20 {
        let (writer, reader) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let number = append(&**writer, &ending(n, 0), START).await?;
        ensure(number > read_to, || format!("the number {number} comes after {read_to}"))?;
        let (entries, next) = all(&**reader, read_to).await?;
        ensure(entries == [(number, ending(n, 0))] && next == number, || {
            format!("entry {number} is read as {entries:?} up to {next}")
        })?;
        read_to = next;
    }
    let (entries, next) = all(&*one, 0).await?;
    ensure(entries.len() == 20 && next == read_to, || format!("of 20 entries {} are kept", entries.len()))?;
    ensure(all(&*one, read_to).await? == (Vec::new(), read_to), || "an entry is read twice".into())
}

/// Every kind of entry is read as it was written.
async fn entries_are_what_was_written(harness: &dyn RevocationLogHarness) -> Verdict {
    let log = harness.log().await;
    let (id, subject) = (SessionId::from_bytes([9; SessionId::LEN]), SubjectHash::of("alice"));
    let kinds = [
        RevokedSessions::All,
        RevokedSessions::OfKey(KeyId::from_bytes([5; KeyId::LEN])),
        RevokedSessions::OfSubject { subject, except: None },
        RevokedSessions::OfSubject { subject, except: Some(id) },
        RevokedSessions::One { id, by: EndedBy::Client },
        RevokedSessions::One { id, by: EndedBy::Other },
    ];
    let written = kinds.map(|what| Revoked { what, at: START, keep_until: Timestamp::MAX });
    for entry in &written {
        append(&*log, entry, START).await?;
    }
    let read: Vec<_> = all(&*log, 0).await?.0.into_iter().map(|(_, entry)| entry).collect();
    ensure(read == written, || format!("read are {read:?}"))
}

/// While many write, a reader that goes on where it stopped finds every entry under the number that its writer was told.
async fn a_reader_misses_no_entry_of_many_writers(harness: &dyn RevocationLogHarness) -> Verdict {
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let log = harness.log().await;
        writers.push(tokio::spawn(async move {
            let mut numbers = Vec::new();
            for m in 0..EACH {
                numbers.push(append(&*log, &ending(n, m), START).await?);
            }
            Ok::<_, Failure>(numbers)
        }));
    }
    let (reader, mut read, mut read_to) = (harness.log().await, BTreeSet::new(), 0);
    while writers.iter().any(|writer| !writer.is_finished()) {
        let (entries, next) = all(&*reader, read_to).await?;
        read.extend(entries.into_iter().map(|(number, _)| number));
        read_to = next;
        tokio::task::yield_now().await;
    }
    read.extend(all(&*reader, read_to).await?.0.into_iter().map(|(number, _)| number));
    let mut written = BTreeSet::new();
    for writer in writers {
        written.extend(writer.await.map_err(|lost| Failure::Broken(lost.to_string()))??);
    }
    ensure(written.len() == usize::from(WRITERS) * usize::from(EACH), || "a number was given twice".into())?;
    let missed = written.difference(&read).count();
    ensure(missed == 0, || format!("a reader has missed {missed} of {} entries", written.len()))
}

/// Until its time has passed, an entry is kept, whatever is appended later.
async fn entries_are_kept_for_their_time(harness: &dyn RevocationLogHarness) -> Verdict {
    let log = harness.log().await;
    let first = append(&*log, &ending(0, 0), START).await?;
    for n in 1..30 {
        let entry = Revoked { keep_until: START + HOUR, ..ending(n, 0) };
        append(&*log, &entry, START + DAY - Duration::from_millis(1)).await?;
    }
    let (entries, _) = all(&*log, 0).await?;
    ensure(entries.first() == Some(&(first, ending(0, 0))), || {
        "an entry was removed before its time".into()
    })?;
    let before = append(&*log, &ending(30, 0), START + DAY).await?;
    let (_, read_to) = all(&*log, before - 1).await?;
    ensure(read_to == before, || format!("after {before} the log goes on at {read_to}"))
}

/// A clock that runs ahead for a moment removes few entries.
async fn a_clock_that_jumps_ahead_removes_little(harness: &dyn RevocationLogHarness) -> Verdict {
    let log = harness.log().await;
    for n in 0..200 {
        append(&*log, &ending(n, 0), START).await?;
    }
    append(&*log, &ending(200, 0), START + 400 * DAY).await?;
    let left = all(&*log, 0).await?.0.len();
    ensure(left >= 150, || format!("of 201 entries {left} are left"))
}
