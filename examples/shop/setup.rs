//! What the shop is started with, whatever web framework serves it: its settings and the rules of its sessions.

use std::{
    env, fs,
    io::{self, ErrorKind, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use cloakroom::{SessionManager, config::Config};

/// The rules of the sessions, and where they live. Browsers return a `Secure` cookie only over HTTPS, and this shop speaks
/// plain HTTP on the loopback address, so its cookie is none; behind HTTPS leave the whole `cookie` out.
const DEFAULT: &str = include_str!("sessions.json");

/// The sessions of the shop, as the file in `SESSION_CONFIG` describes them; `SESSION_STORE` says where they live instead.
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

/// What to do when nobody can listen there.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use; set PORT to another one, or to 0 for any free port")
        }
        _ => format!("cannot listen on port {port}: {error}; set PORT to another one"),
    }
}

/// Says where the shop is. If nobody reads standard output, it serves all the same.
pub(crate) fn announce(address: SocketAddr, lives_in: &str) {
    let _ = writeln!(io::stdout(), "cloakroom shop: http://{address}  (sessions live in: {lives_in})");
}

/// How the program ends.
pub(crate) fn ended(outcome: Result<(), String>) -> ExitCode {
    let Err(problem) = outcome else { return ExitCode::SUCCESS };
    // Nothing is left to tell it to if standard error is closed.
    let _ = writeln!(io::stderr(), "cloakroom shop: {problem}");
    ExitCode::from(2)
}
