//! What a scenario is played on: one combination, served, with a clock of its own and devices that visit it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cloakroom::{
    SessionManager, SessionStore as _, Transport as Way,
    store::{Guarantees, Revocation, Updates},
    time::{ManualClock, Timestamp},
};
use tokio::task::JoinHandle;

use crate::{
    app::App,
    device::Device,
    gate::Gate,
    http::{Connection, Request, Response},
    line::Line,
    shells::Served,
    tables::{Adapter, Client, STORES, Store, Transport},
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Some moment in 2026.
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// The largest session data that the policy allows; a store may take less.
const MAX_DATA: usize = 8 * 1024;

/// What a scenario changes of the usual rules.
pub(crate) type Rules = fn(SessionManager) -> SessionManager;

/// One combination, served, with a clock of its own.
#[derive(Debug)]
pub(crate) struct Stage {
    adapter: &'static Adapter,
    transport: &'static Transport,
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    /// What lies between the engine and the store.
    pub(crate) line: Line,
    pub(crate) guarantees: Guarantees,
    /// The request headers that the transports read.
    pub(crate) vary: Vec<&'static str>,
    app: App,
    served: Served,
}

impl Stage {
    pub(crate) async fn set(
        adapter: &'static Adapter,
        store: &Store,
        transport: &'static Transport,
        rules: Rules,
    ) -> Self {
        let (line, clock) = (Line::to((store.open)()), Arc::new(ManualClock::new(START)));
        let sessions = SessionManager::new(line.clone())
            .idle_timeout(30 * MINUTE)
            .absolute_timeout(12 * HOUR)
            .max_data(MAX_DATA)
            // A loaded machine is slow, and no scenario waits for this.
            .store_timeout(MINUTE)
            .allow_cross_site("/callback")
            .transports((transport.ways)())
            .clock(Arc::clone(&clock));
        let app = App::new(rules(sessions));
        Self {
            adapter,
            transport,
            client: transport.client,
            guarantees: line.guarantees(),
            vary: (transport.ways)().iter().map(request_header).collect(),
            served: (adapter.serve)(app.clone()),
            line,
            clock,
            app,
        }
    }

    /// Genuine tokens of other servers, one of each store of the table.
    pub(crate) async fn foreign_tokens(&self) -> Vec<String> {
        let mut tokens = Vec::new();
        for store in STORES {
            let elsewhere = Self::set(self.adapter, store, self.transport, |sessions| sessions).await;
            tokens.push(elsewhere.logged_in("mallory").await.token().unwrap().to_owned());
        }
        tokens
    }

    /// A client that was never here.
    pub(crate) fn device(&self) -> Device<'_> {
        Device::new(self)
    }

    /// A client that is logged in.
    pub(crate) async fn logged_in(&self, name: &str) -> Device<'_> {
        let mut device = self.device();
        assert_eq!(device.logs_in(name).await.status, 200);
        device
    }

    /// Where handlers wait that are told to.
    pub(crate) fn gate(&self) -> &Gate {
        &self.app.gate
    }

    /// What its clients call it.
    pub(crate) fn host(&self) -> SocketAddr {
        self.served.address
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.served.address).await
    }

    /// The response to a request on a connection of its own.
    pub(crate) async fn exchange(&self, request: &Request) -> Response {
        self.begin(request.clone()).await.unwrap()
    }

    /// A request under way, on a connection of its own.
    pub(crate) fn begin(&self, request: Request) -> JoinHandle<Response> {
        let connecting = Connection::open(self.served.address);
        tokio::spawn(async move {
            let mut connection = connecting.await;
            connection.exchange(&request).await.expect("the server answers")
        })
    }

    /// Whether copies of an ended session's tokens are refused, now that some time has passed.
    pub(crate) fn revokes(&self) -> bool {
        match self.guarantees.revocation {
            Revocation::AtOnce => true,
            Revocation::Within(delay) => {
                self.clock.advance(delay);
                true
            }
            _ => false,
        }
    }

    /// Whether a token that was replaced is refused: where clients carry their sessions, it is the session as it was.
    pub(crate) fn refuses_replaced_tokens(&self) -> bool {
        self.revokes() && self.guarantees.keeps_records
    }

    pub(crate) fn loses_no_update(&self) -> bool {
        self.guarantees.updates == Updates::NeverLost
    }

    /// The largest session data.
    pub(crate) fn max_data(&self) -> usize {
        self.guarantees.max_data.map_or(MAX_DATA, |limit| limit.min(MAX_DATA))
    }
}

/// The request header that such tokens come in.
fn request_header(way: &Way) -> &'static str {
    match way {
        Way::Cookie(_) => "Cookie",
        _ => "authorization",
    }
}
