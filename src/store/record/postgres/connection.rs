//! One connection, and its end: [`Connection`].

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::sync::{OnceCell, oneshot};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Error, SimpleQueryMessage, Socket, Statement as Prepared,
    tls::{MakeTlsConnect, TlsConnect, TlsStream},
    types::{ToSql, Type},
};
use tracing::debug;

use super::{
    super::{
        announcements::Announcements,
        sql::{Row, Statement, Value},
    },
    error::CallError,
    parameters,
};

/// How long a connection that is no longer used may take to end by itself, and then to have its statement cancelled.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection on which any number of statements are under way at once. The server executes them in their order.
pub(super) struct Connection {
    client: Client,
    prepared: [OnceCell<Prepared>; Statement::COUNT],
    /// How many answers have come.
    answers: AtomicU64,
    /// When it is dropped, the task that drives the connection ends. A connection of the application is driven by it.
    _in_use: Option<oneshot::Sender<()>>,
}

impl Connection {
    pub(super) fn new(client: Client, in_use: Option<oneshot::Sender<()>>) -> Self {
        let prepared = std::array::from_fn(|_| OnceCell::new());
        Self { client, prepared, answers: AtomicU64::new(0), _in_use: in_use }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// How many answers have come: as long as there are more, the connection is not silent.
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Runs a statement, in one round trip. With names there is another one where it is run for the first time.
    pub(super) async fn run(
        &self,
        statement: Statement,
        text: &str,
        is_named: bool,
        arguments: &[Value],
    ) -> Result<Vec<Row>, CallError> {
        let types = parameters::types(statement);
        let rows = if is_named {
            let prepare = async || self.client.prepare_typed(text, types).await;
            match self.prepared[statement as usize].get_or_try_init(prepare).await {
                Ok(prepared) => {
                    let arguments: Vec<_> = arguments.iter().map(as_parameter).collect();
                    self.client.query(prepared, &arguments).await
                }
                Err(error) => Err(error),
            }
        } else {
            let arguments: Vec<(_, Type)> =
                arguments.iter().map(as_parameter).zip(types.iter().cloned()).collect();
            self.client.query_typed(text, &arguments).await
        };
        self.answers.fetch_add(1, Ordering::Relaxed);
        rows?.iter().map(|row| parameters::columns(row).ok_or_else(CallError::other_table)).collect()
    }

    /// Runs statements that have neither arguments nor rows.
    pub(super) async fn run_script(&self, script: &str) -> Result<(), CallError> {
        let done = self.client.batch_execute(script).await;
        self.answers.fetch_add(1, Ordering::Relaxed);
        Ok(done?)
    }

    /// Runs statements that have no arguments; whether the last one returns a row. What the server refuses returns none.
    pub(super) async fn finds(&self, script: &str) -> Result<bool, CallError> {
        match self.client.simple_query(script).await {
            Ok(messages) => Ok(messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_)))),
            Err(error) if error.as_db_error().is_some() && !self.is_closed() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Passes on the changes that are announced on a connection.
pub(super) struct Told {
    pub(super) announcements: Arc<Announcements>,
    /// The number of the connection.
    pub(super) connection: u64,
}

impl Told {
    fn changed(&self, payload: &str) {
        // Without an ID, or with what is none, any session may have changed.
        self.announcements.changed(self.connection, payload.parse().ok().as_ref());
    }
}

fn as_parameter(value: &Value) -> &(dyn ToSql + Sync) {
    value
}

/// Drives a connection until it ends. What is announced is passed on before any later answer.
async fn pass_messages<S: TlsStream + Unpin>(
    mut connection: tokio_postgres::Connection<Socket, S>,
    told: Option<Told>,
) -> Result<(), Error> {
    let ended = loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(notification))) => {
                if let Some(told) = &told {
                    told.changed(notification.payload());
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    if let Some(told) = &told {
        told.changed("");
    }
    ended
}

/// Drives a connection until it ends, or until it is no longer used.
///
/// Then the server is asked to end what no caller waits for, such as a wait for a lock: a server does not notice that its client
/// is gone before it has something to send, and has only so many connections.
pub(super) async fn drive<S, T>(
    connection: tokio_postgres::Connection<Socket, S>,
    in_use: oneshot::Receiver<()>,
    cancel: CancelToken,
    tls: T,
    told: Option<Told>,
) where
    S: TlsStream + Unpin,
    T: MakeTlsConnect<Socket>,
    T::TlsConnect: TlsConnect<Socket>,
{
    let mut connection = pin!(pass_messages(connection, told));
    if let Either::Left((ended, _)) = select(connection.as_mut(), in_use).await {
        if let Err(error) = ended {
            debug!(error = %CallError::from(error).error, "a connection to PostgreSQL has ended");
        }
        return;
    }
    if tokio::time::timeout(FAREWELL, connection.as_mut()).await.is_err() {
        // A server that does not answer this either will find the connection closed.
        let _ = tokio::time::timeout(FAREWELL, cancel.cancel_query(tls)).await;
    }
}
