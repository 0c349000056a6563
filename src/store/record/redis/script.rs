//! The scripts that run inside Redis, each one an atomic operation on its key.
//!
//! They are called by their hash. A server that does not know one, because it was restarted or has just become primary,
//! is sent the text, which it runs and keeps. That is one more round trip, and only on the server that needs it.

use std::sync::LazyLock;

use redis::Cmd;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

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
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The call with the script's text, for a server that does not know it.
    pub(super) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let size = script.len() + self.key.len() + self.args.iter().map(|arg| arg.len()).sum::<usize>();
        let mut command = Cmd::with_capacity(4 + self.args.len(), name.len() + size + 1);
        command.arg(name).arg(script).arg(1).arg(self.key);
        for arg in &self.args {
            command.arg(*arg);
        }
        command
    }
}
