//! Promise 9: whoever changes one bit of a token has no session.

use cloakroom::store::Absence;

use crate::{Form, HEADER, absence, decode, encode, key, live, record, ring, seal};

/// Tokens of every length modulo three, and some longer ones.
const VALUES: [usize; 6] = [0, 1, 2, 16, 61, 300];

#[tokio::test]
async fn every_flipped_bit_of_the_bytes_is_refused() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        for value in VALUES {
            let bytes = decode(&seal(&*store, &record(value)).await);
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let absence = absence(&*store, encode(&flipped));
                let allowed: &[Absence] = match bit / 8 {
                    // Another format: of this store or of none.
                    0 => &[Absence::Malformed, Absence::Forged],
                    1..HEADER => &[Absence::UnknownKey],
                    // Nothing behind the header is read before it is authenticated.
                    _ => &[Absence::Forged],
                };
                assert!(allowed.contains(&absence), "{form:?}, bit {bit}: {absence:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_flipped_bit_of_the_text_is_refused() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        for value in VALUES {
            let token = seal(&*store, &record(value)).await.into_bytes();
            for bit in 0..8 * token.len() {
                let mut flipped = token.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                absence(&*store, &flipped);
            }
        }
    }
}

#[tokio::test]
async fn every_letter_in_every_place_is_refused_unless_it_is_the_right_one() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        let token = seal(&*store, &record(1)).await.into_bytes();
        for (at, right) in token.iter().enumerate() {
            for letter in (0..=u8::MAX).filter(|letter| letter != right) {
                let mut changed = token.clone();
                changed[at] = letter;
                absence(&*store, &changed);
            }
        }
    }
}

#[tokio::test]
async fn every_prefix_and_every_extension_is_refused() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        for value in VALUES {
            let token = seal(&*store, &record(value)).await;
            let bytes = decode(&token);
            (0..token.len()).for_each(|end| _ = absence(&*store, &token[..end]));
            (1..token.len()).for_each(|start| _ = absence(&*store, &token[start..]));
            (0..bytes.len()).for_each(|end| _ = absence(&*store, encode(&bytes[..end])));
            for more in ["=", "==", "A", "AA", "AAA", "AAAA", "\n", " ", "."] {
                absence(&*store, format!("{token}{more}"));
                absence(&*store, format!("{more}{token}"));
            }
            absence(&*store, encode(&[&bytes[..], &[0]].concat()));
            live(&*store, &token);
        }
    }
}

#[tokio::test]
async fn a_header_of_another_format_or_key_opens_nothing() {
    let keys = ring(1).accepting(key(2));
    for form in Form::ALL {
        let store = form.store(&keys);
        let bytes = decode(&seal(&*store, &record(9)).await);
        for other in Form::ALL.iter().flat_map(|other| [(*other, 1), (*other, 2), (*other, 3)]) {
            if other == (form, 1) {
                continue;
            }
            let foreign = decode(&seal(&*other.0.store(&ring(other.1)), &record(9)).await);
            let header_exchanged = encode(&[&foreign[..HEADER], &bytes[HEADER..]].concat());
            for reader in Form::ALL {
                absence(&*reader.store(&keys), &header_exchanged);
            }
        }
    }
}

#[tokio::test]
async fn parts_of_two_genuine_tokens_make_no_third() {
    for form in Form::ALL {
        let store = form.store(&ring(1));
        let one = decode(&seal(&*store, &record(40)).await);
        let two = decode(&seal(&*store, &crate::with_data(&record(0), record(41).data())).await);
        for cut in HEADER + 1..one.len().min(two.len()) {
            for spliced in [[&one[..cut], &two[cut..]].concat(), [&two[..cut], &one[cut..]].concat()] {
                // Within their common beginning a cut changes nothing.
                if spliced != one && spliced != two {
                    absence(&*store, encode(&spliced));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_store_reads_its_own_kind_of_token_only() {
    let encrypted = |form| form != Form::Signed;
    for form in Form::ALL {
        let token = seal(&*form.store(&ring(1)), &record(9)).await;
        for reader in Form::ALL {
            let store = reader.store(&ring(1));
            if encrypted(reader) == encrypted(form) {
                // Either cipher is accepted; the one that is not chosen is outdated.
                assert_eq!(live(&*store, &token).1, reader != form);
            } else {
                assert_eq!(absence(&*store, &token), Absence::Malformed);
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_one_context_is_refused_in_every_other() {
    let contexts = ["", "a", "ab", "a\0", "\0", "shop", "shop ", "Shop"];
    for form in Form::ALL {
        for issuer in contexts {
            let token = seal(&*form.store_for(&ring(1), issuer), &record(9)).await;
            for reader in contexts {
                let store = form.store_for(&ring(1), reader);
                if reader == issuer {
                    live(&*store, &token);
                } else {
                    assert_eq!(absence(&*store, &token), Absence::Forged);
                }
            }
        }
    }
}

/// Were the context not fenced off, its last bytes could pass for the first ones of the record.
#[tokio::test]
async fn bytes_do_not_wander_between_context_and_record() {
    let issuer = Form::Signed.store_for(&ring(1), "ab");
    let bytes = decode(&seal(&*issuer, &record(9)).await);
    let moved = encode(&[&bytes[..HEADER], b"b", &bytes[HEADER..]].concat());
    assert_eq!(absence(&*Form::Signed.store_for(&ring(1), "a"), moved), Absence::Forged);
    let moved = encode(&[&bytes[..HEADER], &bytes[HEADER + 1..]].concat());
    let context = format!("ab{}", char::from(bytes[HEADER]));
    assert_eq!(absence(&*Form::Signed.store_for(&ring(1), &context), moved), Absence::Forged);
}

#[tokio::test]
async fn a_token_longer_than_allowed_is_not_even_decoded() {
    let keys = ring(1);
    let token = seal(&*Form::Aes.store(&keys), &record(100)).await;
    let strict = cloakroom::store::EncryptedCookieStore::new(&keys).max_token(token.len() - 1);
    assert_eq!(absence(&strict, &token), Absence::Malformed);
    live(&strict.max_token(token.len()), &token);
}
