//! What a person does with two devices, step by step: a plan from dice, carried out with as much at the same time as people and
//! networks do.

use std::{sync::Mutex, time::Duration};

use futures_util::future::join_all;

use crate::{
    browser::{Browser, Wish},
    dice::Dice,
    history::{Event, Life, Remains, Token, Way},
    order::Deed,
    site::{SERVERS, Site},
};

/// How many steps each device takes.
const STEPS: u64 = 12;

/// How often a device changes its token at the most, so that the servers remember all that may still be presented.
const CHANGES: u64 = 8;

/// A person.
struct Person<'a> {
    site: &'a Site,
    dice: Dice,
    habits: Habits,
    devices: [Device; 2],
    events: Mutex<Vec<Event>>,
}

/// What somebody does at all.
#[derive(Debug, Clone, Copy)]
struct Habits {
    logs_in: bool,
    changes: bool,
    ends: bool,
}

struct Device {
    browser: Browser,
    changes_left: Mutex<u64>,
}

/// The life of a person, from the first visit to what is left in the store.
pub(crate) async fn live(site: &Site, name: &str, dice: Dice) -> Life {
    let device = |kind| Device {
        browser: Browser::new(format!("{name}'s {kind}"), name.to_owned()),
        changes_left: Mutex::new(CHANGES),
    };
    let habits = Habits { logs_in: dice.below(8) > 0, changes: dice.below(4) > 0, ends: dice.below(3) > 0 };
    let devices = ["laptop", "phone"].map(device);
    let person = Person { site, dice, habits, devices, events: Mutex::default() };
    for _ in 0..STEPS {
        let [laptop, phone] = &person.devices;
        tokio::join!(person.steps(laptop), person.steps(phone));
    }
    let mut life =
        Life { subject: name.to_owned(), events: person.events.into_inner().unwrap(), ..Life::default() };
    for session in sessions(&life) {
        let remains: Remains = site.remains(&session).await;
        life.remains.insert(session, remains);
    }
    life
}

/// All sessions that the devices were ever given.
fn sessions(life: &Life) -> Vec<String> {
    let issued = life.events.iter().filter_map(Event::issued);
    issued.map(|token| token.session().to_owned()).collect()
}

impl Person<'_> {
    async fn steps(&self, device: &Device) {
        if device.browser.token().is_none() {
            let deed = if self.habits.logs_in && self.dice.below(2) == 0 { Deed::LogIn } else { Deed::Count };
            return self.send(device, self.wish(device, deed)).await;
        }
        match self.dice.below(16) {
            0..=3 => self.send(device, self.wish(device, self.deed(device))).await,
            4..=6 => self.many_tabs(device).await,
            7 => self.clicks_twice(device).await,
            8 | 9 => self.is_held(device).await,
            10 | 11 => self.is_late(device).await,
            12 | 13 => self.is_replayed(device).await,
            14 => self.leaves(device).await,
            _ => self.presents_junk(device).await,
        }
    }

    async fn many_tabs(&self, device: &Device) {
        let mut wishes: Vec<_> = (0..=self.dice.below(3)).map(|_| self.wish(device, self.plain())).collect();
        wishes.push(self.wish(device, self.deed(device)));
        join_all(wishes.into_iter().map(|wish| self.send(device, wish))).await;
    }

    async fn clicks_twice(&self, device: &Device) {
        let deed = self.deed(device);
        let wishes = [self.wish(device, deed), self.wish(device, deed)];
        join_all(wishes.into_iter().map(|wish| self.send(device, wish))).await;
    }

    /// A handler waits while other requests of its session come and go.
    async fn is_held(&self, device: &Device) {
        let held = Wish { is_held: true, ..self.wish(device, self.deed(device)) };
        let number = held.request;
        let others = async {
            for _ in 0..=self.dice.below(2) {
                self.send(device, self.wish(device, self.deed(device))).await;
            }
            self.site.gates.open(number);
        };
        tokio::join!(self.send(device, held), others);
        self.site.gates.remove(number);
    }

    /// A request that was sent with an earlier cookie.
    async fn is_late(&self, device: &Device) {
        let wish = Wish { way: Way::Late, ..self.wish(device, self.plain()) };
        self.send(device, self.with_earlier_token(device, wish)).await;
    }

    /// Somebody else has an earlier cookie, and tries it.
    async fn is_replayed(&self, device: &Device) {
        let deed = if self.dice.below(3) == 0 { Deed::Count } else { Deed::Look };
        let wish = Wish { way: Way::Replayed, ..self.wish(device, deed) };
        self.send(device, self.with_earlier_token(device, wish)).await;
    }

    fn with_earlier_token(&self, device: &Device, wish: Wish) -> Wish {
        let mut recent = device.browser.recent();
        if recent.is_empty() {
            return wish;
        }
        Wish { token: Some(recent.swap_remove(self.dice.index(recent.len()))), ..wish }
    }

    /// The client goes away before it is answered.
    async fn leaves(&self, device: &Device) {
        let leaves = Some(Duration::from_micros(self.dice.below(5000)));
        let wish = Wish { leaves, ..self.wish(device, self.deed(device)) };
        self.send(device, wish).await;
    }

    /// A token of a session that never was: the store has nothing, while others ask it for what it has.
    async fn presents_junk(&self, device: &Device) {
        let digits: String = (0..4).map(|_| format!("{:016x}", self.dice.below(u64::MAX))).collect();
        let junk = Wish { way: Way::Replayed, token: Some(Token(digits)), ..self.wish(device, Deed::Look) };
        let looks = [junk, self.wish(device, Deed::Look), self.wish(device, self.plain())];
        join_all(looks.into_iter().map(|wish| self.send(device, wish))).await;
    }

    /// A request with the cookie that the browser holds.
    fn wish(&self, device: &Device, deed: Deed) -> Wish {
        Wish {
            request: self.site.next_request(),
            server: self.dice.index(SERVERS),
            deed,
            way: Way::Ordinary,
            token: device.browser.token(),
            is_held: false,
            saves: self.dice.below(8) == 0,
            leaves: None,
        }
    }

    fn plain(&self) -> Deed {
        [Deed::Look, Deed::Count, Deed::Count, Deed::Put][self.dice.index(4)]
    }

    /// Anything that this person does.
    fn deed(&self, device: &Device) -> Deed {
        let chance = self.dice.below(20);
        if !self.habits.logs_in || chance >= 8 {
            return self.plain();
        }
        let mut left = device.changes_left.lock().unwrap();
        match chance {
            _ if *left == 0 => return self.plain(),
            0..=2 => {}
            3..=5 if self.habits.changes => {}
            6 | 7 if self.habits.ends => {}
            _ => return self.plain(),
        }
        *left -= 1;
        match chance {
            0..=3 => Deed::LogIn,
            4 | 5 => Deed::Renew,
            6 => [Deed::LogOut, Deed::Farewell][self.dice.index(2)],
            _ => Deed::EndOthers,
        }
    }

    async fn send(&self, device: &Device, wish: Wish) {
        let event = device.browser.send(self.site, wish).await;
        self.events.lock().unwrap().push(event);
    }
}
