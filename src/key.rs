//! The names under which a session keeps its values.

use std::{fmt, marker::PhantomData};

/// A name in the session together with the type of its value.
///
/// Declared once, a key makes every access agree on the type; a plain `&str` works wherever a key does, with the
/// type named at the call.
///
/// ```
/// use cloakroom::{Key, Session, SessionError};
///
/// const THEME: Key<String> = Key::new("theme");
///
/// fn greet(session: &Session) -> Result<(), SessionError> {
///     let typed = session.get(THEME)?;
///     let plain = session.get::<String>("theme")?;
///     assert_eq!(typed, plain);
///     Ok(())
/// }
/// ```
pub struct Key<T> {
    name: &'static str,
    last_writer_wins: bool,
    discards_undecodable: bool,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key with this name, at most [`MAX_KEY_LEN`] bytes.
    ///
    /// # Panics
    /// If the name is longer than that: when the program is compiled, for a `const` key.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(name.len() <= MAX_KEY_LEN, "a session key has at most 255 bytes");
        Self { name, last_writer_wins: false, discards_undecodable: false, value: PhantomData }
    }

    /// The same key, but a blind write to it never conflicts: the last writer wins.
    ///
    /// Without this, a request that read the key, then overwrote it, while another request changed it in between, is
    /// answered `409 Conflict`. Choose it for values whose loss does not matter, like the page last visited.
    #[must_use]
    pub const fn last_writer_wins(mut self) -> Self {
        self.last_writer_wins = true;
        self
    }

    /// The same key, but a stored value that is not a `T` counts as missing instead of being an
    /// [`Undecodable`](crate::SessionErrorKind::Undecodable) error.
    ///
    /// Choose it for values that may start anew when a release changes their type. [`get`](crate::Session::get) and
    /// [`take`](crate::Session::take) then return `None`, and [`update`](crate::Session::update) begins with the default. The old
    /// value stays stored until one of the last two or an [`insert`](crate::Session::insert) replaces it.
    ///
    /// ```
    /// use cloakroom::{Key, Session, SessionError};
    ///
    /// // Filters were a text once.
    /// const FILTERS: Key<Vec<String>> = Key::new("filters").discard_undecodable();
    ///
    /// fn filters(session: &Session) -> Result<Vec<String>, SessionError> {
    ///     Ok(session.get(FILTERS)?.unwrap_or_default())
    /// }
    /// ```
    #[must_use]
    pub const fn discard_undecodable(mut self) -> Self {
        self.discards_undecodable = true;
        self
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// The longest name of a value, in bytes.
pub const MAX_KEY_LEN: usize = 255;

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.name)
    }
}

/// What names a value in a session: a [`Key`] or a plain `&str`.
///
/// Sealed: it is a convenience of the session's methods, not something to implement.
pub trait KeyName: sealed::Sealed {
    #[doc(hidden)]
    fn name(&self) -> &str;

    #[doc(hidden)]
    fn last_writer_wins(&self) -> bool {
        false
    }

    #[doc(hidden)]
    fn discards_undecodable(&self) -> bool {
        false
    }
}

/// What names a value of type `T`: a [`Key<T>`], which fixes the type, or a plain `&str`, which leaves it open.
pub trait AsKey<T>: KeyName {}

impl<T> KeyName for Key<T> {
    fn name(&self) -> &str {
        self.name
    }

    fn last_writer_wins(&self) -> bool {
        self.last_writer_wins
    }

    fn discards_undecodable(&self) -> bool {
        self.discards_undecodable
    }
}

impl<T> AsKey<T> for Key<T> {}

impl KeyName for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<T> AsKey<T> for &str {}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
    impl<T> Sealed for super::Key<T> {}
    impl Sealed for &str {}
}
