//! The nodes, each with its clock, its rung and its way to the shared store.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom::{
    Cookie, SessionManager,
    time::{Clock, Timestamp},
};
use tokio::sync::watch;

use crate::{
    dice::Dice,
    hooked::Hooked,
    network::{Line, Moment, SECOND, Simulated},
    rungs::Rung,
    shared::Shared,
};

/// When each history begins.
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// How far the clocks of nodes are off, at most, either way.
pub(crate) const SKEW: u64 = 2_000;

/// The clock of a node.
#[derive(Debug, Clone, Copy)]
struct NodeClock {
    time: Simulated,
    /// By how much it is ahead of the earliest that a clock may show, in milliseconds.
    ahead: u64,
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        START + self.time.now() + Duration::from_millis(self.ahead)
    }
}

/// A process that serves requests, until it crashes.
pub(crate) struct Node {
    pub(crate) sessions: SessionManager,
    line: Arc<Line>,
    crashed: watch::Sender<bool>,
}

impl Node {
    fn start(rung: &Rung, shared: &Arc<Shared>, dice: &Dice, clock: NodeClock) -> Arc<Self> {
        let line = Line::new(dice.clone(), clock.time);
        let store = Hooked { store: Arc::clone(shared), hook: Arc::clone(&line) };
        let sessions = SessionManager::new(rung.build(Arc::new(store)))
            .cookie(Cookie::named("id"))
            .store_timeout(3600 * SECOND)
            .touch_after(4 * SECOND)
            .clock(clock);
        Arc::new(Self { sessions, line, crashed: watch::Sender::new(false) })
    }

    /// Resolves when the node crashes.
    pub(crate) async fn crash(&self) {
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }
}

/// All nodes of a history.
pub(crate) struct Site {
    rung: Rung,
    pub(crate) shared: Arc<Shared>,
    dice: Dice,
    nodes: Vec<(NodeClock, Mutex<Arc<Node>>)>,
    /// Which nodes have crashed.
    crashes: Mutex<Vec<usize>>,
}

impl Site {
    pub(crate) fn start(rung: &Rung, shared: Arc<Shared>, dice: &Dice, time: Simulated) -> Self {
        let nodes = (0..2 + dice.below(3)).map(|_| {
            let clock = NodeClock { time, ahead: dice.below(2 * SKEW) };
            (clock, Mutex::new(Node::start(rung, &shared, dice, clock)))
        });
        let nodes = nodes.collect();
        Self { rung: *rung, shared, dice: dice.clone(), nodes, crashes: Mutex::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, number: usize) -> Arc<Node> {
        Arc::clone(&self.nodes[number].1.lock().unwrap())
    }

    pub(crate) fn cut(&self, number: usize, until: Moment) {
        self.node(number).line.cut_until(until);
    }

    /// How often a node has crashed.
    pub(crate) fn crashes(&self, number: usize) -> usize {
        self.crashes.lock().unwrap().iter().filter(|node| **node == number).count()
    }

    pub(crate) fn repair(&self) {
        (0..self.len()).for_each(|number| self.node(number).line.repair());
    }

    /// Ends a node with all that is under way there, and starts another in its place.
    pub(crate) fn crash(&self, number: usize) {
        let (clock, node) = &self.nodes[number];
        let next = Node::start(&self.rung, &self.shared, &self.dice, *clock);
        let old = std::mem::replace(&mut *node.lock().unwrap(), next);
        self.crashes.lock().unwrap().push(number);
        old.line.cut_until(Moment::MAX);
        old.crashed.send_replace(true);
    }
}
