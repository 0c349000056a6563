//! The only place that draws randomness.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use ring::rand::SecureRandom as _;

use crate::{
    id::{SessionId, WriteId},
    secret::Secret,
};

/// A source of unpredictable bytes; [`SystemRandom`] unless a test injects another.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`NoRandomness`] when the source has failed; the caller then creates no session and no secret.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system's cryptographic generator.
#[derive(Clone)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// The operating system's generator.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that may")]
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

#[cfg(feature = "jwt")]
impl SystemRandom {
    /// The generator as `ring` wants it, to make keys and signatures with.
    pub(crate) const fn for_ring(&self) -> &impl ring::rand::SecureRandom {
        &self.0
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemRandom")
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        self.0.fill(bytes).map_err(|_| NoRandomness)
    }
}

/// The source of randomness has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed; no ID or secret can be drawn")]
pub struct NoRandomness;

/// Draws a session's name and its first secret in one call to the generator.
pub(crate) fn id_and_secret(random: &dyn Random) -> Result<(SessionId, Secret), NoRandomness> {
    let mut bytes = [[0; 16]; 2];
    random.fill(bytes.as_flattened_mut())?;
    let [id, secret] = bytes;
    Ok((SessionId::from_bytes(id), Secret::from_bytes(secret)))
}

/// Draws a session's name.
pub(crate) fn session_id(random: &dyn Random) -> Result<SessionId, NoRandomness> {
    let mut bytes = [0; SessionId::LEN];
    random.fill(&mut bytes)?;
    Ok(SessionId::from_bytes(bytes))
}

/// Draws the secret of a rotation.
pub(crate) fn secret(random: &dyn Random) -> Result<Secret, NoRandomness> {
    let mut bytes = [0; Secret::LEN];
    random.fill(&mut bytes)?;
    Ok(Secret::from_bytes(bytes))
}

/// Gives out write IDs: a random start, then a count.
///
/// A write ID has to be unique, not unpredictable, and a call to the system for each would cost more than the
/// write. Two processes collide only if their ranges of the 64-bit circle overlap.
#[derive(Debug, Default)]
pub(crate) struct WriteIds(AtomicU64);

impl WriteIds {
    pub(crate) fn next(&self, random: &dyn Random) -> Result<WriteId, NoRandomness> {
        if self.0.load(Ordering::Relaxed) == 0 {
            let mut seed = [0; 8];
            random.fill(&mut seed)?;
            // Losing this race is fine: the winner's start is as random as ours.
            let _ = self.0.compare_exchange(
                0,
                u64::from_ne_bytes(seed) | 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        Ok(WriteId::from_u64(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Clone for WriteIds {
    /// A clone draws its own start.
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_ids_never_repeat_and_start_apart() {
        let random = SystemRandom::new();
        let (one, two) = (WriteIds::default(), WriteIds::default());
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            assert!(seen.insert(one.next(&random).unwrap()));
            assert!(seen.insert(two.next(&random).unwrap()));
        }
    }

    #[test]
    fn ids_and_secrets_are_drawn_and_not_derived_from_each_other() {
        let random = SystemRandom::new();
        let (id, secret) = id_and_secret(&random).unwrap();
        assert_ne!(id.as_bytes(), secret.expose());
        assert_ne!(id_and_secret(&random).unwrap().0, id);
    }
}
