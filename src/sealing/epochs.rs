//! The keys of epochs: the one under which a store seals at present, and those whose tokens it has met.
//!
//! A nonce of 96 random bits may not be drawn too often under one key, and deriving a key for every token would cost more
//! than sealing it. So each store draws a random **epoch** of 128 bits, derives one key for it, and draws another epoch
//! after [`SEALS_PER_EPOCH`] tokens. SECURITY.md has the bound and its proof.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    cipher::CipherKey,
    envelope::{Header, cannot_seal},
    keys::SealKey,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    keyring::Derivation,
    random::{NoRandomness, Random},
};

/// After so many tokens a store draws another epoch: long before random nonces under one key could meet.
const SEALS_PER_EPOCH: u64 = 1 << 24;

/// How many derived keys a store remembers.
const REMEMBERED: usize = 256;

pub(crate) const EPOCH_LEN: usize = 16;

/// The random name of an epoch.
pub(crate) type EpochId = [u8; EPOCH_LEN];

/// One epoch of one key.
pub(crate) struct Epoch {
    header: Header,
    pub(crate) id: EpochId,
    pub(crate) key: CipherKey,
}

impl Epoch {
    fn derive(key: &SealKey<Derivation>, id: EpochId) -> Option<Self> {
        let format = key.header.format;
        let derived = key.key.derive(&[format.purpose(), &id])?;
        Some(Self { header: key.header, id, key: CipherKey::new(format, &derived)? })
    }
}

/// The epochs that a store knows. Clones of the store share them, and so their count.
pub(crate) struct Epochs {
    own: RwLock<Option<Own>>,
    /// The newest first.
    remembered: RwLock<VecDeque<Arc<Epoch>>>,
    seals_per_epoch: u64,
}

/// The epoch to seal under.
struct Own {
    epoch: Arc<Epoch>,
    /// How often it was asked for; the last request failed.
    asked: AtomicU64,
}

impl Epochs {
    pub(crate) fn new() -> Self {
        Self { own: RwLock::default(), remembered: RwLock::default(), seals_per_epoch: SEALS_PER_EPOCH }
    }

    /// The epoch for one more seal with this key: the present one, or a new one if that is used up.
    pub(crate) fn to_seal(
        &self,
        key: &SealKey<Derivation>,
        random: &dyn Random,
    ) -> Result<Arc<Epoch>, StoreError> {
        let present = self.present(self.own.read().unwrap_or_else(PoisonError::into_inner).as_ref(), key);
        if let Some(epoch) = present {
            return Ok(epoch);
        }
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been here first.
        if let Some(epoch) = self.present(own.as_ref(), key) {
            return Ok(epoch);
        }
        let mut id = EpochId::default();
        random.fill(&mut id).map_err(no_randomness)?;
        let epoch = Arc::new(Epoch::derive(key, id).ok_or_else(cannot_seal)?);
        *own = Some(Own { epoch: Arc::clone(&epoch), asked: AtomicU64::new(1) });
        self.remember(Arc::clone(&epoch));
        Ok(epoch)
    }

    fn present(&self, own: Option<&Own>, key: &SealKey<Derivation>) -> Option<Arc<Epoch>> {
        let own = own.filter(|own| own.epoch.header == key.header)?;
        let is_left = own.asked.fetch_add(1, Ordering::Relaxed) < self.seals_per_epoch;
        is_left.then(|| Arc::clone(&own.epoch))
    }

    /// What `open` makes of a token of this epoch. The epoch is cached only if the token was genuine, so that no client
    /// can fill the memory with epochs of their own making.
    pub(crate) fn open<T>(
        &self,
        key: &SealKey<Derivation>,
        id: &EpochId,
        open: impl FnOnce(&CipherKey) -> Option<T>,
    ) -> Option<T> {
        // Under the lock, which others read under too: a count of who uses the epoch would be one more word to fight for.
        if let Some(epoch) = known(&self.remembered(), key.header, id) {
            return open(&epoch.key);
        }
        let epoch = Epoch::derive(key, *id)?;
        let opened = open(&epoch.key)?;
        self.remember(Arc::new(epoch));
        Some(opened)
    }

    fn remembered(&self) -> RwLockReadGuard<'_, VecDeque<Arc<Epoch>>> {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two threads that meet an epoch at once may both put it here, which costs one place.
    fn remember(&self, epoch: Arc<Epoch>) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        remembered.truncate(REMEMBERED - 1);
        remembered.push_front(epoch);
    }
}

fn known<'a>(remembered: &'a VecDeque<Arc<Epoch>>, header: Header, id: &EpochId) -> Option<&'a Arc<Epoch>> {
    remembered.iter().find(|epoch| epoch.id == *id && epoch.header == header)
}

impl fmt::Debug for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epochs").field("seals_per_epoch", &self.seals_per_epoch).finish_non_exhaustive()
    }
}

