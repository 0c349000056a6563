//! A client that is no browser: one request after the other, as fast as they are answered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use ureq::{
    Agent,
    http::{HeaderMap, Response, header},
};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Speaks to one site, and keeps its cookies.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    site: String,
    cookies: BTreeMap<String, String>,
}

impl Client {
    pub(crate) fn new(site: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Self { agent: config.into(), site: site.to_owned(), cookies: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.site)).header("cookie", self.cookie());
        let answer = request.call();
        self.read(answer)
    }

    pub(crate) fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.site)).header("cookie", self.cookie());
        let answer = request.content_type("application/x-www-form-urlencoded").send(form);
        self.read(answer)
    }

    fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn read(&mut self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut answer = answer.unwrap_or_else(|error| panic!("no answer from {}: {error}", self.site));
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("ours are ASCII");
            let (name, rest) = cookie.split_once('=').expect("a cookie has a name");
            let (value, attributes) = rest.split_once(';').unwrap_or((rest, ""));
            self.cookies.insert(name.to_owned(), value.to_owned());
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            }
        }
        let body = answer.body_mut().read_to_string().expect("pages are UTF-8");
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }
}

/// A customer who changes the cart and looks at it, again and again, and minds when it is not as it was left.
#[derive(Debug)]
pub struct Restless {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Restless {
    pub(crate) fn visit(site: &str) -> Self {
        let (stop, mut client) = (Arc::new(AtomicBool::new(false)), Client::new(site));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            log_in(&mut client);
            let rounds = (0..).take_while(|_| !stopped.load(Ordering::Relaxed));
            rounds.map(|round| fill_cart(&mut client, round % 20 + 1)).count()
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops, and says how often everything was well.
    ///
    /// # Panics
    /// If it once was not.
    #[must_use]
    pub fn leaves(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("nobody leaves twice");
        thread.join().expect("the restless customer always finds what was left")
    }
}

impl Drop for Restless {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn log_in(client: &mut Client) {
    let answer = client.post("/login", "name=Restless");
    assert_eq!(answer.status, 303, "{}", answer.body);
}

fn fill_cart(client: &mut Client, quantity: u32) {
    let answer = client.post("/cart", &format!("item=gloves&quantity={quantity}"));
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = client.get("/");
    assert_eq!(answer.status, 200, "{}", answer.body);
    for expected in ["Hello <bdi>Restless</bdi>", &format!(r#"id="cart-count">{quantity}<"#)] {
        assert!(answer.body.contains(expected), "there is no {expected:?} in {}", answer.body);
    }
}
