//! Shops, what they need, and a driver that starts browsers to visit them.

use std::{cell::RefCell, env, net::SocketAddr, process::Command, thread, time::Duration};

use crate::{
    Browser, Restless, Window,
    client::Client,
    database::Database,
    haproxy::{HaProxy, NAMES},
    proxy::Proxy,
    server::Server,
    session_store,
    shop::{Shop, random_key},
};

/// Shops of one test's own, and a driver that starts browsers to visit them.
#[derive(Debug)]
pub struct Stage {
    // In cells, since browsers borrow the stage while its servers come and go.
    shops: RefCell<Vec<Shop>>,
    database: RefCell<Option<Database>>,
    /// Kept running as long as the stage.
    _haproxy: Option<HaProxy>,
    driver: Server,
    entrance: String,
}

/// Its functions panic when something does not start, and its methods when what they name is not there.
#[allow(clippy::missing_panics_doc, reason = "said once, above")]
impl Stage {
    /// A freshly started shop on a free port.
    #[must_use]
    pub fn new() -> Self {
        Self::on(&session_store())
    }

    /// The same with this store.
    #[must_use]
    pub fn on(store: &str) -> Self {
        Self::of(1, store, |shops| format!("http://{}", shops[0]))
    }

    /// Two shops with the same keys, sharing nothing else but what their store shares; each request goes to the other
    /// one, unless that is down.
    #[must_use]
    pub fn with_two_servers() -> Self {
        Self::with_two_servers_on(&session_store())
    }

    /// The same with this store.
    #[must_use]
    pub fn with_two_servers_on(store: &str) -> Self {
        Self::of(2, store, |shops| Proxy::before(shops).url())
    }

    fn of(shops: usize, store: &str, entrance: impl FnOnce(&[SocketAddr]) -> String) -> Self {
        let database = Database::start(store);
        let store = database.as_ref().map_or_else(|| store.to_owned(), Database::url);
        let keys = random_key();
        let shops: Vec<_> = (0..shops).map(|index| Shop::start(index, &keys, &store)).collect();
        let entrance = entrance(&shops.iter().map(Shop::address).collect::<Vec<_>>());
        Self {
            shops: shops.into(),
            database: database.into(),
            _haproxy: None,
            driver: start_driver(),
            entrance,
        }
    }

    /// Two shops with the same keys behind HAProxy, and a Redis. `store` says where the sessions of each shop live, from
    /// the shop's name and the URL of Redis.
    #[must_use]
    pub fn behind_haproxy(store: impl Fn(&str, &str) -> String) -> Self {
        let (redis, keys) = (Database::start("redis:").expect(NO_DATABASE), random_key());
        let shops = [0, 1].map(|index| Shop::start(index, &keys, &store(NAMES[index], &redis.url())));
        let haproxy = HaProxy::before(shops.each_ref().map(Shop::address));
        let entrance = haproxy.url();
        Self {
            shops: Vec::from(shops).into(),
            database: Some(redis).into(),
            _haproxy: Some(haproxy),
            driver: start_driver(),
            entrance,
        }
    }

    /// Restarts one of those shops with another configuration, as a careful administrator does: tells it to end, and
    /// returns when HAProxy has found it again.
    pub fn reconfigure_shop(&self, index: usize, store: impl Fn(&str, &str) -> String) {
        let redis = self.database.borrow().as_ref().expect(NO_DATABASE).url();
        let server = &mut self.shops.borrow_mut()[index].server;
        server.terminate();
        server.set("SESSION_STORE", &store(NAMES[index], &redis));
        server.restart();
        let mut client = Client::new(&self.entrance);
        let found = (0..1000).any(|_| {
            nap();
            let answer = client.get("/style.css");
            answer
                .headers
                .get("server-timing")
                .is_some_and(|by| by.to_str().is_ok_and(|by| by.ends_with(NAMES[index])))
        });
        assert!(found, "{} is not found again", NAMES[index]);
    }

    /// A customer who comes at once and changes the cart without a pause.
    #[must_use]
    pub fn restless_customer(&self) -> Restless {
        Restless::visit(&self.entrance)
    }

    /// A new browser that has never been anywhere, looking at nothing yet.
    #[must_use]
    pub fn browser(&self, window: Window) -> Browser<'_> {
        Browser::start(self.driver.address(), &self.entrance, window)
    }

    /// Where this shop itself listens.
    #[must_use]
    pub fn shop_url(&self, index: usize) -> String {
        self.shops.borrow()[index].server.address().to_owned()
    }

    /// Kills this shop with `SIGKILL`.
    pub fn kill_shop(&self, index: usize) {
        self.shops.borrow_mut()[index].server.kill();
    }

    /// Starts it again on the same port.
    pub fn restart_shop(&self, index: usize) {
        self.shops.borrow_mut()[index].server.restart();
    }

    /// Kills the server that keeps the sessions, with `SIGKILL`.
    pub fn kill_database(&self) {
        self.database.borrow_mut().as_mut().expect(NO_DATABASE).kill();
    }

    /// Starts it again on the same port, with its files.
    pub fn restart_database(&self) {
        self.database.borrow_mut().as_mut().expect(NO_DATABASE).restart();
    }
}

const NO_DATABASE: &str = "the stage was made with the store `redis:`, `postgres:` or `sqlite:`";

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn start_driver() -> Server {
    let mut driver = Command::new(env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned()));
    driver.arg("--port=0");
    Server::start(driver, |line| {
        let port = line.split_once("started successfully on port ")?.1.trim_end_matches('.');
        Some(format!("http://127.0.0.1:{port}"))
    })
}

#[expect(clippy::disallowed_methods, reason = "a real server follows no clock of ours")]
fn nap() {
    thread::sleep(Duration::from_millis(10));
}
