//! Flaws of tokens, secrets and their rotation.

use std::{collections::HashSet, fmt, sync::Mutex};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore as _, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{Absence, Created, Loaded, PresentedToken, ReferenceToken, Replaced, StoreContext, Token},
};

use super::{Flaw, live, named};
use crate::plain::Plain;

/// Lets every token in that it has ever issued, as long as the session lives.
#[derive(Debug, Default)]
pub(crate) struct AcceptsOldSecrets(Mutex<HashSet<String>>);

impl AcceptsOldSecrets {
    fn issued(&self, token: Option<&Token>) {
        self.0.lock().unwrap().extend(token.map(|token| token.expose().to_owned()));
    }
}

#[async_trait]
impl Flaw for AcceptsOldSecrets {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.issued(ReferenceToken::issue(record, None).as_ref());
        good.create(record, cx).await
    }

    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.issued(ReferenceToken::issue(record, None).as_ref());
        good.replace(record, expected, cx).await
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let known = self.0.lock().unwrap().contains(&*String::from_utf8_lossy(presented.bytes()));
        if let (true, Some(token)) = (known, named(presented))
            && let Ok(record) = good.live(&token.id(), cx.now)?
        {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Never asks for the write that ends a grace.
#[derive(Debug, Default)]
pub(crate) struct NeverReissues;

#[async_trait]
impl Flaw for NeverReissues {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Live { record, .. } => Ok(live(record)),
            answer => Ok(answer),
        }
    }
}

/// Does not honour grace.
#[derive(Debug, Default)]
pub(crate) struct HasNoGrace;

#[async_trait]
impl Flaw for HasNoGrace {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let later = StoreContext::new(cx.now + std::time::Duration::from_secs(30), cx.deadline);
        match good.load(presented, later).await? {
            rotated @ Loaded::Absent(Absence::Rotated { .. }) => Ok(rotated),
            _ => good.load(presented, cx).await,
        }
    }
}

/// Ends a grace with any save.
#[derive(Debug, Default)]
pub(crate) struct EndsGraceEarly(Mutex<HashSet<SessionId>>);

#[async_trait]
impl Flaw for EndsGraceEarly {
    async fn replace(
        &self,
        good: &Plain,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        if ReferenceToken::issue(record, None).is_none() {
            self.0.lock().unwrap().insert(record.id());
        }
        good.replace(record, expected, cx).await
    }

    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let saved = named(presented).is_some_and(|token| self.0.lock().unwrap().contains(&token.id()));
        if saved { HasNoGrace.load(good, presented, cx).await } else { good.load(presented, cx).await }
    }
}

/// Takes the ID for a credential.
#[derive(Debug, Default)]
pub(crate) struct IgnoresSecrets;

#[async_trait]
impl Flaw for IgnoresSecrets {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        if let Some(token) = named(presented)
            && let Ok(record) = good.live(&token.id(), cx.now)?
        {
            return Ok(live(record));
        }
        good.load(presented, cx).await
    }
}

/// Reads tokens in any spelling.
#[derive(Debug, Default)]
pub(crate) struct IgnoresCase;

#[async_trait]
impl Flaw for IgnoresCase {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        good.load(PresentedToken::new(&presented.bytes().to_ascii_lowercase()), cx).await
    }
}

/// Reads the beginning of what is presented.
#[derive(Debug, Default)]
pub(crate) struct ReadsOnlyTheBeginning;

#[async_trait]
impl Flaw for ReadsOnlyTheBeginning {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        good.load(PresentedToken::new(presented.bytes().get(..64).unwrap_or_default()), cx).await
    }
}

/// Answers junk with an error.
#[derive(Debug, Default)]
pub(crate) struct FailsOnJunk;

#[async_trait]
impl Flaw for FailsOnJunk {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        match good.load(presented, cx).await? {
            Loaded::Absent(Absence::Malformed) => {
                Err(StoreError::new(StoreErrorKind::Corrupt, "what is that?"))
            }
            answer => Ok(answer),
        }
    }
}

/// Panics on junk.
#[derive(Debug, Default)]
pub(crate) struct PanicsOnJunk;

#[async_trait]
impl Flaw for PanicsOnJunk {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        let text = std::str::from_utf8(presented.bytes()).expect("everybody sends text");
        good.load(PresentedToken::new(text.as_bytes()), cx).await
    }
}

/// Does not recognise the tokens of rotated sessions.
#[derive(Debug, Default)]
pub(crate) struct RecognisesNothing;

impl Flaw for RecognisesNothing {
    fn recognises(&self, _: &Plain, _: PresentedToken<'_>) -> bool {
        false
    }
}

/// Shows tokens in `Debug`.
#[derive(Default)]
pub(crate) struct ShowsTokens(Mutex<Vec<String>>);

impl fmt::Debug for ShowsTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.lock().unwrap())
    }
}

#[async_trait]
impl Flaw for ShowsTokens {
    async fn load(
        &self,
        good: &Plain,
        presented: PresentedToken<'_>,
        cx: StoreContext,
    ) -> Result<Loaded, StoreError> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(presented.bytes()).into_owned());
        good.load(presented, cx).await
    }
}

/// Writes the secret next to the record.
#[derive(Debug, Default)]
pub(crate) struct WritesSecretsDown;

#[async_trait]
impl Flaw for WritesSecretsDown {
    async fn create(&self, good: &Plain, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let created = good.create(record, cx).await?;
        if let Created::Done(token) = &created {
            let mut other = *record.id().as_bytes();
            other[0] ^= 1;
            let note = token.expose().as_bytes().to_vec();
            good.rows()?.insert(SessionId::from_bytes(other), note);
        }
        Ok(created)
    }
}
