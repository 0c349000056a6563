//! What one node of a cluster says about all of them.

use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive};

use super::super::server::RedisServer;

/// The nodes that live, by their names.
#[derive(Debug, PartialEq)]
pub(super) struct View(BTreeMap<String, Member>);

#[derive(Debug, PartialEq)]
struct Member {
    address: SocketAddr,
    /// Whom it follows; a primary follows nobody.
    primary: Option<String>,
    slots: Vec<RangeInclusive<u16>>,
}

impl View {
    /// What this node says about those that should live, with names and addresses; none, if it does not see one, or sees it
    /// elsewhere.
    pub(super) fn of(node: &RedisServer, expected: &[(&str, SocketAddr)]) -> Option<Self> {
        let nodes: String = node.try_command(&["CLUSTER", "NODES"]).ok()?;
        let mut members: BTreeMap<_, _> = nodes.lines().filter_map(member).collect();
        members.retain(|id, _| expected.iter().any(|(expected, _)| expected == id));
        let sees =
            |(id, address): &(&str, SocketAddr)| members.get(*id).map(|it| it.address) == Some(*address);
        expected.iter().all(sees).then_some(Self(members))
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&str> {
        let owns = |member: &Member| member.slots.iter().any(|range| range.contains(&slot));
        self.0.iter().find(|(_, member)| owns(member)).map(|(id, _)| &**id)
    }

    pub(super) fn replica_of(&self, primary: &str) -> Option<&str> {
        self.0.iter().find(|(_, member)| member.primary.as_deref() == Some(primary)).map(|(id, _)| &**id)
    }

    pub(super) fn primary_of(&self, replica: &str) -> Option<&str> {
        self.0.get(replica)?.primary.as_deref()
    }

    pub(super) fn is_primary(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|member| member.primary.is_none())
    }
}

/// Whether a node serves all slots.
pub(super) fn is_ok(node: &RedisServer) -> bool {
    let info = node.try_command::<String>(&["CLUSTER", "INFO"]).unwrap_or_default();
    info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
}

/// Reads `<id> <ip:port@bus> <flags> <primary> <ping> <pong> <epoch> <link> <slot> …`, unless the node is in trouble.
fn member(line: &str) -> Option<(String, Member)> {
    let mut words = line.split(' ');
    let (id, address, flags, primary) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let link = words.nth(3)?;
    let trouble = ["fail", "handshake", "noaddr"].iter().any(|trouble| flags.contains(trouble));
    if trouble || link != "connected" {
        return None;
    }
    let address = address.split('@').next()?.parse().ok()?;
    let primary = (primary != "-").then(|| primary.to_owned());
    Some((id.to_owned(), Member { address, primary, slots: words.filter_map(slots).collect() }))
}

/// Reads `7` or `7-9`. What is on its way looks otherwise, and counts where it comes from.
fn slots(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
