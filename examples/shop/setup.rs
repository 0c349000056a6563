//! How the shop starts and ends, without a web framework: its settings, the rules of its sessions, its shutdown.

use std::{
    env, fs,
    future::pending,
    io::{self, ErrorKind, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cloakroom::{SessionManager, config::Config};
use tokio::{signal, time::sleep};

/// Where sessions are stored, and their rules. Browsers return a `Secure` cookie only over HTTPS, and this shop uses plain
/// HTTP on the loopback address, so its cookie is not `Secure`; behind HTTPS leave the whole `cookie` out.
const DEFAULT: &str = include_str!("sessions.json");

/// The sessions of the shop, as the file in `SESSION_CONFIG` describes them; `SESSION_STORE` names another store.
pub(crate) fn sessions() -> Result<SessionManager, String> {
    let text = match setting("SESSION_CONFIG") {
        None => DEFAULT.to_owned(),
        Some(path) => fs::read_to_string(&path)
            .map_err(|error| format!("SESSION_CONFIG={path} cannot be read: {error}"))?,
    };
    let mut config: Config =
        serde_json::from_str(&text).map_err(|error| format!("SESSION_CONFIG: {error}"))?;
    if let Some(url) = setting("SESSION_STORE") {
        config.store = url.parse().map_err(|error| format!("SESSION_STORE: {error}"))?;
    }
    config.manager().map_err(|error| error.to_string())
}

/// An environment variable, if it is set.
fn setting(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Where to listen: on the loopback address only, since this is a demonstration and no public server.
pub(crate) fn address() -> Result<SocketAddr, String> {
    let port = port(setting("PORT").as_deref())?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn port(setting: Option<&str>) -> Result<u16, String> {
    let Some(text) = setting else { return Ok(3000) };
    let number = text.parse();
    number.map_err(|_| format!("PORT={text:?} is no port; use a number up to 65535, or 0 for any free port"))
}

/// What to do if the port cannot be used.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use; set PORT to another one, or to 0 for any free port")
        }
        _ => format!("cannot listen on port {port}: {error}; set PORT to another one"),
    }
}

/// Prints the address of the shop. It serves even if standard output is closed.
pub(crate) fn announce(address: SocketAddr, store: &str) {
    let _ = writeln!(io::stdout(), "cloakroom shop: http://{address}  (sessions: {store})");
}

/// Most supervisors kill a process that has not ended after 30 seconds.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// How long the shop still serves after that. Load balancers check its health more often.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);

static LEAVING: AtomicBool = AtomicBool::new(false);

/// Whether load balancers should send requests to another node.
pub(crate) fn is_leaving() -> bool {
    LEAVING.load(Ordering::Relaxed)
}

/// Returns when the shop should stop serving: after ctrl-c or SIGTERM it moves the sessions that would end with it, and
/// gives load balancers time to notice, while it still serves.
#[expect(clippy::disallowed_methods, reason = "load balancers do not use our clock")]
pub(crate) async fn leave(sessions: SessionManager) {
    told_to_end().await;
    if let Err(error) = sessions.drain(DRAIN_WITHIN).await {
        complain(&format!("some sessions were not moved: {error}"));
    }
    LEAVING.store(true, Ordering::Relaxed);
    sleep(NOTICED_WITHIN).await;
}

async fn told_to_end() {
    // Without a signal there is nothing to wait for: the shop runs until it is killed.
    let interrupted = async {
        if signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = pending::<()>();
    tokio::select! { () = interrupted => {}, () = terminated => {} }
}

/// How the program ends.
pub(crate) fn ended(outcome: Result<(), String>) -> ExitCode {
    let Err(problem) = outcome else { return ExitCode::SUCCESS };
    complain(&problem);
    ExitCode::from(2)
}

fn complain(problem: &str) {
    // Nothing is left to tell it to if standard error is closed.
    let _ = writeln!(io::stderr(), "cloakroom shop: {problem}");
}
