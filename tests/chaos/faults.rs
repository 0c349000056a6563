//! What goes wrong between the servers and Redis, one thing after the other, from a seed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    clocks::rest_blocking,
    dice::Dice,
    rig::{Fault, Proxy, RedisServer, proxy::ANY},
};

/// Whether replies may come twice, not at all or in another order, so that a client could take one for another's.
const OUT_OF_STEP: bool = true;

/// The longest time for which something goes wrong, and for which all is well, in milliseconds.
const LONGEST: u64 = 900;
const CALM: u64 = 400;

/// Does harm on a thread of its own until it is told to stop.
#[derive(Debug)]
pub(crate) struct Faults {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Faults {
    pub(crate) fn begin(redis: RedisServer, proxies: Arc<Vec<Proxy>>, dice: Dice) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut conductor = Conductor { redis, proxies, dice };
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(Relaxed) {
                    conductor.does_harm();
                    conductor.rests(CALM);
                }
            }
        });
        Self { stop, thread }
    }

    /// Returns when the last harm was mended.
    pub(crate) fn end(self) {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("faults are made without one of our own");
    }
}

struct Conductor {
    redis: RedisServer,
    proxies: Arc<Vec<Proxy>>,
    dice: Dice,
}

impl Conductor {
    /// Does one kind of harm for a while, to one server or to all, and mends it.
    fn does_harm(&mut self) {
        match self.dice.below(16) {
            0 => self.kills_redis(),
            1 => self.stops_redis(),
            2 => self.cuts(Proxy::hold, Proxy::heal),
            3 => self.cuts(Proxy::refuse, Proxy::accept),
            4 => self.victims().for_each(Proxy::kill_connections),
            5..=8 if OUT_OF_STEP => self.is_out_of_step(),
            _ => self.mistreats_commands(),
        }
    }

    /// One server's way to Redis, or all of them.
    fn victims(&self) -> impl Iterator<Item = &Proxy> {
        let (all, one) = (self.dice.below(3) == 0, self.dice.index(self.proxies.len()));
        self.proxies.iter().enumerate().filter(move |(number, _)| all || *number == one).map(|(_, it)| it)
    }

    fn kills_redis(&mut self) {
        self.redis.kill();
        self.rests(LONGEST / 2);
        self.redis.restart();
    }

    fn stops_redis(&self) {
        self.redis.pause();
        self.rests(LONGEST);
        self.redis.resume();
    }

    fn cuts(&self, cut: fn(&Proxy), mend: fn(&Proxy)) {
        let victims: Vec<_> = self.victims().collect();
        victims.iter().for_each(|proxy| cut(proxy));
        self.rests(LONGEST);
        victims.iter().for_each(|proxy| mend(proxy));
    }

    /// Some replies come twice, in another order or not at all.
    fn is_out_of_step(&self) {
        let fault = match self.dice.below(4) {
            0 => Fault::Swap,
            1 => Fault::Swallow,
            _ => Fault::Duplicate,
        };
        let (command, times) = (self.command(), 1 + self.dice.index(6));
        for proxy in self.victims() {
            proxy.next_n(times, command, fault.clone());
        }
        self.goes_on();
    }

    fn mistreats_commands(&self) {
        let fault = self.fault();
        let (command, times) = (self.command(), 1 + self.dice.index(4));
        for proxy in self.victims() {
            proxy.next_n(times, command, fault.clone());
        }
        self.goes_on();
    }

    fn command(&self) -> &'static str {
        ["GET", "EVALSHA", ANY][self.dice.index(3)]
    }

    fn fault(&self) -> Fault {
        match self.dice.below(10) {
            0 | 1 => Fault::Delay(Duration::from_millis(self.dice.below(LONGEST / 2))),
            2 => Fault::DropBefore,
            3 => Fault::DropAfter,
            4 => Fault::ResetMidReply,
            5 => Fault::Stall,
            6 => Fault::Trickle,
            7 => Fault::read_only(),
            8 => Fault::loading(),
            _ => Fault::out_of_memory(),
        }
    }

    fn goes_on(&self) {
        self.rests(LONGEST / 4);
        for proxy in self.proxies.iter() {
            proxy.clear();
            // What it has seen would fill the memory of a long run.
            proxy.reset();
        }
    }

    fn rests(&self, most: u64) {
        rest_blocking(Duration::from_millis(self.dice.below(most)));
    }
}
