//! What the tests share: a server, a proxy before it, and the site behind both.

use std::time::Duration;

use cloakroom::store::{RedisStore, RedisStoreBuilder};

use crate::{
    browser::{Browser, Request, Response, Server},
    rig::{Proxy, RedisServer},
};

/// How long a request waits for the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A Redis server with a proxy before it.
pub(crate) struct Scene {
    pub(crate) server: RedisServer,
    pub(crate) proxy: Proxy,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::before(RedisServer::start())
    }

    pub(crate) fn before(server: RedisServer) -> Self {
        let proxy = Proxy::before(server.address());
        Self { server, proxy }
    }

    /// A store that reaches the server through the proxy.
    pub(crate) fn store(&self) -> RedisStore {
        self.builder().build()
    }

    /// The options of such a store.
    pub(crate) fn builder(&self) -> RedisStoreBuilder {
        RedisStore::builder(&self.proxy.url()).unwrap()
    }

    /// A store that nothing happens to.
    pub(crate) fn direct_store(&self) -> RedisStore {
        RedisStore::from_url(&self.server.url()).unwrap()
    }

    /// A site whose sessions are behind the proxy.
    pub(crate) fn site(&self) -> Server {
        site(self.store())
    }

    /// Another server of the same site, which nothing happens to.
    pub(crate) fn direct_site(&self, like: &Server) -> Server {
        Server { clock: like.clock.clone(), ..site(self.direct_store()) }
            .with(|sessions| sessions.clock(like.clock.clone()))
    }
}

/// A site whose requests do not wait long.
pub(crate) fn site(store: RedisStore) -> Server {
    Server::new(store).with(|sessions| sessions.store_timeout(PATIENCE))
}

/// A browser with the same cookie, at another server.
pub(crate) fn at(server: &Server, browser: &Browser) -> Browser {
    Browser { server: server.clone(), cookie: browser.cookie.clone() }
}

/// Adds one to the number of this name.
pub(crate) fn add(session: &cloakroom::Session, name: &'static str) -> Result<(), cloakroom::SessionError> {
    session.update(name, |number: &mut u64| *number += 1)
}

/// What a request that only looks is answered: its status, and a value of its session.
pub(crate) async fn look(browser: &Browser, name: &str) -> Result<Option<u64>, u16> {
    let request: Request = browser.request();
    let visit = browser.try_visit(&request).await.map_err(|error| error.status())?;
    let value = visit.session.get(name).expect("it is a number");
    let response: Response = crate::browser::finish(visit, 200).await;
    assert_eq!(response.cookie(), None, "who only looks is told nothing");
    if response.is_ok() { Ok(value) } else { Err(response.status()) }
}

/// Waits until a site serves this browser again; what it then sees.
pub(crate) async fn recovers(browser: &Browser, name: &str) -> Option<u64> {
    for _ in 0..6000 {
        match look(browser, name).await {
            Ok(value) => return value,
            Err(status) => assert_eq!(status, 503),
        }
        breathes().await;
    }
    panic!("waited in vain until the site serves its visitors again");
}

#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
pub(crate) async fn breathes() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
