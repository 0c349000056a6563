//! What was said on the wire.

use super::resp;

/// Commands whose second word belongs to their name.
const WITH_SUBCOMMANDS: &[&str] = &["ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "SCRIPT", "SENTINEL"];

/// What clients say to get a connection ready, or to see whether it is still there. No session costs one of these.
const SETUP: &[&str] = &[
    "AUTH",
    "CLIENT",
    "CLUSTER NODES",
    "CLUSTER SHARDS",
    "CLUSTER SLOTS",
    "COMMAND",
    "HELLO",
    "INFO",
    "PING",
    "READONLY",
    "ROLE",
    "SELECT",
    "SENTINEL",
];

/// The name of a command in upper case, like `GET` or `CLIENT SETINFO`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    name: String,
}

impl Command {
    /// Reads the name off a request.
    pub(super) fn of(request: &[u8]) -> Self {
        let mut words = resp::words(request).map(|word| String::from_utf8_lossy(word).to_uppercase());
        let mut name = words.next().unwrap_or_default();
        if WITH_SUBCOMMANDS.contains(&&*name)
            && let Some(subcommand) = words.next()
        {
            name = name + " " + &subcommand;
        }
        Self { name }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it only gets a connection ready.
    pub(crate) fn is_setup(&self) -> bool {
        SETUP.iter().any(|name| self.is_called(name))
    }

    /// Whether this is its name, or the first word of it: `CLIENT SETINFO` is called `CLIENT` too.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// Whether the reply comes out of turn, as messages of its own.
    pub(super) fn is_answered_by_pushes(&self) -> bool {
        self.name.ends_with("SUBSCRIBE")
    }

    /// Whether the connection then speaks another protocol.
    pub(super) fn leaves_the_protocol(&self) -> bool {
        ["PSYNC", "SYNC", "MONITOR"].contains(&&*self.name)
    }
}

/// A command that came by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What it was.
    pub(crate) command: Command,
    /// How many bytes the request had.
    pub(crate) request_bytes: usize,
    /// How many bytes the reply had, as the server gave it or the proxy in its stead; 0 while there is none.
    pub(crate) reply_bytes: usize,
}

/// Names one entry of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial(usize);

/// All that was seen since the last reset.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    seen: Vec<Seen>,
    /// How many entries were forgotten by resets.
    forgotten: usize,
}

impl Traffic {
    pub(super) fn request(&mut self, command: Command, request_bytes: usize) -> Serial {
        self.seen.push(Seen { command, request_bytes, reply_bytes: 0 });
        Serial(self.forgotten + self.seen.len() - 1)
    }

    /// The reply to a request, unless that was forgotten.
    pub(super) fn reply(&mut self, to: Serial, bytes: usize) {
        if let Some(seen) = to.0.checked_sub(self.forgotten).and_then(|index| self.seen.get_mut(index)) {
            seen.reply_bytes = bytes;
        }
    }

    pub(super) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    pub(super) fn reset(&mut self) {
        self.forgotten += self.seen.len();
        self.seen.clear();
    }
}
