//! Browsers with several tabs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use cloakroom::{
    RequestHead, RequestHeaders, ResponseHeaders, Session, SessionError, SessionId, SessionManager,
    manager::Finish,
};
use tokio::task::JoinSet;

use crate::{dice::Dice, fleet::Fleet};

/// How many tabs of a browser send requests at the same time, and how many each.
const TABS: usize = 3;
const REQUESTS: usize = 3;

/// One browser, logged in. A clone is another tab with the same cookies.
#[derive(Clone)]
pub(crate) struct Client {
    name: Arc<str>,
    cookie: Arc<Mutex<String>>,
    id: SessionId,
    /// How many updates were confirmed.
    confirmed: Arc<AtomicU64>,
}

/// What the handler of a request saw.
struct Seen {
    id: Option<SessionId>,
    subject: Option<String>,
    cart: Option<String>,
    count: u64,
}

impl Client {
    pub(crate) async fn log_in(name: &str, fleet: &Fleet, dice: &Dice) -> Self {
        let cookie = Arc::default();
        let server = fleet.any(dice);
        request(&server, &cookie, |session| {
            session.log_in("alice")?;
            session.insert("cart", "full")
        })
        .await;
        let id = request(&server, &cookie, |_| Ok(())).await.id.unwrap();
        Self { name: name.into(), cookie, id, confirmed: Arc::default() }
    }

    /// Some requests, one after the other, at whichever servers.
    async fn browse(self, servers: Vec<SessionManager>, dice: Dice) {
        for server in &servers {
            dice.pause().await;
            let seen = match dice.below(4) {
                0 => request(server, &self.cookie, |_| Ok(())).await,
                _ => {
                    let seen = request(server, &self.cookie, count).await;
                    self.confirmed.fetch_add(1, SeqCst);
                    seen
                }
            };
            self.is_logged_in(&seen);
        }
    }

    /// A new token, while no other request is on its way: the first one that comes with it makes the old one worthless.
    pub(crate) async fn renew(&self, fleet: &Fleet, dice: &Dice) {
        self.is_logged_in(&request(&fleet.any(dice), &self.cookie, Session::renew).await);
    }

    fn is_logged_in(&self, seen: &Seen) {
        assert_eq!(seen.subject.as_deref(), Some("alice"), "{}: logged out", self.name);
        assert_eq!(seen.cart.as_deref(), Some("full"), "{}: the cart is empty", self.name);
        assert_eq!(seen.id, Some(self.id), "{}: another session", self.name);
    }

    /// The session is there, and has counted what it must have.
    pub(crate) async fn check(&self, fleet: &Fleet, keeps_all: bool) {
        let seen = request(&fleet.any(&Dice::new(0)), &self.cookie, |_| Ok(())).await;
        self.is_logged_in(&seen);
        let confirmed = self.confirmed.load(SeqCst);
        assert!(confirmed > 0);
        if keeps_all {
            assert_eq!(seen.count, confirmed, "{}: an update was lost, or counted twice", self.name);
        } else {
            assert!(seen.count <= confirmed, "{}: {} of {confirmed}", self.name, seen.count);
        }
    }
}

fn count(session: &Session) -> Result<(), SessionError> {
    session.update("count", |count: &mut u64| *count += 1)
}

/// All tabs of all browsers at the same time, at servers that may change meanwhile.
pub(crate) async fn burst(clients: &[Client], fleet: &Fleet, dice: &Dice) {
    let mut tabs = JoinSet::new();
    for client in clients {
        for _ in 0..TABS {
            let servers = (0..REQUESTS).map(|_| fleet.any(dice)).collect();
            tabs.spawn(client.clone().browse(servers, dice.clone()));
        }
    }
    while let Some(tab) = tabs.join_next().await {
        if let Err(error) = tab {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// A whole request with the cookie that the browser holds when it is sent; it has to succeed.
async fn request(
    server: &SessionManager,
    cookie: &Mutex<String>,
    handler: impl FnOnce(&Session) -> Result<(), SessionError>,
) -> Seen {
    let exchange = server.exchange("/");
    let headers = Headers(Some(cookie.lock().unwrap().clone()).filter(|cookie| !cookie.is_empty()));
    let head = RequestHead { method: "POST", authority: None, headers: &headers };
    let session = exchange.lazy().load(&head).await.unwrap();
    let seen = Seen {
        id: session.id(),
        subject: session.subject(),
        cart: session.get("cart").unwrap(),
        count: session.get("count").unwrap().unwrap_or(0),
    };
    handler(&session).unwrap();
    let finished = match exchange.finish(200) {
        Finish::Ready(finished) => finished,
        Finish::Pending(finishing) => finishing.await,
    };
    assert!(finished.error().is_none(), "{:?}", finished.error());
    let mut told = Headers(None);
    finished.apply(&mut told);
    if let Some(line) = told.0 {
        let pair = line.split(';').next().unwrap_or_default();
        pair.clone_into(&mut cookie.lock().unwrap());
    }
    seen
}

/// The one header that matters, in either direction.
struct Headers(Option<String>);

impl RequestHeaders for Headers {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if let ("cookie", Some(value)) = (name, &self.0) {
            visit(value.as_bytes());
        }
    }
}

impl ResponseHeaders for Headers {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, _: &str, _: &str) {}

    fn append(&mut self, name: &str, value: &str) {
        if name == "set-cookie" {
            self.0 = Some(value.to_owned());
        }
    }
}
