//! A primary, its replicas, and those who decide together which of them is the primary.

use std::{collections::HashMap, net::SocketAddr};

use super::{
    server::{Builder, RedisServer},
    wait::until,
};

/// One primary, two replicas, three sentinels.
///
/// ```ignore
/// let mut sentinel = RedisSentinel::start();
/// let client = SentinelClient::build(sentinel.urls(), RedisSentinel::NAME.into(), …);
/// sentinel.failover();
/// sentinel.kill_primary();
/// sentinel.wait_healthy();
/// sentinel.revive();
/// ```
#[derive(Debug)]
pub(crate) struct RedisSentinel {
    sentinels: Vec<RedisServer>,
    servers: Vec<RedisServer>,
    /// Which of the servers are down.
    killed: Vec<usize>,
}

/// What `SENTINEL MASTER` and its like say of one server.
type Description = HashMap<String, String>;

impl RedisSentinel {
    /// By this name clients ask for the primary.
    pub(crate) const NAME: &str = "cloakroom";

    /// How many sentinels have to agree.
    const QUORUM: usize = 2;

    /// Starts them all, and returns when they have found each other.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_with(RedisServer::builder())
    }

    /// Starts them with the same options for each of the three servers. The sentinels ask nobody for a password.
    #[track_caller]
    pub(crate) fn start_with(options: Builder) -> Self {
        let options = options.among_equals();
        let primary = options.clone().start();
        let replicas = [(); 2].map(|()| options.clone().replica_of(&primary).start());
        // Sentinels ask a primary for its replicas at once, and then not for a while.
        until("the replicas follow", || replicas.iter().all(|replica| replica.has_caught_up_with(&primary)));

        let sentinels = (0..3).map(|_| start_sentinel(&primary)).collect();
        let servers = std::iter::once(primary).chain(replicas).collect();
        let sentinel = Self { sentinels, servers, killed: Vec::new() };
        sentinel.wait_healthy();
        sentinel
    }

    /// Where the sentinels are.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(RedisServer::address).collect()
    }

    /// The same as URLs.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }

    /// The port of the primary, as the sentinels agree.
    ///
    /// # Panics
    ///
    /// When they do not agree in time.
    #[track_caller]
    pub(crate) fn primary_port(&self) -> u16 {
        self.primary().port()
    }

    /// The primary, as the sentinels agree.
    ///
    /// # Panics
    ///
    /// When they do not agree in time.
    #[track_caller]
    pub(crate) fn primary(&self) -> &RedisServer {
        let mut primary = None;
        until("the sentinels agree on a primary", || {
            primary = self.agreed_primary();
            primary.is_some()
        });
        &self.servers[primary.expect("that was waited for")]
    }

    /// Makes a replica the primary, while all are well. Returns when all sentinels say so.
    #[track_caller]
    pub(crate) fn failover(&self) {
        let before = self.primary_port();
        // They refuse while they are not yet done with the last one.
        let ask = || self.sentinels[0].try_command::<()>(&["SENTINEL", "FAILOVER", Self::NAME]);
        until("the sentinels agree to a failover", || ask().is_ok());
        until("another is primary", || self.primary_port() != before);
    }

    /// Kills the primary with `SIGKILL`. The sentinels need a few seconds to notice and to choose another.
    #[track_caller]
    pub(crate) fn kill_primary(&mut self) {
        let port = self.primary_port();
        let primary =
            self.servers.iter().position(|server| server.port() == port).expect("it is one of them");
        self.servers[primary].kill();
        self.killed.push(primary);
    }

    /// Starts again what was killed; it becomes a replica.
    #[track_caller]
    pub(crate) fn revive(&mut self) {
        for server in self.killed.drain(..) {
            self.servers[server].restart();
        }
    }

    /// Kills one of the three sentinels, for good. Two are still able to decide.
    pub(crate) fn kill_sentinel(&mut self, index: usize) {
        drop(self.sentinels.remove(index));
    }

    /// Waits until all sentinels agree on a primary that lives, and know that the other servers which live are its replicas;
    /// and until these have what was written so far.
    #[track_caller]
    pub(crate) fn wait_healthy(&self) {
        until("the primary and its replicas are well", || {
            self.agreed_primary().is_some_and(|primary| self.all_follow(primary))
                && self.sentinels.iter().all(|sentinel| self.is_content(sentinel))
        });
    }

    fn agreed_primary(&self) -> Option<usize> {
        let mut ports = self.sentinels.iter().map(primary_port);
        let first = ports.next()??;
        let agreed = ports.all(|port| port == Some(first));
        self.running().find(|index| agreed && self.servers[*index].port() == first)
    }

    fn running(&self) -> impl Iterator<Item = usize> {
        (0..self.servers.len()).filter(|index| !self.killed.contains(index))
    }

    fn all_follow(&self, primary: usize) -> bool {
        let (primary, port) = (&self.servers[primary], self.servers[primary].port().to_string());
        self.running().map(|index| &self.servers[index]).all(|server| {
            if server.port() == primary.port() {
                server.info("role").as_deref() == Some("master")
            } else {
                server.info("master_port").as_ref() == Some(&port) && server.has_caught_up_with(primary)
            }
        })
    }

    /// Whether a sentinel could fail over now: it knows the others, and a replica for each that runs.
    fn is_content(&self, sentinel: &RedisServer) -> bool {
        let replicas: Vec<Description> =
            sentinel.try_command(&["SENTINEL", "REPLICAS", Self::NAME]).unwrap_or_default();
        let good = replicas.iter().filter(|it| it["flags"] == "slave" && it["master-link-status"] == "ok");
        let primary: Description =
            sentinel.try_command(&["SENTINEL", "MASTER", Self::NAME]).unwrap_or_default();
        let others: Vec<Description> =
            sentinel.try_command(&["SENTINEL", "SENTINELS", Self::NAME]).unwrap_or_default();
        let others = others.iter().filter(|it| it["flags"] == "sentinel");

        primary.get("flags").is_some_and(|flags| flags == "master")
            && good.count() + 1 == self.running().count()
            && others.count() + 1 == self.sentinels.len()
    }
}

