//! What can go wrong, and when.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::traffic::Command;

/// Matches every command but those that set a connection up.
pub(crate) const ANY: &str = "*";

/// What happens to a command or its reply. What comes behind it on its connection goes its ordinary way, in order.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The server executes it at once; the reply, and all that follows it, comes this much later.
    Delay(Duration),
    /// The connection is closed, and the server never sees the command.
    DropBefore,
    /// The server executes the command; the connection is closed instead of a reply.
    DropAfter,
    /// The server executes the command; after half of its reply the connection is reset.
    ResetMidReply,
    /// The reply comes after that of the next command on this connection, however long that takes.
    Swap,
    /// The reply comes after the next push message, and so do the replies behind it.
    Overtaken,
    /// The reply comes twice. A client that has another command under way takes the second one for the reply to that.
    Duplicate,
    /// This message is the reply, and the server never sees the command. [`Fault::error`] and its siblings make one.
    Reply(Vec<u8>),
    /// The server never sees the command and nobody replies. A client takes the next command's reply for this one's.
    Swallow,
    /// The server executes the command, but neither its reply nor anything after it comes. The connection stays open.
    Stall,
    /// The reply comes in packets of one byte.
    Trickle,
}

impl Fault {
    /// An error instead of execution: a code, a space and a sentence.
    pub(crate) fn error(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Reply(format!("-{}\r\n", text.into()).into_bytes())
    }

    /// What a replica says to a write.
    pub(crate) fn read_only() -> Self {
        Self::error("READONLY You can't write against a read only replica.")
    }

    /// What a server says while it reads its file.
    pub(crate) fn loading() -> Self {
        Self::error("LOADING Redis is loading the dataset in memory")
    }

    /// What a server says to a write when it has `maxmemory` and may not evict.
    pub(crate) fn out_of_memory() -> Self {
        Self::error("OOM command not allowed when used memory > 'maxmemory'.")
    }

    /// What a server says that does not know the script.
    pub(crate) fn no_script() -> Self {
        Self::error("NOSCRIPT No matching script. Please use EVAL.")
    }

    /// What a cluster says that has lost some of its slots.
    pub(crate) fn cluster_down() -> Self {
        Self::error("CLUSTERDOWN The cluster is down")
    }

    /// What a cluster's node says of a slot that is another's. The address is like `127.0.0.1:11000`.
    pub(crate) fn moved(slot: u16, address: impl std::fmt::Display) -> Self {
        Self::error(format!("MOVED {slot} {address}"))
    }

    /// What a cluster's node says of a key that has gone ahead to another.
    pub(crate) fn ask(slot: u16, address: impl std::fmt::Display) -> Self {
        Self::error(format!("ASK {slot} {address}"))
    }
}

/// Says how often a fault has happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits(Arc<AtomicUsize>);

impl Hits {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Which commands have which fault.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    command: String,
    /// `None` is for ever.
    left: Option<usize>,
    fault: Fault,
    hits: Hits,
}

impl Rules {
    pub(super) fn add(&mut self, command: &str, times: Option<usize>, fault: Fault) -> Hits {
        let hits = Hits::default();
        self.0.push(Rule { command: command.to_uppercase(), left: times, fault, hits: hits.clone() });
        hits
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of this command, by the first rule that is about it and not used up.
    pub(super) fn fault(&mut self, command: &Command) -> Option<Fault> {
        let rule = self.0.iter_mut().find(|rule| rule.left != Some(0) && rule.is_about(command))?;
        rule.left = rule.left.map(|left| left - 1);
        rule.hits.0.fetch_add(1, Ordering::SeqCst);
        Some(rule.fault.clone())
    }
}

impl Rule {
    fn is_about(&self, command: &Command) -> bool {
        if self.command == ANY { !command.is_setup() } else { command.is_called(&self.command) }
    }
}
