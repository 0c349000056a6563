//! What the tests share: a server, a proxy before it, and the site behind both.

use std::time::Duration;

use cloakroom::{
    SessionStore,
    store::{Cached, CachedOptions, RedisStore, RedisStoreBuilder},
};

use crate::{
    browser::{Browser, Server},
    rig::{Proxy, RedisServer},
};

pub(crate) use crate::visits::{add, breathes, look, recovers};

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

/// A store behind a cache.
pub(crate) fn cached(store: RedisStore, options: CachedOptions) -> Cached<RedisStore> {
    Cached::with_options(store, options).unwrap()
}

/// A site whose requests do not wait long.
pub(crate) fn site(store: impl SessionStore) -> Server {
    Server::new(store).with(|sessions| sessions.store_timeout(PATIENCE))
}

/// A browser with the same cookie, at another server.
pub(crate) fn at(server: &Server, browser: &Browser) -> Browser {
    Browser { server: server.clone(), cookie: browser.cookie.clone() }
}
