//! A Redis Cluster on this machine.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `view` | what one node says about all of them |
//! | `reshard` | slots on their way from one node to another, with their keys |

mod reshard;
mod view;

use std::net::SocketAddr;

use super::{
    proxy::Proxy,
    server::{Builder, RedisServer},
    wait::until,
};
use view::View;

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// Three primaries and three replicas. Nodes are named by their index; 0, 1 and 2 begin as primaries with a third of the
/// slots each, and 3, 4 and 5 as their replicas, in this order.
///
/// ```ignore
/// let mut cluster = RedisCluster::start();
/// let client = ClusterClient::new(cluster.urls())?;
/// cluster.move_slots(0..=100, 0, 1);
/// cluster.kill_primary(1);
/// cluster.wait_healthy();
/// cluster.revive();
/// ```
#[derive(Debug)]
pub(crate) struct RedisCluster {
    /// Before the nodes, if any; first, so that they are gone before those they speak to.
    proxies: Vec<Proxy>,
    nodes: Vec<RedisServer>,
    /// What the nodes call each other.
    ids: Vec<String>,
    /// Which of the nodes are down.
    killed: Vec<usize>,
}

impl RedisCluster {
    const PRIMARIES: usize = 3;
    const NODES: usize = 6;

    /// Starts all nodes, and returns when they agree.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_with(RedisServer::builder())
    }

    /// Starts all nodes with these options.
    #[track_caller]
    pub(crate) fn start_with(options: Builder) -> Self {
        Self::form(start_nodes(options), Vec::new())
    }

    /// Starts all nodes with a proxy before each. Clients never get to know the nodes' own addresses, so that all they say
    /// goes through a proxy.
    #[track_caller]
    pub(crate) fn start_behind_proxies() -> Self {
        let mut nodes = start_nodes(RedisServer::builder());
        let proxies: Vec<_> = nodes.iter().map(|node| Proxy::before(node.address())).collect();
        for (node, proxy) in nodes.iter_mut().zip(&proxies) {
            announce(node, proxy);
        }
        let cluster = Self::form(nodes, proxies);
        cluster.proxies.iter().for_each(Proxy::reset);
        cluster
    }

    /// Makes a cluster of nodes that do not know each other yet, and returns when they agree.
    #[track_caller]
    fn form(nodes: Vec<RedisServer>, proxies: Vec<Proxy>) -> Self {
        let ids = nodes.iter().map(|node| node.command(&["CLUSTER", "MYID"])).collect();
        let cluster = Self { proxies, nodes, ids, killed: Vec::new() };
        cluster.share_slots();
        cluster.meet();
        cluster.follow();
        cluster.wait_healthy();
        cluster
    }

    /// Where clients connect, in the order of the nodes' indices.
    pub(crate) fn nodes(&self) -> Vec<SocketAddr> {
        (0..Self::NODES).map(|node| self.address(node)).collect()
    }

    /// The same as URLs, with credentials.
    pub(crate) fn urls(&self) -> Vec<String> {
        let own = |node: &RedisServer| (node.url(), node.address().to_string());
        let urls = self.nodes.iter().map(own).zip(self.nodes());
        urls.map(|((url, own), address)| url.replace(&own, &address.to_string())).collect()
    }

    /// One node, for commands to itself.
    pub(crate) fn node(&self, node: usize) -> &RedisServer {
        &self.nodes[node]
    }

    /// The proxy before a node.
    ///
    /// # Panics
    ///
    /// Without [`RedisCluster::start_behind_proxies`].
    #[track_caller]
    pub(crate) fn proxy(&self, node: usize) -> &Proxy {
        self.proxies.get(node).expect("the cluster was started behind proxies")
    }

    /// The slot of a key.
    pub(crate) fn slot(&self, key: &str) -> u16 {
        self.a_running_node().command(&["CLUSTER", "KEYSLOT", key])
    }

    /// The node that answers for a slot, as the cluster agrees.
    ///
    /// # Panics
    ///
    /// When it does not agree in time.
    #[track_caller]
    pub(crate) fn primary_of(&self, slot: u16) -> usize {
        let view = self.agreed_view();
        view.owner(slot).and_then(|id| self.index(id)).expect("every slot has an owner")
    }

    /// The nodes that are primaries, as the cluster agrees.
    #[track_caller]
    pub(crate) fn primaries(&self) -> Vec<usize> {
        let view = self.agreed_view();
        self.running().filter(|node| view.is_primary(&self.ids[*node])).collect()
    }

    /// Makes a replica of this primary the primary in its place, while all are well. Returns when all nodes say so.
    #[track_caller]
    pub(crate) fn failover(&self, primary: usize) {
        let view = self.agreed_view();
        let replica =
            view.replica_of(&self.ids[primary]).and_then(|id| self.index(id)).expect("it has a replica");
        let () = self.nodes[replica].command(&["CLUSTER", "FAILOVER"]);
        until("the replica is a primary everywhere", || self.primaries().contains(&replica));
    }

    /// Kills a primary with `SIGKILL`. Its replica needs a few seconds to notice and to take over.
    ///
    /// # Panics
    ///
    /// When the node is not a primary.
    #[track_caller]
    pub(crate) fn kill_primary(&mut self, node: usize) {
        assert!(self.primaries().contains(&node), "node {node} is not a primary");
        self.nodes[node].kill();
        self.killed.push(node);
    }

    /// Starts again what was killed. A primary that was replaced becomes a replica.
    #[track_caller]
    pub(crate) fn revive(&mut self) {
        for node in std::mem::take(&mut self.killed) {
            self.nodes[node].restart();
        }
    }

    /// Waits until all nodes that live say the same, every slot has a primary that lives, and the replicas that live have
    /// what was written so far.
    #[track_caller]
    pub(crate) fn wait_healthy(&self) {
        until("the cluster is well", || {
            self.running().all(|node| view::is_ok(&self.nodes[node]))
                && self.try_agreed_view().is_some_and(|view| self.replicas_follow(&view))
        });
    }

    fn replicas_follow(&self, view: &View) -> bool {
        self.running().all(|node| {
            let Some(primary) = view.primary_of(&self.ids[node]) else { return true };
            self.index(primary)
                .is_some_and(|primary| self.nodes[node].has_caught_up_with(&self.nodes[primary]))
        })
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.ids.iter().position(|it| it == id)
    }

    fn running(&self) -> impl Iterator<Item = usize> {
        (0..Self::NODES).filter(|node| !self.killed.contains(node))
    }

    fn a_running_node(&self) -> &RedisServer {
        &self.nodes[self.running().next().expect("not all were killed")]
    }

    fn address(&self, node: usize) -> SocketAddr {
        self.proxies.get(node).map_or_else(|| self.nodes[node].address(), Proxy::address)
    }

    /// What all nodes that live say.
    #[track_caller]
    fn agreed_view(&self) -> View {
        let mut view = None;
        until("the cluster's nodes agree", || {
            view = self.try_agreed_view();
            view.is_some()
        });
        view.expect("that was waited for")
    }

    fn try_agreed_view(&self) -> Option<View> {
        let expected: Vec<_> = self.running().map(|node| (&*self.ids[node], self.address(node))).collect();
        let mut views = self.running().map(|node| View::of(&self.nodes[node], &expected));
        let first = views.next()??;
        views.all(|view| view.as_ref() == Some(&first)).then_some(first)
    }

    /// Gives each primary its third of the slots, before they know each other.
    fn share_slots(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            // Different from the start, so that nobody has to find out whose word counts.
            let () = node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (index, node) in self.nodes[..Self::PRIMARIES].iter().enumerate() {
            let third = |index: usize| usize::from(SLOTS) * index / Self::PRIMARIES;
            let slots: Vec<_> = (third(index)..third(index + 1)).map(|slot| slot.to_string()).collect();
            let words: Vec<_> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(|it| &**it)).collect();
            let () = node.command(&words);
        }
    }

    fn meet(&self) {
        for node in &self.nodes[1..] {
            let () = self.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        self.agreed_view();
    }

    fn follow(&self) {
        for (replica, primary) in self.nodes[Self::PRIMARIES..].iter().zip(&self.ids) {
            let () = replica.command(&["CLUSTER", "REPLICATE", primary]);
        }
        let primaries = &self.ids[..Self::PRIMARIES];
        until("every primary has a replica", || {
            let view = self.agreed_view();
            primaries.iter().all(|primary| view.replica_of(primary).is_some())
        });
    }
}

#[track_caller]
fn start_nodes(options: Builder) -> Vec<RedisServer> {
    let options = options
        .among_equals()
        .option("cluster-enabled", "yes")
        .option("cluster-node-timeout", "2000")
        // A replica takes over however long ago it last heard of its primary: no other could.
        .option("cluster-replica-validity-factor", "0")
        // Replicas stay whose they are, and a primary without slots stays a primary.
        .option("cluster-allow-replica-migration", "no");
    (0..RedisCluster::NODES).map(|_| options.clone().start()).collect()
}

/// Has a node say of itself that it is to be found at its proxy. It is restarted, since Redis 6.2 reads this only then.
#[track_caller]
fn announce(node: &mut RedisServer, proxy: &Proxy) {
    let port = proxy.address().port().to_string();
    let () = node.command(&["CONFIG", "SET", "cluster-announce-port", &port]);
    let () = node.command(&["CONFIG", "REWRITE"]);
    node.restart();
}
