//! What is left to chance, from a seed.

use std::sync::{Arc, Mutex};

/// Dice that fall the same for the same seed. A clone is another hand that throws the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        // SplitMix64.
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }

    pub(crate) fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    /// The numbers below `len`, in any order.
    pub(crate) fn shuffled(&self, len: usize) -> Vec<usize> {
        let mut left: Vec<_> = (0..len).collect();
        (0..len).map(|_| left.swap_remove(self.index(left.len()))).collect()
    }

    /// Lets others go first, or not.
    pub(crate) async fn pause(&self) {
        for _ in 0..self.below(6) {
            tokio::task::yield_now().await;
        }
    }
}