pub(crate) fn no_randomness(error: NoRandomness) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a token cannot be sealed without randomness")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::atomic::AtomicBool, thread};

    use super::*;
    use crate::{
        keyring::{KeyRing, SecretKey},
        random::SystemRandom,
        sealing::{envelope::Format, keys::SealKeys},
    };

    const FORMATS: [Format; 2] = [Format::Aes256Gcm, Format::ChaCha20Poly1305];

    fn epochs(seals_per_epoch: u64) -> Epochs {
        Epochs { seals_per_epoch, ..Epochs::new() }
    }

    fn keys() -> SealKeys<Derivation> {
        let ring = KeyRing::new(SecretKey::generate().unwrap());
        SealKeys::new(&ring, &FORMATS, |secret, _| secret.derivation())
    }

    fn remembered(epochs: &Epochs) -> usize {
        epochs.remembered.read().unwrap().len()
    }

    fn id(n: usize) -> EpochId {
        u128::try_from(n).unwrap().to_le_bytes()
    }

    #[test]
    fn an_epoch_is_used_exactly_so_often_and_its_tokens_open_after_it() {
        let (epochs, keys, random) = (epochs(3), keys(), SystemRandom::new());
        let seals: Vec<EpochId> =
            (0..7).map(|_| epochs.to_seal(keys.active(), &random).unwrap().id).collect();
        assert!(seals[..3].iter().all(|id| *id == seals[0]));
        assert!(seals[3..6].iter().all(|id| *id == seals[3] && *id != seals[0]));
        assert!(seals[6] != seals[3] && seals[6] != seals[0]);

        let stranger = Epochs::new();
        for id in &seals {
            assert_eq!(epochs.open(keys.active(), id, |_| Some(())), Some(()));
            assert_eq!(stranger.open(keys.active(), id, |_| Some(())), Some(()));
        }
        assert_eq!((remembered(&epochs), remembered(&stranger)), (3, 3));
    }

    #[test]
    fn threads_never_seal_more_under_one_epoch_than_allowed_and_draw_no_more_epochs_than_needed() {
        let (epochs, keys, random) = (epochs(100), keys(), SystemRandom::new());
        let seals =
            || (0..1000).map(|_| epochs.to_seal(keys.active(), &random).unwrap().id).collect::<Vec<_>>();
        let mut counts = HashMap::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(seals)).collect();
            for id in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
                *counts.entry(id).or_insert(0) += 1;
            }
        });
        assert_eq!(counts.len(), 80);
        assert!(counts.values().all(|count| *count == 100), "{counts:?}");
    }

    #[test]
    fn nothing_is_remembered_of_forged_tokens() {
        let (epochs, keys) = (Epochs::new(), keys());
        for n in 0..2 * REMEMBERED {
            assert_eq!(epochs.open(keys.active(), &id(n), |_| None::<()>), None);
        }
        assert_eq!(remembered(&epochs), 0);
    }

    #[test]
    fn of_genuine_tokens_the_newest_epochs_are_remembered() {
        let (epochs, keys) = (Epochs::new(), keys());
        for n in 0..2 * REMEMBERED {
            assert!(epochs.open(keys.active(), &id(n), |_| Some(())).is_some());
            assert!(epochs.open(keys.active(), &id(n), |_| Some(())).is_some());
        }
        assert_eq!(remembered(&epochs), REMEMBERED);
        assert!(known(&epochs.remembered(), keys.active().header, &id(REMEMBERED)).is_some());
        assert!(known(&epochs.remembered(), keys.active().header, &id(REMEMBERED - 1)).is_none());
    }

    #[test]
    fn an_epoch_belongs_to_one_header() {
        let (epochs, keys, random) = (Epochs::new(), keys(), SystemRandom::new());
        let mut other = keys.clone();
        other.activate(Format::ChaCha20Poly1305);
        let aes = epochs.to_seal(keys.active(), &random).unwrap();
        assert!(known(&epochs.remembered(), other.active().header, &aes.id).is_none());
        let chacha = epochs.to_seal(other.active(), &random).unwrap();
        assert_ne!(aes.id, chacha.id);
        assert_eq!(chacha.header, other.active().header);
    }

    /// A source that fails, then works.
    #[derive(Debug, Default)]
    struct Failing(AtomicBool);

    impl Random for Failing {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            if self.0.load(Ordering::Relaxed) { SystemRandom::new().fill(bytes) } else { Err(NoRandomness) }
        }
    }

    #[test]
    fn without_randomness_nothing_is_sealed_and_the_next_attempt_draws_again() {
        let (epochs, keys, random) = (epochs(1), keys(), Failing::default());
        let refused = epochs.to_seal(keys.active(), &random).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
        random.0.store(true, Ordering::Relaxed);
        let first = epochs.to_seal(keys.active(), &random).unwrap().id;
        random.0.store(false, Ordering::Relaxed);
        assert!(epochs.to_seal(keys.active(), &random).is_err(), "a used-up epoch is not used again");
        random.0.store(true, Ordering::Relaxed);
        assert_ne!(epochs.to_seal(keys.active(), &random).unwrap().id, first);
    }
}
