//! Requests of one's own and of other sites: from a real browser, and behind a real nginx over plain HTTP, where only `Origin` and `Host`
//! tell them apart.
//!
//! They need nginx and Chromium, so `scripts/test` runs them: `cargo test -p cloakroom-tests --test sites -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod browser;
#[path = "../rig/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
#[path = "../rig/port.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod port;
#[path = "../rig/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "../rig/wait.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wait;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use actix_web::{App, HttpServer, web};
use axum::{Router, routing::post};
use cloakroom::{
    Cookie, Session, SessionError, SessionManager, actix::SessionMiddleware, store::MemoryStore,
    tower::SessionLayer,
};
use folder::Folder;
use port::Port;
use process::Process;
use wait::until;

async fn log_in(session: Session) -> Result<&'static str, SessionError> {
    session.log_in("alice").map(|()| "welcome")
}

/// Serves a login; the thread ends with the test.
type Serve = fn(SessionManager) -> SocketAddr;

const ADAPTERS: [(&str, Serve); 2] = [("axum", with_axum), ("actix", with_actix)];

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn with_axum(sessions: SessionManager) -> SocketAddr {
    serve_axum(Router::new().route("/login", post(log_in)).layer(SessionLayer::new(sessions)))
}

fn serve_axum(app: Router) -> SocketAddr {
    let (listener, address) = listener();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    address
}

fn with_actix(sessions: SessionManager) -> SocketAddr {
    let (listener, address) = listener();
    thread::spawn(|| {
        let server = HttpServer::new(move || {
            App::new().wrap(SessionMiddleware::new(sessions.clone())).route("/login", web::post().to(log_in))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server).unwrap();
    });
    address
}

/// What nginx passes as `Host`, or nothing where it is left to its default, which is the address of the server behind it.
const HOSTS: [&str; 4] = ["", "$http_host", "$host:$server_port", "$host:80"];

/// A running nginx with a port for each of [`HOSTS`].
struct Nginx {
    // First, since fields are dropped in order and the folder is the process's.
    _process: Process,
    _folder: Folder,
    ports: [Port; 4],
}

impl Nginx {
    fn before(server: SocketAddr) -> Self {
        let (folder, ports) = (Folder::in_memory(), HOSTS.map(|_| Port::reserve()));
        let file = folder.write("nginx.conf", &configuration(server, &ports, &folder));
        let options = "daemon off; master_process off; error_log stderr; pid nginx.pid;";
        let words = ["-e", "stderr", "-g", options, "-p"].map(std::ffi::OsStr::new);
        let places = [folder.path().as_os_str(), "-c".as_ref(), file.as_os_str()];
        let mut process = Process::start("nginx", words.into_iter().chain(places), &folder);
        until("nginx listens", || {
            assert!(process.ended().is_none(), "nginx ended:\n{}", process.log());
            ports.iter().all(|port| TcpStream::connect(port.address()).is_ok())
        });
        Self { _process: process, _folder: folder, ports }
    }

    /// The status of a login that a browser posts through the nginx that passes this `Host`.
    fn log_in(&self, passed: &str, url: &str, headers: &[(&str, &str)]) -> u16 {
        let at = HOSTS.iter().position(|host| *host == passed).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {url}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n"
        );
        let mut stream = TcpStream::connect(self.ports[at].address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn configuration(server: SocketAddr, ports: &[Port; 4], folder: &Folder) -> String {
    let place = folder.path().display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds.iter().map(|kind| format!("{kind}_temp_path {place}/{kind};\n")).collect();
    let servers = HOSTS.iter().zip(ports).map(|(host, port)| {
        let header = if host.is_empty() { String::new() } else { format!("proxy_set_header Host {host};") };
        let address = port.address();
        format!("server {{ listen {address}; location / {{ proxy_pass http://{server}; {header} }} }}\n")
    });
    let servers: String = servers.collect();
    format!("events {{}}\nhttp {{\naccess_log off;\n{places}{servers}}}\n")
}

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new()).cookie(Cookie::insecure_for_local_development("session"))
}

const OWN: &[(&str, &str)] = &[("Origin", "http://shop.example")];
const EVIL: &[(&str, &str)] = &[("Origin", "http://evil.example")];

#[test]
#[ignore = "needs nginx: scripts/test runs it"]
fn a_proxy_that_passes_the_browsers_host_needs_no_settings() {
    for (adapter, serve) in ADAPTERS {
        let nginx = Nginx::before(serve(sessions()));
        for host in ["$http_host", "$host:80"] {
            assert_eq!(nginx.log_in(host, "shop.example", OWN), 200, "{adapter} {host}");
            assert_eq!(nginx.log_in(host, "shop.example", EVIL), 403, "{adapter} {host}");
        }
        let port = nginx.ports[2].address().port();
        let (url, origin) = (format!("shop.example:{port}"), format!("http://shop.example:{port}"));
        let status = nginx.log_in("$host:$server_port", &url, &[("Origin", &origin)]);
        assert_eq!(status, 200, "{adapter}: browsers use the port that nginx has");
    }
}

#[test]
#[ignore = "needs nginx: scripts/test runs it"]
fn a_proxy_that_changes_the_host_needs_a_trusted_origin() {
    for (adapter, serve) in ADAPTERS {
        let strict = Nginx::before(serve(sessions()));
        let trusting = Nginx::before(serve(sessions().trusted_origins(["http://shop.example"])));
        for host in ["", "$host:$server_port"] {
            assert_eq!(strict.log_in(host, "shop.example", OWN), 403, "{adapter} {host:?}");
            assert_eq!(trusting.log_in(host, "shop.example", OWN), 200, "{adapter} {host:?}");
            assert_eq!(trusting.log_in(host, "shop.example", EVIL), 403, "{adapter} {host:?}");
            let opaque = &[("Origin", "null")];
            assert_eq!(trusting.log_in(host, "shop.example", opaque), 403, "{adapter} {host:?}");
        }
    }
}

#[test]
#[ignore = "needs nginx: scripts/test runs it"]
fn a_browser_that_says_where_its_request_comes_from_needs_no_host() {
    for (adapter, serve) in ADAPTERS {
        let nginx = Nginx::before(serve(sessions()));
        for host in HOSTS {
            let with = |site| [OWN[0], ("Sec-Fetch-Site", site)];
            assert_eq!(nginx.log_in(host, "shop.example", &with("same-origin")), 200, "{adapter} {host:?}");
            assert_eq!(nginx.log_in(host, "shop.example", &with("cross-site")), 403, "{adapter} {host:?}");
        }
    }
}
