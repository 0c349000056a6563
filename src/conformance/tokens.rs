//! Hostile tokens: whatever a client presents, it opens its own session or none, and never fails.

use super::{
    Failure, Harness, Verdict,
    trial::{Held, SECOND, Trial},
    verdict::{broken, ensure},
};
use crate::{
    id::SessionId,
    secret::Secret,
    store::{Loaded, PresentedToken, Token, TokenForm},
};

/// The hex digits of a reference token's session and secret.
const ID_LEN: usize = 2 * SessionId::LEN;
const REFERENCE_LEN: usize = ID_LEN + 2 * Secret::LEN;

/// How many of a token's bytes are part of the credential. A node name behind a reference is not.
fn credential_len(trial: &Trial, token: &Token) -> usize {
    let len = token.expose().len();
    if trial.guarantees.token == TokenForm::Reference { len.min(REFERENCE_LEN) } else { len }
}

/// A session with something in it, whose token has been seen to be good.
async fn target(trial: &Trial) -> Result<Held, Failure> {
    let mut held = trial.keep(trial.record_for("victim")?).await?;
    trial.save(&mut held, "n", "1").await?;
    trial.live(&held.token).await?;
    Ok(held)
}

/// Every token that was issued is recognised as one.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn issued_tokens_are_recognised(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    for n in 0..10 {
        let bytes = held.token.expose().as_bytes();
        ensure(trial.store.recognises(PresentedToken::new(bytes)), || {
            "an issued token is not recognised".into()
        })?;
        let next = if n % 2 == 0 {
            trial.rotated(&held.record, SECOND)?
        } else {
            trial.next(&held.record)?.finish()
        };
        trial.write(&mut held, next).await?;
    }
    Ok(())
}

/// A token with any single bit flipped opens nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_token_with_a_flipped_bit_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = target(&trial).await?;
    let token = held.token.expose().as_bytes();
    for bit in 0..8 * credential_len(&trial, &held.token) {
        let mut flipped = token.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        trial.opens_nothing(&flipped, &format!("an issued token with bit {bit} flipped")).await?;
    }
    trial.live(&held.token).await.map(drop)
}

/// A part of a token opens nothing: neither its beginning nor its end.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_part_of_a_token_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = target(&trial).await?;
    let token = held.token.expose().as_bytes();
    for len in 0..credential_len(&trial, &held.token) {
        let whose = format!("the first {len} of {} bytes of an issued token", token.len());
        trial.opens_nothing(&token[..len], &whose).await?;
        trial.opens_nothing(&token[len + 1..], "the end of an issued token").await?;
    }
    Ok(())
}

/// A token with anything before or behind it opens nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_token_with_an_addition_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = target(&trial).await?;
    let token = held.token.expose().as_bytes();
    for addition in [&b" "[..], b"\0", b"\n", b"\"", b"A", b"\xff", b".", b"=", b";", token] {
        trial.opens_nothing(&[token, addition].concat(), "an issued token with an addition").await?;
        trial.opens_nothing(&[addition, token].concat(), "an issued token behind an addition").await?;
    }
    Ok(())
}

/// Junk of any kind and length opens nothing, and is an absence, not an error.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn junk_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let len = target(&trial).await?.token.expose().len();
    for filling in [b'0', b'a', b'.', b'A', b'%', 0, 0xff] {
        for len in [0, 1, len - 1, len, len + 1, 10 * 1024] {
            trial.opens_nothing(&vec![filling; len], "junk").await?;
        }
    }
    for n in 0..200 {
        trial.opens_nothing(&trial.junk(n)?, "random bytes").await?;
    }
    trial.opens_nothing(&trial.junk(10 * 1024)?, "ten kilobytes of random bytes").await.map(drop)
}

/// The ID of a session is no credential: with another session's secret, a made-up one or none it opens nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_id_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (victim, thief) = (target(&trial).await?, trial.begin_session().await?);
    let id = victim.id().to_string();
    let own = thief.token.expose().get(ID_LEN..).ok_or_else(|| broken("a reference token is too short"))?;
    for secret in [own, &"0".repeat(2 * Secret::LEN), &id, ""] {
        let forged = format!("{id}{secret}");
        trial.opens_nothing(forged.as_bytes(), "a session's ID with a secret that is not its own").await?;
    }
    Ok(())
}

/// A token has one spelling: in capitals it opens nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_token_in_capitals_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = target(&trial).await?;
    let capitals = held.token.expose().to_ascii_uppercase();
    ensure(capitals != held.token.expose(), || "an issued token has no small letter".into())?;
    trial.opens_nothing(capitals.as_bytes(), "an issued token in capitals").await.map(drop)
}

/// A made-up token of the right form opens nothing, and takes nobody's place: it never becomes a session's ID.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_made_up_token_opens_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (record, other) = (trial.record()?, trial.begin_session().await?);
    let secret = other.token.expose().get(ID_LEN..).unwrap_or_default();
    let made_up = format!("{}{secret}", record.id());
    trial.opens_nothing(made_up.as_bytes(), "a made-up token").await?;
    let held = trial.keep(record).await?;
    trial.opens_nothing(made_up.as_bytes(), "a made-up token").await?;
    trial.live(&held.token).await.map(drop)
}

/// A store's `Debug` and its answers' show no token and no secret.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn debug_shows_no_secret(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = target(&trial).await?;
    let token = held.token.expose();
    let loaded: Loaded = trial.present(token.as_bytes()).await?;
    let text = format!("{:?} {loaded:?}", trial.store).to_ascii_lowercase();
    let secret = token.get(ID_LEN..REFERENCE_LEN).unwrap_or(token).to_ascii_lowercase();
    ensure(!text.contains(&secret), || "a token or its secret is in the output of Debug".into())
}
