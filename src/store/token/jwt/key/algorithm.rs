//! The algorithms of signatures.

/// What a key signs with. The header of a token may only repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    EdDsa,
    Es256,
}

impl Algorithm {
    /// The name in headers (RFC 7518, section 3.1; RFC 8037, section 3.1), which is case-sensitive.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// The number of bytes in a signature.
    pub(crate) const fn signature_len(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::EdDsa | Self::Es256 => 64,
        }
    }
}
