//! The scripts that run inside Redis, each one an atomic step of its key.
//!
//! They are called by their hash. A server that does not know one, because it was restarted or has just become primary,
//! is given the text, which it runs and keeps. That is one trip more, and on exactly the server that needs it.

use std::sync::LazyLock;

use redis::Cmd;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::hex;

/// One script; all but those of the subject's page begin with what records look like.
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

pub(super) static SWAP: Script = script!("head", "swap");
pub(super) static TOUCH: Script = script!("head", "touch");
pub(super) static END: Script = script!("head", "end");
pub(super) static ENTER: Script = script!("enter");
pub(super) static STRIKE: Script = script!("strike");
pub(super) static PAGE: Script = script!("page");

/// What Redis calls a script by. SHA-1 is its choice and protects nothing here.
fn hash(text: &str) -> String {
    let mut hash = String::with_capacity(40);
    hex::push(&mut hash, digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref());
    hash
}

/// A call of a script on one key.
pub(super) struct Call<'a> {
    script: &'static Script,
    key: &'a str,
    args: Vec<&'a [u8]>,
}

impl Script {
    pub(super) fn on<'a>(&'static self, key: &'a str, args: impl Into<Vec<&'a [u8]>>) -> Call<'a> {
        Call { script: self, key, args: args.into() }
    }
}

impl Call<'_> {
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
