//! The keys of epochs: the one under which a store seals at present, and those whose tokens it has met.
//!
//! A nonce of 96 random bits may not be drawn too often under one key, and deriving a key for every token would cost more
//! than sealing it. So each store draws a random **epoch** of 128 bits, derives one key for it, and draws another epoch
//! after [`SEALS_PER_EPOCH`] tokens. SECURITY.md has the bound and its proof.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{cannot_seal, cipher::CipherKey, envelope::Header, keys::SealKey, no_randomness};
use crate::{error::StoreError, keyring::Derivation, random::Random};

/// After so many tokens a store draws another epoch: long before random nonces under one key could meet.
const SEALS_PER_EPOCH: u64 = 1 << 24;

/// How many derived keys a store remembers.
const REMEMBERED: usize = 256;

pub(super) const EPOCH_LEN: usize = 16;

/// The random name of an epoch.
pub(super) type EpochId = [u8; EPOCH_LEN];

/// One epoch of one key.
pub(super) struct Epoch {
    header: Header,
    pub(super) id: EpochId,
    pub(super) key: CipherKey,
}

impl Epoch {
    fn derive(key: &SealKey<Derivation>, id: EpochId) -> Option<Self> {
        let format = key.header.format;
        let derived = key.key.derive(&[format.purpose(), &id])?;
        Some(Self { header: key.header, id, key: CipherKey::new(format, &derived)? })
    }
}

/// The epochs that a store knows. Clones of the store share them, and so their count.
pub(super) struct Epochs {
    own: RwLock<Option<Own>>,
    /// The newest first.
    remembered: RwLock<VecDeque<Arc<Epoch>>>,
    seals_per_epoch: u64,
}

/// The epoch to seal under.
struct Own {
    epoch: Arc<Epoch>,
    /// How often somebody has asked for it, the last of them in vain.
    asked: AtomicU64,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self { own: RwLock::default(), remembered: RwLock::default(), seals_per_epoch: SEALS_PER_EPOCH }
    }

    /// The epoch for one more seal with this key: the present one, or a new one if that is used up.
    pub(super) fn to_seal(
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

    /// What `open` makes of a token of this epoch. The epoch is remembered only if the token was genuine, so that nobody
    /// can fill the memory with epochs of their own making.
    pub(super) fn open<T>(
        &self,
        key: &SealKey<Derivation>,
        id: &EpochId,
        open: impl FnOnce(&CipherKey) -> Option<T>,
    ) -> Option<T> {
        if let Some(epoch) = self.known(key.header, id) {
            return open(&epoch.key);
        }
        let epoch = Epoch::derive(key, *id)?;
        let opened = open(&epoch.key)?;
        self.remember(Arc::new(epoch));
        Some(opened)
    }

    fn known(&self, header: Header, id: &EpochId) -> Option<Arc<Epoch>> {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        remembered.iter().find(|epoch| epoch.id == *id && epoch.header == header).cloned()
    }

    /// Two threads that meet an epoch at once may both put it here, which costs one place.
    fn remember(&self, epoch: Arc<Epoch>) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        remembered.truncate(REMEMBERED - 1);
        remembered.push_front(epoch);
    }
}

impl fmt::Debug for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epochs").field("seals_per_epoch", &self.seals_per_epoch).finish_non_exhaustive()
    }
}
