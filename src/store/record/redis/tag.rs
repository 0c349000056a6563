//! Names for calls: [`Tag`].

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Names one call. Its reply repeats it, so no reply is taken for that of another call, be it an earlier one of the same
/// session or one of another process whose connection is confused with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag([u8; 16]);

impl Tag {
    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Makes the tags of one client: a number of the client and a number of the call.
#[derive(Debug)]
pub(super) struct Tags {
    client: u64,
    calls: AtomicU64,
}

impl Tags {
    pub(super) fn new() -> Self {
        // Tags tell calls apart and protect nothing, so they need not be unpredictable.
        Self { client: RandomState::new().hash_one("tag"), calls: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> Tag {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&self.client.to_le_bytes());
        tag[8..].copy_from_slice(&call.to_le_bytes());
        Tag(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_calls_have_one_tag() {
        let [one, other] = [Tags::new(), Tags::new()];
        assert_ne!(one.next(), one.next());
        assert_ne!(one.client, other.client);
    }
}
