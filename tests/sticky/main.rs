//! Sessions in the memory of several servers, behind load balancers with the configurations that `docs` has.
//!
//! | module | holds |
//! | --- | --- |
//! | `balancer` | HAProxy and nginx |
//! | `node` | a server that keeps sessions in its memory; killed and started again |
//! | `client` | a client with a cookie |
//!
//! They need HAProxy and nginx, so `scripts/test` runs them: `cargo test -p cloakroom-tests --test sticky -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod balancer;
mod client;
#[path = "../rig/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
mod node;
#[path = "../rig/port.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod port;
#[path = "../rig/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "../rig/wait.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use balancer::{Balancer, Kind};
use client::Client;
use cloakroom::store::MemoryStore;
use node::{NAMES, Node};
use wait::until;

const NOBODY: &str = "-";

/// Two servers that hand over to one store, and what stands before them.
struct Stage {
    nodes: [Node; 2],
    balancer: Balancer,
}

impl Stage {
    fn new(kind: Kind) -> Self {
        let target = MemoryStore::new();
        let nodes = NAMES.map(|name| Node::start(name, &target));
        let balancer = Balancer::start(kind, nodes.each_ref().map(Node::address));
        Self { nodes, balancer }
    }

    fn client(&self) -> Client {
        Client::new(self.balancer.address())
    }

    /// Clients that are logged in, until each server has some.
    fn clients(&self) -> Vec<Client> {
        let mut clients: Vec<_> = (0..12).map(|_| self.client()).collect();
        for client in &mut clients {
            assert_eq!(client.post("/log-in").subject, "alice");
        }
        for name in NAMES {
            assert!(clients.iter().any(|client| client.owner() == name), "no session at {name}");
        }
        clients
    }
}

macro_rules! behind_both {
    ($($(#[$doc:meta])* fn $test:ident($stage:ident) $body:block)+) => {
        $($(#[$doc])*
        mod $test {
            use super::*;

            fn run($stage: Stage) $body

            #[test]
            #[ignore = "needs HAProxy; scripts/test has it"]
            fn behind_haproxy() {
                run(Stage::new(Kind::HaProxy));
            }

            #[test]
            #[ignore = "needs nginx; scripts/test has it"]
            fn behind_nginx() {
                run(Stage::new(Kind::Nginx));
            }
        })+
    };
}

behind_both! {
    /// Each request goes to the server that its token names, and finds its session there.
    fn a_session_reaches_its_server(stage) {
        for client in &mut stage.clients() {
            let owner = client.owner();
            for n in 1..5 {
                let seen = client.post("/count");
                assert_eq!((seen.server.as_str(), seen.subject.as_str(), seen.count), (&*owner, "alice", n));
            }
        }
    }

    /// Who names a server that there is not, or one that has not the session, is a visitor like any.
    fn a_made_up_name_reaches_somebody(stage) {
        let secret = "0123456789abcdef".repeat(4);
        for cookie in ["", "junk", &secret, &format!("{secret}.web-9"), &format!("{secret}.web-1"), "web-1", ".web-2"] {
            let mut client = stage.client();
            client.cookie = Some(cookie.to_owned());
            let seen = client.get("/");
            assert_eq!((seen.status, seen.subject.as_str()), (200, NOBODY), "{cookie}");
        }
    }

    /// A server that is dead takes its sessions with it, and nothing else.
    fn a_dead_server_breaks_nothing_but_its_own_sessions(stage) {
        let mut stage = stage;
        let mut clients = stage.clients();
        stage.nodes[0].kill();
        for _ in 0..5 {
            for client in &mut clients {
                let lost = client.owner() == NAMES[0];
                let seen = client.get("/");
                assert_eq!((seen.status, seen.server.as_str()), (200, NAMES[1]));
                assert_eq!(seen.subject, if lost { NOBODY } else { "alice" });
            }
        }
        let mut newcomer = stage.client();
        assert_eq!(newcomer.post("/log-in").status, 200);
        assert_eq!(newcomer.owner(), NAMES[1]);

        stage.nodes[0].restart();
        until("the server is found again", || stage.client().get("/").server == NAMES[0]);
        assert_eq!(newcomer.post("/count").count, 1);
    }
}

/// A server that hands over before it ends takes nothing with it. Its clients do not stop for that.
/// nginx has no health checks, and does not repeat a request that meets a closing connection.
#[test]
#[ignore = "needs HAProxy; scripts/test has it"]
fn a_server_that_is_drained_loses_nobody_behind_haproxy() {
    let mut stage = Stage::new(Kind::HaProxy);
    let mut clients = stage.clients();
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let counts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .drain(..)
            .map(|mut client| {
                let (stop, rounds) = (&stop, &rounds);
                scope.spawn(move || {
                    let mut count = 0;
                    while !stop.load(SeqCst) {
                        let seen = client.post("/count");
                        count += 1;
                        assert_eq!((seen.status, seen.subject.as_str(), seen.count), (200, "alice", count));
                        rounds.fetch_add(1, SeqCst);
                    }
                    (client, count)
                })
            })
            .collect();
        let more = || {
            let seen = rounds.load(SeqCst);
            until("the clients go on", || {
                rounds.load(SeqCst) > seen + 100 || threads.iter().any(|thread| thread.is_finished())
            });
        };
        for node in [0, 1, 0] {
            more();
            stage.nodes[node].leave();
            stage.balancer.does_without(node);
            more();
            stage.nodes[node].kill();
            more();
            stage.nodes[node].restart();
            stage.balancer.does_with(node);
        }
        stop.store(true, SeqCst);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (mut client, count) in counts {
        assert_eq!(client.get("/").count, count);
    }
}
