//! Slots on their way from one node to another, with their keys, while clients go on.

use std::{collections::BTreeMap, ops::RangeInclusive};

use redis::Connection;

use super::RedisCluster;

/// How many keys travel together.
const BATCH: &str = "100";

/// How long one batch may take, in milliseconds.
const TIMEOUT: &str = "5000";

/// A move, and a connection to every primary.
struct Move<'a> {
    cluster: &'a RedisCluster,
    from: usize,
    to: usize,
    primaries: BTreeMap<usize, Connection>,
}

impl RedisCluster {
    /// Moves slots one by one, with all keys in them.
    ///
    /// # Panics
    ///
    /// When a slot is not `from`'s, or a node is not a primary.
    #[track_caller]
    pub(crate) fn move_slots(&self, slots: RangeInclusive<u16>, from: usize, to: usize) {
        let mut on_the_way = Move::new(self, from, to);
        for slot in slots {
            on_the_way.announce(slot);
            on_the_way.carry(slot);
            on_the_way.complete(slot);
        }
    }

    /// Announces that a slot is to move, and moves no key yet: `from` answers for keys it has, and sends clients that ask
    /// for others to `to` with `ASK`. [`RedisCluster::move_slots`] completes it.
    #[track_caller]
    pub(crate) fn announce_move(&self, slot: u16, from: usize, to: usize) {
        Move::new(self, from, to).announce(slot);
    }

    /// Moves the keys of a slot that was announced, and does not complete it: for all of them `from` says `ASK`.
    #[track_caller]
    pub(crate) fn carry_keys(&self, slot: u16, from: usize, to: usize) {
        Move::new(self, from, to).carry(slot);
    }
}

impl<'a> Move<'a> {
    #[track_caller]
    fn new(cluster: &'a RedisCluster, from: usize, to: usize) -> Self {
        let connect = |node: usize| (node, cluster.nodes[node].connect().expect("the node runs"));
        Self { cluster, from, to, primaries: cluster.primaries().into_iter().map(connect).collect() }
    }

    fn announce(&mut self, slot: u16) {
        let [from, to] = [self.from, self.to].map(|node| &*self.cluster.ids[node]);
        self.set_slot(self.to, slot, &["IMPORTING", from]);
        self.set_slot(self.from, slot, &["MIGRATING", to]);
    }

    fn carry(&mut self, slot: u16) {
        let target = &self.cluster.nodes[self.to];
        loop {
            let mut ask = redis::cmd("CLUSTER");
            ask.arg("GETKEYSINSLOT").arg(slot).arg(BATCH);
            let keys: Vec<Vec<u8>> = ask.query(self.connection(self.from)).expect("it has the slot");
            if keys.is_empty() {
                return;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(target.port()).arg("").arg(0).arg(TIMEOUT);
            migrate.arg(target.migrate_words()).arg("KEYS").arg(keys);
            let () = migrate.query(self.connection(self.from)).expect("the keys find room");
        }
    }

    /// Tells first the new owner, then the old one, so that at no time nobody is; then the others.
    fn complete(&mut self, slot: u16) {
        let others = self.primaries.keys().copied().filter(|node| ![self.from, self.to].contains(node));
        let order: Vec<_> = [self.to, self.from].into_iter().chain(others).collect();
        for node in order {
            self.set_slot(node, slot, &["NODE", &self.cluster.ids[self.to]]);
        }
    }

    fn set_slot(&mut self, node: usize, slot: u16, what: &[&str]) {
        let mut command = redis::cmd("CLUSTER");
        let command = command.arg("SETSLOT").arg(slot).arg(what);
        let () = command.query(self.connection(node)).unwrap_or_else(|error| panic!("node {node}: {error}"));
    }

    fn connection(&mut self, node: usize) -> &mut Connection {
        self.primaries.get_mut(&node).unwrap_or_else(|| panic!("node {node} is not a primary"))
    }
}
