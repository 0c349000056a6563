//! The application under test: what its handlers do, whichever framework calls them.
//!
//! A request says in JSON what it wants; its response says in JSON what there is. Each framework's shell in `shells`
//! mounts [`ROUTES`] and calls [`App::perform`].

use std::{panic::resume_unwind, sync::Arc, time::Duration};

use cloakroom::{Key, Session, SessionError, SessionErrorKind, SessionManager, SessionStatus};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::gate::Gate;

const CART: Key<Vec<String>> = Key::new("cart");
const LABEL: Key<u32> = Key::new("label");
const BLOB: Key<String> = Key::new("blob");
const SUM: Key<u8> = Key::new("sum");

/// How many requests meet where they are told to.
pub(crate) const TABS: usize = 64;

/// The header in which a request without a body says what it wants.
pub(crate) const ORDER: &str = "x-order";

/// The header that makes a middleware between session and handler fail with this status, when the handler has answered.
pub(crate) const FAIL_LATER: &str = "x-fail-later";

/// What there is to be done, and where.
pub(crate) const ROUTES: &[(&str, &str, Deed)] = &[
    ("GET", "/me", Deed::Look),
    ("POST", "/cart", Deed::Add),
    ("POST", "/login", Deed::LogIn),
    ("POST", "/callback", Deed::LogIn),
    ("POST", "/logout", Deed::LogOut),
    ("POST", "/farewell", Deed::Farewell),
    ("POST", "/renew", Deed::Renew),
    ("POST", "/label", Deed::Relabel),
    ("POST", "/blob", Deed::Fill),
    ("POST", "/blob/explained", Deed::FillOrExplain),
    ("GET", "/devices", Deed::ListDevices),
    ("POST", "/devices/end", Deed::EndDevice),
    ("POST", "/devices/end-others", Deed::EndOthers),
    ("POST", "/devices/end-all", Deed::EndAll),
];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Look,
    Add,
    LogIn,
    LogOut,
    Farewell,
    Renew,
    Relabel,
    Fill,
    FillOrExplain,
    ListDevices,
    EndDevice,
    EndOthers,
    EndAll,
}

/// What a request wants.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Order {
    /// Whose login, or which thing.
    name: String,
    /// For how long a login is remembered.
    remember: Option<u64>,
    /// How many bytes a value has.
    len: usize,
    /// Which device.
    id: String,
    /// Whether the client is no browser.
    app: bool,
    /// What follows the deed.
    then: Then,
    /// What the response has.
    status: u16,
    headers: Vec<(String, String)>,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            name: "alice".into(),
            remember: None,
            len: 0,
            id: String::new(),
            app: false,
            then: Then::Answer,
            status: 200,
            headers: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Answer,
    /// Wait at the gate.
    Wait,
    /// Wait until all tabs are here.
    Meet,
    /// Let the handler fail with the status.
    Fail,
    Panic,
}

impl Order {
    /// What a request wants, by its body or by its header.
    pub(crate) fn read(header: Option<&[u8]>, body: &[u8]) -> Self {
        let text = if body.is_empty() { header.unwrap_or(b"{}") } else { body };
        serde_json::from_slice(text).expect("a test knows what it wants")
    }

    fn answer(self, body: &Value) -> Answer {
        Answer { status: self.status, headers: self.headers, body: body.to_string() }
    }
}

/// What a handler answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Why a handler does not answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Session(SessionError),
    /// An error of its own, with this status.
    Own(u16),
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// The application. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) sessions: SessionManager,
    pub(crate) gate: Arc<Gate>,
    tabs: Arc<Barrier>,
}

impl App {
    pub(crate) fn new(sessions: SessionManager) -> Self {
        Self { sessions, gate: Arc::default(), tabs: Arc::new(Barrier::new(TABS)) }
    }

    pub(crate) async fn perform(
        &self,
        deed: Deed,
        session: &Session,
        order: Order,
    ) -> Result<Answer, Failure> {
        let body = match deed {
            Deed::Look => look(session)?,
            Deed::Add => add(session, &order)?,
            Deed::LogIn => log_in(session, &order)?,
            Deed::LogOut => log_out(session)?,
            Deed::Farewell => farewell(session, &order)?,
            Deed::Renew => renew(session)?,
            Deed::Relabel => return self.relabel(session, order).await,
            Deed::Fill => fill(session, &order)?,
            Deed::FillOrExplain => fill_or_explain(session, &order)?,
            Deed::ListDevices => list_devices(session).await?,
            Deed::EndDevice => end_device(session, &order).await?,
            Deed::EndOthers => json!({ "ended": session.end_others().await? }),
            Deed::EndAll => json!({ "ended": session.end_all().await?, "logged_out": true }),
        };
        self.follow(&order).await?;
        Ok(order.answer(&body))
    }

    /// What follows the deed.
    async fn follow(&self, order: &Order) -> Result<(), Failure> {
        match order.then {
            Then::Answer => {}
            Then::Wait => self.gate.wait().await,
            Then::Meet => {
                self.tabs.wait().await;
            }
            Then::Fail => return Err(Failure::Own(order.status)),
            // A panic without a message of its own on the terminal.
            Then::Panic => resume_unwind(Box::new("as ordered")),
        }
        Ok(())
    }