fn primary_port(sentinel: &RedisServer) -> Option<u16> {
    let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", RedisSentinel::NAME];
    let (_, port) = sentinel.try_command::<(String, u16)>(&ask).ok()?;
    Some(port)
}

fn start_sentinel(primary: &RedisServer) -> RedisServer {
    let (name, quorum, port) = (RedisSentinel::NAME, RedisSentinel::QUORUM, primary.port());
    let mut options = RedisServer::builder()
        .sentinel()
        .option("sentinel resolve-hostnames", "no")
        .option("sentinel monitor", &format!("{name} 127.0.0.1 {port} {quorum}"))
        .option("sentinel down-after-milliseconds", &format!("{name} 1500"))
        .option("sentinel failover-timeout", &format!("{name} 2000"))
        .option("sentinel parallel-syncs", &format!("{name} 2"));
    for (option, value) in primary.sentinel_credentials() {
        options = options.option(option, &format!("{name} {value}"));
    }
    let sentinel = options.start();
    hurry(&sentinel);
    sentinel
}

/// Sentinels ask and tell every few seconds; for a test more often. And a machine that is busy with tests makes them pause
/// for half a minute, since they suspect the clock. Redis 6.2 has no such command: its sentinels are slower.
fn hurry(sentinel: &RedisServer) {
    let periods = ["INFO-PERIOD", "500", "PUBLISH-PERIOD", "200", "TILT-TRIGGER", "15000"];
    match sentinel.try_command::<()>(&[&["SENTINEL", "DEBUG"][..], &periods].concat()) {
        Err(error) if error.to_string().contains("Unknown subcommand") => {}
        other => other.expect("the periods are valid"),
    }
}
