//! What the targets share: stores with fixed keys, and changes to genuine tokens.
//!
//! Bytes alone never get past a seal. So one half of the inputs of a token target are tokens as they come, and the other
//! half are records: sealed by the store itself when they are readable, then changed as the input says. A target for
//! another kind of token is a store and a call of [`token`].

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom::{
    SessionStore,
    keyring::{KeyRing, SecretKey},
    record::{MAX_SUBJECT_LEN, Record},
    store::{Created, Loaded, PresentedToken, StoreContext, Upkeep},
    time::{Deadline, Timestamp},
};

/// Some moment in 2026.
pub const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Two keys, the same in every run.
pub fn ring() -> KeyRing {
    let key = |first: u8| {
        SecretKey::from_bytes(&(first..first + 32).collect::<Vec<_>>()).expect("it is long enough")
    };
    KeyRing::new(key(1)).accepting(key(101))
}

/// Presents the input as a token, or changes a genuine one and presents that.
pub fn token(store: &dyn SessionStore, input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    if choice % 2 == 0 {
        assert!(!opens(store, rest), "a token that nobody issued opens");
    } else {
        changed(store, rest);
    }
}

/// `input := change (2 bytes place, 1 byte mask) | record`. A mask of zero changes nothing.
fn changed(store: &dyn SessionStore, input: &[u8]) {
    let Some(([high, low, mask], record)) = input.split_first_chunk::<3>() else { return };
    let Ok(record) = Record::decode(record) else { return };
    if !could_be_ours(&record) {
        return;
    }
    let Some(token) = sealed(store, &record) else { return };
    let place = usize::from(u16::from_be_bytes([*high, *low]));
    let change = |bytes: &mut [u8]| bytes[place % bytes.len()] ^= mask;
    let may_open = *mask == 0 && !record.is_expired(NOW);

    let mut text = token.into_bytes();
    if let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(&text) {
        change(&mut bytes);
        assert_eq!(opens(store, URL_SAFE_NO_PAD.encode(&bytes).as_bytes()), may_open);
    }
    assert!(!opens(store, &text[..place % text.len()]));
    change(&mut text);
    assert_eq!(opens(store, &text), may_open);
}

/// Whether the engine could have written it. Stores differ in what they make of what it never writes: a session from the
/// future, an impossible subject, blanks around a value.
fn could_be_ours(record: &Record) -> bool {
    let times = [Some(record.created_at()), Some(record.last_active()), record.authenticated_at()];
    times.into_iter().flatten().all(|at| at <= NOW)
        && record.subject().is_none_or(|subject| (1..=MAX_SUBJECT_LEN).contains(&subject.len()))
        && record.data().iter().all(|(_, value)| value.trim_ascii() == value)
}

/// The token of a record; `None` if it is too long. What comes back out of it is what went in.
fn sealed(store: &dyn SessionStore, record: &Record) -> Option<String> {
    let Ok(Created::Done(token)) = answer(store.create(record, cx())) else { return None };
    if let Loaded::Live { record: read, upkeep } = load(store, token.expose().as_bytes()) {
        assert!(upkeep == Upkeep::None && read.id() == record.id() && read.data() == record.data());
        assert_eq!(read.subject(), record.subject());
        assert_eq!(read.expires_at(), record.expires_at());
    }
    Some(token.expose().to_owned())
}

fn opens(store: &dyn SessionStore, token: &[u8]) -> bool {
    let loaded = load(store, token);
    let live = matches!(loaded, Loaded::Live { .. });
    assert!(!live || store.recognises(PresentedToken::new(token)));
    live
}

fn load(store: &dyn SessionStore, token: &[u8]) -> Loaded {
    answer(store.load(PresentedToken::new(token), cx())).expect("nothing can fail")
}

fn cx() -> StoreContext {
    StoreContext::new(NOW, Deadline::NONE)
}

/// The answer of a call that waits for nothing.
pub fn answer<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store that keeps nothing waits for something"),
    }
}