    /// Reads, and writes later what it has thought of meanwhile.
    async fn relabel(&self, session: &Session, order: Order) -> Result<Answer, Failure> {
        let label = session.get(LABEL)?.unwrap_or_default();
        self.follow(&order).await?;
        session.insert(LABEL, label + 1)?;
        drain(session, &order)?;
        Ok(order.answer(&json!({})))
    }
}

fn look(session: &Session) -> Result<Value, SessionError> {
    Ok(json!({
        "subject": session.subject(),
        "id": session.id().map(|id| id.to_string()),
        "cart": session.get(CART)?.unwrap_or_default(),
        "label": session.get(LABEL)?,
        "blob": session.get(BLOB)?.map(|blob| blob.len()),
        "sum": session.get(SUM)?,
    }))
}

fn add(session: &Session, order: &Order) -> Result<Value, SessionError> {
    let item = order.name.clone();
    let count = session.update(CART, move |cart| {
        cart.push(item.clone());
        cart.len()
    })?;
    drain(session, order)?;
    Ok(json!({ "count": count }))
}

/// A real application would ask for a proof first.
fn log_in(session: &Session, order: &Order) -> Result<Value, SessionError> {
    session.log_in(&order.name)?;
    if let Some(seconds) = order.remember {
        session.remember(Duration::from_secs(seconds))?;
    }
    drain(session, order)?;
    Ok(json!({}))
}

/// Who is no browser gets a bearer token where there was no token before.
fn drain(session: &Session, order: &Order) -> Result<(), SessionError> {
    if order.app && session.is_new() { session.issue_bearer() } else { Ok(()) }
}

fn log_out(session: &Session) -> Result<Value, SessionError> {
    session.log_out()?;
    Ok(json!({ "logged_out": true }))
}

/// What is written after a logout belongs to a new session.
fn farewell(session: &Session, order: &Order) -> Result<Value, SessionError> {
    session.log_out()?;
    add(session, order)
}

fn renew(session: &Session) -> Result<Value, SessionError> {
    session.renew()?;
    Ok(json!({}))
}

fn fill(session: &Session, order: &Order) -> Result<Value, SessionError> {
    session.insert(BLOB, "x".repeat(order.len))?;
    drain(session, order)?;
    Ok(json!({}))
}

/// The error has the sizes, for a handler that wants to tell them.
fn fill_or_explain(session: &Session, order: &Order) -> Result<Value, SessionError> {
    fill(session, order).or_else(|error| match error.kind() {
        SessionErrorKind::TooLarge { size, limit } => Ok(json!({ "size": size, "limit": limit })),
        _ => Err(error),
    })
}

async fn list_devices(session: &Session) -> Result<Value, SessionError> {
    let devices: Vec<_> = session.sessions().await?.iter().map(|info| info.id().to_string()).collect();
    Ok(json!({ "devices": devices }))
}

async fn end_device(session: &Session, order: &Order) -> Result<Value, SessionError> {
    let id = order.id.parse().expect("a test knows its devices");
    Ok(json!({ "ended": session.end(id).await? }))
}

/// What a handler shows that asks for a session only if there is one.
pub(crate) fn glance(session: Option<&Session>) -> Answer {
    let subject = session.map(Session::subject);
    let body = json!({ "live": session.is_some(), "subject": subject });
    Answer { status: 200, headers: Vec::new(), body: body.to_string() }
}

/// What a handler shows that asks for its session several times.
pub(crate) fn compare(one: &Session, two: &Session, three: Option<&Session>) -> Answer {
    let alike = one.id() == two.id() && three.is_none_or(|three| three.id() == one.id());
    Answer { status: 200, headers: Vec::new(), body: json!({ "alike": alike }).to_string() }
}

/// What a handler shows that does not ask.
pub(crate) fn plain() -> Answer {
    Answer { status: 200, headers: Vec::new(), body: "{}".into() }
}

/// Asks a connection that has left HTTP whether its user is still logged in: 1 if so, else 0.
pub(crate) const LOOK: u8 = 0;

/// Asks such a connection to give the client a new token, which it cannot.
pub(crate) const RENEW: u8 = 200;

/// What a connection that has left HTTP answers to each byte: the sum so far, which the session keeps, or 255 where it
/// cannot be kept because the client would need a new token.
pub(crate) async fn sum_up(session: &Session, byte: u8) -> u8 {
    match byte {
        LOOK => {
            let status = session.reload().await.unwrap();
            assert_eq!(status == SessionStatus::Live, session.subject().is_some(), "{status:?}");
            return u8::from(status == SessionStatus::Live);
        }
        RENEW => {
            session.renew().unwrap();
            assert_eq!(session.save().await.unwrap_err().kind(), SessionErrorKind::TokenUndeliverable);
            return u8::MAX;
        }
        _ => {}
    }
    let sum = session.update(SUM, move |sum| {
        *sum = sum.wrapping_add(byte);
        *sum
    });
    match session.save().await {
        Ok(()) => sum.unwrap(),
        Err(error) => {
            assert_eq!(error.kind(), SessionErrorKind::TokenUndeliverable);
            u8::MAX
        }
    }
}
