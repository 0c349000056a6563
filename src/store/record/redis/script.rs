//! The scripts that run inside Redis, each one an atomic operation on its key.
//!
//! They are called by their hash. A server that does not know one, because it was restarted or has just become primary,
//! is sent the text, which it runs and keeps. That is one more round trip, and only on the server that needs it.
//!
//! The first argument of each is a tag, which its reply repeats.

use std::sync::LazyLock;

use redis::Cmd;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::tag::Tag;
use crate::hex;

/// One script. Those of a session's key begin with the layout of records.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($($part:literal),+) => {
        Script {
            text: concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+),
            hash: LazyLock::new(|| hash(concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+))),
        }
    };
}

pub(super) static SWAP: Script = script!("layout", "swap");
pub(super) static TOUCH: Script = script!("layout", "touch");
pub(super) static BURY: Script = script!("layout", "bury");
pub(super) static ENLIST: Script = script!("enlist");
pub(super) static ENTRIES: Script = script!("entries");
pub(super) static DELIST: Script = script!("delist");
pub(super) static HEAD: Script = script!("head");
pub(super) static COUNT: Script = script!("count");
pub(super) static READ: Script = script!("read");
pub(super) static APPEND_REVOCATION: Script = script!("append_revocation");
pub(super) static REVOCATIONS: Script = script!("revocations");

/// The name by which Redis calls a script. SHA-1 is its choice and protects nothing here.
fn hash(text: &str) -> String {
    let mut hash = String::with_capacity(40);
    hex::push(&mut hash, digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref());
    hash
}

/// A call of a script on one key.
pub(super) struct ScriptCall<'a> {
    script: &'static Script,
    key: &'a str,
    args: Vec<&'a [u8]>,
}

impl Script {
    pub(super) fn on<'a>(&'static self, key: &'a str, args: impl Into<Vec<&'a [u8]>>) -> ScriptCall<'a> {
        ScriptCall { script: self, key, args: args.into() }
    }
}

impl ScriptCall<'_> {
    /// The call by the script's hash.
    pub(super) fn by_hash(&self, tag: Tag) -> Cmd {
        self.command("EVALSHA", &self.script.hash, tag)
    }

    /// The call with the script's text, for a server that does not know it.
    pub(super) fn by_text(&self, tag: Tag) -> Cmd {
        self.command("EVAL", self.script.text, tag)
    }

    fn command(&self, name: &str, script: &str, tag: Tag) -> Cmd {
        let size = script.len() + self.key.len() + self.args.iter().map(|arg| arg.len()).sum::<usize>();
        let mut command =
            Cmd::with_capacity(5 + self.args.len(), name.len() + size + tag.as_bytes().len() + 1);
        command.arg(name).arg(script).arg(1).arg(self.key).arg(tag.as_bytes());
        for arg in &self.args {
            command.arg(*arg);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{
        id::{SessionId, WriteId},
        record::{HEAD_LEN, Lifetime, Record},
        secret::Secret,
        store::{EndedBy, Stored, Tombstone},
        time::Timestamp,
    };

    /// The offsets that `scripts/layout.lua` counts from one, here from zero.
    #[test]
    fn the_header_of_a_record_lies_where_the_scripts_look() {
        let record = Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(0x0807_0605_0403_0201),
            Lifetime { idle: Duration::from_millis(300), absolute: Duration::from_millis(4000) },
            Timestamp::from_millis(50_000),
        );
        let bytes = record.encode();
        let int = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[2..18], [1; 16]);
        assert!(include_str!("scripts/layout.lua").contains(&format!(" = 94, {HEAD_LEN}, ")), "the head");
        assert_eq!(int(18), 1, "counter");
        assert_eq!(bytes[26..30], [0; 4], "epoch");
        assert_eq!(bytes[30..38], [1, 2, 3, 4, 5, 6, 7, 8], "last write");
        assert_eq!([int(70), int(78), int(86)], [50_000, 300, 54_000], "last active, idle, deadline");
    }

    #[test]
    fn the_parts_of_a_tombstone_lie_where_the_scripts_look() {
        let [at, until] = [5, 9].map(Timestamp::from_millis);
        let id = SessionId::from_bytes([1; 16]);
        let bytes = Stored::Tombstone(Tombstone { id, at, until, by: EndedBy::Client }).encode();
        let expected = [&[0][..], &[1; 16], &5i64.to_le_bytes(), &9i64.to_le_bytes(), &[1]].concat();
        assert_eq!(bytes, expected);
    }
}
