//! Where a message of the protocol ends, in both of its versions.

use crate::rig::proxy::resp::{Malformed, is_push, message_len, words};

/// One of each kind, and some within others.
const MESSAGES: &[&str] = &[
    "+OK\r\n",
    "-READONLY no\r\n",
    ":-42\r\n",
    "$5\r\nhello\r\n",
    "$4\r\n\r\n\r\n\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "*0\r\n",
    "*-1\r\n",
    "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "*3\r\n:1\r\n*2\r\n+a\r\n*0\r\n$1\r\nb\r\n",
    "_\r\n",
    "#t\r\n",
    ",3.25\r\n",
    ",-inf\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "!9\r\nERR wrong\r\n",
    "=8\r\ntxt:some\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n#t\r\n#f\r\n",
    "~1\r\n*1\r\n_\r\n",
    ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n",
    "|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n",
];

#[test]
fn a_message_ends_where_it_ends_and_not_before() {
    for message in MESSAGES {
        let followed = format!("{message}+OK\r\n");
        assert_eq!(message_len(followed.as_bytes()), Ok(Some(message.len())), "{message:?}");
        for end in 0..message.len() {
            assert_eq!(message_len(&message.as_bytes()[..end]), Ok(None), "{:?}", &message[..end]);
        }
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for bytes in ["PING\r\n", "\r\n", "$x\r\n", "$-2\r\n", "*\r\n", "%-3\r\n", "*1\r\nhello\r\n"] {
        assert_eq!(message_len(bytes.as_bytes()), Err(Malformed), "{bytes:?}");
    }
    for kind in ["$", "*", "%", "|"] {
        let endless = format!("{kind}{}\r\n", u64::MAX);
        assert_ne!(message_len(endless.as_bytes()).unwrap_or(None), Some(0), "{endless:?}");
    }
}

#[test]
fn only_pushes_come_unasked() {
    for message in MESSAGES {
        assert_eq!(is_push(message.as_bytes()), message.starts_with('>'), "{message:?}");
    }
}

#[test]
fn the_words_of_a_request_are_read() {
    let read = |request: &str| words(request.as_bytes()).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(read("*2\r\n$3\r\nGET\r\n$5\r\nk\r\n\r\n\r\n"), [b"GET".to_vec(), b"k\r\n\r\n".to_vec()]);
    assert_eq!(read("*0\r\n"), [[0_u8; 0]; 0]);
    assert_eq!(read("+OK\r\n"), [[0_u8; 0]; 0]);
}
