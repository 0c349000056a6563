//! Two stores, servers in any phase between them, and clients with one session.

use std::{cell::RefCell, sync::Arc, time::Duration};

use cloakroom::{
    Session, SessionError, SessionId, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore, MigratingStore, Phase, SignedCookieStore},
    time::ManualClock,
};

use crate::{
    browser::{Request, Response, START, Server, Visit},
    plain::Plain,
    steps::{Stepped, Task},
};

/// A store by name, with a fresh key where it has one.
pub(crate) fn store(name: &str) -> Arc<dyn SessionStore> {
    let keys = || KeyRing::new(SecretKey::generate().unwrap());
    match name {
        "memory" => Arc::new(MemoryStore::new()),
        "plain" => Arc::new(Plain::default()),
        "encrypted" => Arc::new(EncryptedCookieStore::new(&keys())),
        "signed" => Arc::new(SignedCookieStore::new(&keys())),
        "jwt" => Arc::new(JwtStore::from_ring(&keys())),
        name => panic!("there is no store called {name}"),
    }
}

/// Which way a server moves sessions, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// A server that knows only the old store.
    Old,
    /// From the old store to the new one.
    There(Phase),
    /// From the new store to the old one.
    Back(Phase),
    /// A server that knows only the new store.
    New,
}

/// The two stores.
pub(crate) struct World {
    pub(crate) old: Stepped,
    pub(crate) new: Stepped,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new(old: &str, new: &str) -> Self {
        Self::of(store(old), store(new))
    }

    pub(crate) fn of(old: impl SessionStore, new: impl SessionStore) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self { old: Stepped::new(old), new: Stepped::new(new), clock }
    }

    pub(crate) fn migrating(&self, at: At) -> MigratingStore {
        match at {
            At::There(phase) => MigratingStore::new(self.old.clone(), self.new.clone(), phase),
            At::Back(phase) => MigratingStore::new(self.new.clone(), self.old.clone(), phase),
            At::Old | At::New => panic!("no migrating store there"),
        }
    }

    pub(crate) fn server(&self, at: At) -> Server {
        match at {
            At::Old => self.serving(self.old.clone()),
            At::New => self.serving(self.new.clone()),
            at => self.serving(self.migrating(at)),
        }
    }

    pub(crate) fn serving(&self, store: impl SessionStore) -> Server {
        let Server { sessions, .. } = Server::new(store);
        // The steps of a test take no time, whatever the clock on the wall says.
        let sessions = sessions.store_timeout(Duration::MAX).clock(Arc::clone(&self.clock));
        Server { sessions, clock: Arc::clone(&self.clock) }
    }
}

/// What a request has seen, and what its client was told.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: Option<SessionId>,
    pub(crate) subject: Option<String>,
    pub(crate) count: Option<u64>,
    /// Whether what the handler did was confirmed.
    pub(crate) confirmed: bool,
    /// The cookie that its client holds afterwards; `None` where it was told none.
    pub(crate) told: Option<String>,
}

/// What a handler does.
pub(crate) type Action = fn(&Session) -> Result<(), SessionError>;

pub(crate) fn look(_: &Session) -> Result<(), SessionError> {
    Ok(())
}

pub(crate) fn count(session: &Session) -> Result<(), SessionError> {
    session.update("count", |count: &mut u64| *count += 1)
}

pub(crate) fn log_in(session: &Session) -> Result<(), SessionError> {
    session.log_in("alice")
}

pub(crate) fn log_out(session: &Session) -> Result<(), SessionError> {
    session.log_out()
}

pub(crate) fn renew(session: &Session) -> Result<(), SessionError> {
    session.renew()
}

/// A whole request with this cookie. Everything is written before the handler ends, so that no task of its own does it.
pub(crate) async fn request(server: &Server, cookie: &str, action: Action) -> Seen {
    let exchange = server.sessions.exchange("/");
    let headers = if cookie.is_empty() {
        vec![]
    } else {
        vec![("cookie".into(), format!("__Host-id={cookie}").into())]
    };
    let request = Request { method: "POST", path: "/", headers };
    let session = exchange.lazy().load(&request.head()).await.expect("the session can be loaded");
    let mut seen = Seen {
        id: session.id(),
        subject: session.subject(),
        count: session.get("count").unwrap(),
        confirmed: action(&session).is_ok(),
        told: None,
    };
    seen.confirmed &= session.save().await.is_ok();
    let response: Response = crate::browser::finish(Visit { exchange, session }, 200).await;
    seen.told = response.cookie().map(str::to_owned);
    seen
}

/// A session that is logged in as alice and has counted to one, and its cookie.
pub(crate) async fn begun(server: &Server) -> String {
    let cookie = request(server, "", log_in).await.told.expect("a login tells a token");
    request(server, &cookie, count).await.told.unwrap_or(cookie)
}

/// Tasks of one request each, and what they have seen.
#[derive(Default)]
pub(crate) struct Log(RefCell<Vec<Option<Seen>>>);

impl Log {
    /// A task that makes this request.
    pub(crate) fn task<'a>(&'a self, server: &'a Server, cookie: &'a str, action: Action) -> Task<'a> {
        let place = self.0.borrow().len();
        self.0.borrow_mut().push(None);
        Box::pin(async move {
            let seen = request(server, cookie, action).await;
            self.0.borrow_mut()[place] = Some(seen);
        })
    }

    /// What each request has seen; `None` for those that crashed.
    pub(crate) fn seen(self) -> Vec<Option<Seen>> {
        self.0.into_inner()
    }
}

/// A client that keeps what it is told.
pub(crate) struct Client(pub(crate) String);

impl Client {
    pub(crate) async fn request(&mut self, server: &Server, action: Action) -> Seen {
        let seen = request(server, &self.0, action).await;
        assert!(seen.confirmed);
        assert_eq!(seen.subject.as_deref(), Some("alice"), "logged out");
        self.0 = seen.told.clone().unwrap_or(std::mem::take(&mut self.0));
        seen
    }
}

/// Fails unless this cookie shows the session of alice, and how far it has counted.
pub(crate) async fn counted(server: &Server, cookie: &str) -> (SessionId, u64) {
    let seen = request(server, cookie, look).await;
    assert_eq!(seen.subject.as_deref(), Some("alice"), "logged out");
    (seen.id.unwrap(), seen.count.unwrap_or(0))
}
