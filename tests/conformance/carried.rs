//! A plain store whose clients carry their sessions: the record, signed, in hex. It keeps nothing.

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{
        Absence, Created, End, Ended, Found, Guarantees, Loaded, PresentedToken, Replaced, Scope,
        StoreContext, Token, TokenForm, Upkeep,
    },
};
use ring::hmac;

const MAX_DATA: usize = 1024;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// It compares only the first half of a signature.
    HalfSignature,
    /// It does not look at the clock.
    IgnoresExpiry,
    /// It says that an end has power over what clients hold.
    ClaimsToEnd,
    /// It forgets to tell the new state.
    TellsNoToken,
    /// It says that it is encrypted.
    ClaimsToHide,
    /// It answers a search as if it kept records.
    FindsNothing,
    /// It loses a field.
    ForgetsSubject,
}

#[derive(Debug)]
pub(crate) struct Carried(pub(crate) Flaw);

impl Carried {
    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a key that all servers of the test share");
        hmac::sign(&key, bytes).as_ref().to_vec()
    }

    fn issue(&self, record: &Record) -> Result<Token, StoreError> {
        let (size, limit) = (record.data().len(), MAX_DATA);
        if size > limit {
            return Err(StoreError::new(StoreErrorKind::TooLarge { size, limit }, "too much for a token"));
        }
        let mut bytes = self.written(record).encode();
        bytes.extend(self.sign(&bytes));
        Ok(Token::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()).expect("hex is legal"))
    }

    /// The record as it is written down.
    fn written(&self, record: &Record) -> Record {
        if self.0 != Flaw::ForgetsSubject {
            return record.clone();
        }
        let lifetime = cloakroom::record::Lifetime {
            idle: record.idle_timeout(),
            absolute: record.deadline().since(record.created_at()),
        };
        let secret = cloakroom::Secret::from_bytes([0; 16]);
        Record::new(record.id(), secret, record.version().write, lifetime, record.created_at())
    }

    fn open(&self, presented: PresentedToken<'_>) -> Option<Record> {
        let bytes = from_hex(presented.bytes())?;
        let (record, signature) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let compared = if self.0 == Flaw::HalfSignature { 16 } else { 32 };
        if self.sign(record)[..compared] != signature[..compared] {
            return None;
        }
        Record::decode(record).ok()
    }
}

/// Reads lowercase hex.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[async_trait]
impl SessionStore for Carried {
    fn guarantees(&self) -> Guarantees {
        let token = if self.0 == Flaw::ClaimsToHide { TokenForm::Encrypted } else { TokenForm::Readable };
        Guarantees::new("carried", token)
            .survives_restart(true)
            .scope(Scope::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        presented.bytes().len() > 64
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        Ok(match self.open(presented) {
            None => Loaded::Absent(Absence::Forged),
            Some(record) if record.is_expired(cx.now) && self.0 != Flaw::IgnoresExpiry => {
                Loaded::Absent(Absence::Expired)
            }
            Some(record) => Loaded::Live { record, upkeep: Upkeep::None },
        })
    }

    async fn create(&self, record: &Record, _: StoreContext) -> Result<Created, StoreError> {
        self.issue(record).map(Created::Done)
    }

    async fn replace(&self, record: &Record, _: Version, _: StoreContext) -> Result<Replaced, StoreError> {
        let token = self.issue(record)?;
        Ok(Replaced::Done((self.0 != Flaw::TellsNoToken).then_some(token)))
    }

    async fn end(&self, _: End, _: StoreContext) -> Result<Ended, StoreError> {
        Ok(if self.0 == Flaw::ClaimsToEnd { Ended::Done } else { Ended::ClientOnly })
    }

    async fn find(&self, _: &SessionId, _: StoreContext) -> Result<Found, StoreError> {
        match self.0 {
            Flaw::FindsNothing => Ok(Found::Absent(Absence::Unknown)),
            _ => Err(StoreError::unsupported("look a session up by its ID")),
        }
    }
}
