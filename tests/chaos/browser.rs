//! A browser: it holds a cookie, and sends requests whose outcome it writes down.

use std::{sync::Mutex, time::Duration};

use crate::{
    clocks::{Moment, now, rest},
    history::{Event, Outcome, Token, Told, Way},
    http::{Request, Response},
    order::{Deed, ORDER, Order},
    site::Site,
};

/// The name of the session cookie.
pub(crate) const COOKIE: &str = "__Host-id";

/// For how long a token is presented after it was received: shorter than the site expects late requests.
const LATEST: Duration = Duration::from_secs(30);

/// One device of a person.
#[derive(Debug)]
pub(crate) struct Browser {
    /// What marks the sessions that it begins.
    pub(crate) name: String,
    subject: String,
    jar: Mutex<Jar>,
}

#[derive(Debug, Default)]
struct Jar {
    token: Option<Token>,
    /// All tokens that it ever held.
    past: Vec<(Moment, Token)>,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) request: u64,
    pub(crate) server: usize,
    pub(crate) deed: Deed,
    pub(crate) way: Way,
    pub(crate) token: Option<Token>,
    pub(crate) is_held: bool,
    pub(crate) saves: bool,
    /// After what time the client leaves.
    pub(crate) leaves: Option<Duration>,
}

impl Browser {
    pub(crate) fn new(name: String, subject: String) -> Self {
        Self { name, subject, jar: Mutex::default() }
    }

    pub(crate) fn token(&self) -> Option<Token> {
        self.jar.lock().unwrap().token.clone()
    }

    /// The tokens that it held not long ago, the last one included.
    pub(crate) fn recent(&self) -> Vec<Token> {
        let jar = self.jar.lock().unwrap();
        let recent = jar.past.iter().filter(|(since, _)| now() < *since + LATEST);
        recent.map(|(_, token)| token.clone()).collect()
    }

    /// Sends a request, keeps what its response says, and writes down what happened.
    pub(crate) async fn send(&self, site: &Site, wish: Wish) -> Event {
        let began = now();
        let outcome = self.exchange(site, &wish).await;
        let (ended, held) = (now(), self.token());
        if let (Outcome::Answered { cookie, .. }, true) = (&outcome, wish.way != Way::Replayed) {
            self.keep(cookie, ended);
        }
        let Wish { request, server, deed, way, token, .. } = wish;
        let device = self.name.clone();
        Event { request, device, server, deed, way, token, began, ended, outcome, held }
    }

    async fn exchange(&self, site: &Site, wish: &Wish) -> Outcome {
        let mut connection = site.connect(wish.server).await;
        let request = self.request(wish);
        if let Some(after) = wish.leaves {
            // Whether it was sent at all is as little known as what became of it.
            let _ = connection.send(&request).await;
            rest(after).await;
            return Outcome::Lost;
        }
        let Some(response) = connection.exchange(&request).await else { return Outcome::Lost };
        site.put_back(wish.server, connection);
        outcome(&response)
    }

    fn request(&self, wish: &Wish) -> Request {
        let order = Order {
            request: wish.request,
            deed: wish.deed,
            subject: self.subject.clone(),
            marker: self.name.clone(),
            is_held: wish.is_held,
            saves: wish.saves,
        };
        let method = if wish.deed == Deed::Look { "GET" } else { "POST" };
        let request = Request::new(method, "/").with(ORDER, serde_json::to_vec(&order).unwrap());
        match &wish.token {
            Some(token) => request.with("cookie", format!("{COOKIE}={}", token.0)),
            None => request,
        }
    }

    fn keep(&self, told: &Told, at: Moment) {
        let mut jar = self.jar.lock().unwrap();
        match told {
            Told::Nothing => {}
            Told::Remove => jar.token = None,
            Told::Keep(token) => {
                jar.token = Some(token.clone());
                jar.past.push((at, token.clone()));
            }
        }
    }
}

fn outcome(response: &Response) -> Outcome {
    let page = if response.status == 200 {
        Some(serde_json::from_slice(&response.body).expect("it is a page"))
    } else {
        None
    };
    Outcome::Answered { status: response.status, page, cookie: told(response) }
}

/// What a response says about the cookie. Beside a new one, others of its name may be removed.
fn told(response: &Response) -> Told {
    let lines = response.all("set-cookie");
    let values = lines.iter().filter_map(|line| line.strip_prefix(COOKIE)?.strip_prefix('='));
    let values: Vec<_> = values.filter_map(|line| line.split(';').next()).collect();
    match values.iter().find(|value| !value.is_empty()) {
        Some(token) => Told::Keep(Token((*token).to_owned())),
        None if values.is_empty() => Told::Nothing,
        None => Told::Remove,
    }
}
