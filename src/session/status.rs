//! What a handle knows of its session: [`SessionStatus`].

/// What has become of a session, as far as its handle knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionStatus {
    /// It is not stored yet, as on a visitor's first request.
    New,
    /// It is stored, and no more is known than that.
    Live,
    /// It was ended: by a logout, by its owner on another device, by an administrator, or by time.
    Ended,
    /// Another request has logged in with it, or logged in anew. It goes on under a new token, and this handle is no part of it.
    Replaced,
    /// The store was unavailable when the session was to be loaded.
    Unknown,
}
