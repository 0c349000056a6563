//! The cache's own rules, without a store.

use std::time::Duration;

use super::*;
use crate::{
    id::{SessionId, WriteId},
    record::{Data, Lifetime},
    secret::Secret,
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// A session and a token of it.
fn session(number: u32, secret: u8, len: usize) -> (ReferenceToken, Record) {
    let id = SessionId::from_bytes([[0; 12].as_slice(), &number.to_le_bytes()].concat().try_into().unwrap());
    let lifetime = Lifetime { idle: Duration::from_secs(60), absolute: Duration::from_secs(3600) };
    let secret = Secret::from_bytes([secret; 16]);
    let record = Record::new(id, secret, WriteId::from_u64(1), lifetime, NOW).into_draft();
    let record = record.data(Data::default().with("k", &vec![b'1'; len]).unwrap()).finish();
    let token = ReferenceToken::issue(&record, None).unwrap();
    (ReferenceToken::parse(token.expose().as_bytes()).unwrap(), record)
}

fn keep(cache: &Arc<Cache>, (token, record): &(ReferenceToken, Record), now: Timestamp) {
    let flight = cache.begin_read(token, now);
    let loaded = Loaded::Live { record: record.clone(), upkeep: crate::store::Upkeep::None };
    let answer = flight.answer(token, now, async || Ok(loaded));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(answer).is_ok());
}

fn cache(options: CachedOptions) -> Arc<Cache> {
    Arc::new(Cache::new(options))
}

/// Whoever guesses at sessions, and whatever one session holds, the others stay.
#[test]
fn junk_displaces_nothing_and_large_sessions_no_more_than_their_bytes() {
    let options = CachedOptions { sessions: 320, bytes: 16 * 40_000, ..CachedOptions::default() };
    let cache = cache(options);
    let good: Vec<_> = (0..50).map(|number| session(number, 2, 10)).collect();
    good.iter().for_each(|session| keep(&cache, session, NOW));
    let hits = || good.iter().filter(|(token, _)| cache.open(token, NOW).is_some()).count();
    assert_eq!(hits(), 50);
    for number in 1_000..11_000 {
        drop(cache.join_read(&session(number, 2, 0).0, NOW));
    }
    assert_eq!(hits(), 50, "reads of unknown sessions displace nothing");
    (100..200).map(|number| session(number, 2, 40_000)).for_each(|large| keep(&cache, &large, NOW));
    assert_eq!(hits(), 50, "what is larger than its part is not kept");
    (200..900).map(|number| session(number, 2, 10_000)).for_each(|large| keep(&cache, &large, NOW));
    let kept = cache.bytes();
    assert!((200_000..=options.bytes).contains(&kept), "{kept}");
}

/// Another node may have issued the token a moment ago, or have stored that the session was used.
#[test]
fn a_cached_record_opens_a_session_but_never_denies_one() {
    let cache = cache(CachedOptions::default());
    let (known, newer) = (session(1, 2, 0), session(1, 3, 0));
    keep(&cache, &known, NOW);
    assert!(matches!(cache.open(&known.0, NOW), Some(Loaded::Live { .. })));
    assert!(cache.open(&newer.0, NOW).is_none(), "the secret may be newer than the record");
    let later = NOW + 60 * SECOND;
    cache.follow(Some(1));
    keep(&cache, &known, NOW);
    cache.confirm(1, later);
    assert!(cache.open(&known.0, later).is_none(), "another node may have touched it");
}

#[test]
fn without_announcements_an_entry_counts_by_its_own_age() {
    let (cache, known) = (cache(CachedOptions::default()), session(1, 2, 0));
    keep(&cache, &known, NOW);
    let is_known = |millis| cache.open(&known.0, Timestamp::from_millis(NOW.as_millis() + millis)).is_some();
    assert_eq!([-1, 0, 999, 1000].map(is_known), [false, true, true, false]);
}

#[test]
fn with_announcements_an_entry_counts_while_the_proof_is_young() {
    let (cache, known) = (cache(CachedOptions::default()), session(1, 2, 0));
    cache.follow(Some(7));
    keep(&cache, &known, NOW);
    let is_known = |now| cache.open(&known.0, now).is_some();
    let later = NOW + 30 * SECOND;
    assert!(!is_known(later));
    cache.confirm(6, later);
    assert!(!is_known(later), "another connection proves nothing");
    cache.confirm(7, Timestamp::MIN);
    assert!(!is_known(later), "a call without a time proves nothing");
    cache.confirm(7, later);
    let almost = later + Duration::from_millis(999);
    assert!(is_known(later) && is_known(almost) && !is_known(later + SECOND));
    cache.changed(6, Some(&known.1.id()));
    cache.changed(6, None);
    assert!(is_known(later), "nor does another connection outdate anything");
    cache.changed(7, Some(&known.1.id()));
    assert!(!is_known(later));
    keep(&cache, &known, later);
    cache.changed(7, None);
    assert!(!is_known(later));
    keep(&cache, &known, later);
    cache.follow(None);
    assert!(!is_known(later), "the connection was lost");
}

/// What is announced, or written, while a read is under way outdates it.
#[test]
fn a_read_that_was_overtaken_is_not_kept() {
    let (cache, known) = (cache(CachedOptions::default()), session(1, 2, 0));
    let id = known.1.id();
    cache.follow(Some(1));
    let overtaking: [&dyn Fn(); 5] = [
        &|| cache.changed(1, Some(&id)),
        &|| cache.changed(1, None),
        &|| cache.follow(Some(1)),
        &|| drop(cache.begin_write(id)),
        &|| cache.forget(&id),
    ];
    for overtake in overtaking {
        let flight = cache.join_read(&known.0, NOW);
        assert!(Arc::ptr_eq(&flight, &cache.join_read(&known.0, NOW)));
        overtake();
        assert!(!Arc::ptr_eq(&flight, &cache.join_read(&known.0, NOW)), "nor does anyone wait for it");
        let found = Loaded::Live { record: known.1.clone(), upkeep: crate::store::Upkeep::None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(flight.answer(&known.0, NOW, async || Ok(found))).is_ok());
        assert!(cache.open(&known.0, NOW).is_none());
    }
}

/// A read that was sent too long ago shows too little.
#[test]
fn an_old_read_is_not_joined() {
    let (cache, known) = (cache(CachedOptions::default()), session(1, 2, 0));
    let flight = cache.join_read(&known.0, NOW);
    assert!(Arc::ptr_eq(&flight, &cache.join_read(&known.0, NOW + SECOND / 2)));
    assert!(!Arc::ptr_eq(&flight, &cache.join_read(&known.0, NOW + SECOND)));
}

#[test]
fn what_asks_to_be_written_is_not_kept() {
    let (cache, (token, record)) = (cache(CachedOptions::default()), session(1, 2, 0));
    let flight = cache.join_read(&token, NOW);
    let found = Loaded::Live { record, upkeep: crate::store::Upkeep::Reissue };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(flight.answer(&token, NOW, async || Ok(found))).is_ok());
    assert!(cache.open(&token, NOW).is_none());
}
