//! Proxies with their default settings, or with those that `docs/deployment.md` gives for longer tokens.

use std::{
    ffi::OsStr,
    net::{SocketAddr, TcpStream},
};

use crate::{folder::Folder, port::Port, process::Process, wait::until};

const DOCS: &str = include_str!("../../docs/deployment.md");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    Nginx,
}

impl Kind {
    /// The settings that let longer tokens pass.
    fn settings(self) -> &'static str {
        let settings = match self {
            Self::Nginx => {
                "proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_busy_buffers_size 32k; large_client_header_buffers 4 16k;"
            }
            Self::HaProxy => "tune.bufsize 32768",
        };
        assert!(settings.split_inclusive(';').all(|line| DOCS.contains(line.trim())), "{settings}");
        settings
    }
}

/// A running proxy before one server. Dropped, it is killed.
pub(crate) struct Proxy {
    // First, since fields are dropped in order and the folder is the process's.
    _process: Process,
    _folder: Folder,
    port: Port,
    pub(crate) kind: Kind,
}

impl Proxy {
    pub(crate) fn start(kind: Kind, server: SocketAddr, for_longer_tokens: bool) -> Self {
        let (folder, port) = (Folder::in_memory(), Port::reserve());
        let settings = if for_longer_tokens { kind.settings() } else { "" };
        let mut process = match kind {
            Kind::Nginx => nginx(&folder, port.address(), server, settings),
            Kind::HaProxy => haproxy(&folder, port.address(), server, settings),
        };
        until("the proxy listens", || {
            assert!(process.ended().is_none(), "{kind:?} ended:\n{}", process.log());
            TcpStream::connect(port.address()).is_ok()
        });
        Self { _process: process, _folder: folder, port, kind }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

fn nginx(folder: &Folder, own: SocketAddr, server: SocketAddr, settings: &str) -> Process {
    let place = folder.path().display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds.iter().map(|kind| format!("{kind}_temp_path {place}/{kind};\n")).collect();
    let text = format!(
        "events {{}}\nhttp {{\naccess_log off;\n{places}{settings}\nserver {{\nlisten {own};\n\
         location / {{\nproxy_pass http://{server};\n}}\n}}\n}}\n"
    );
    let file = folder.write("nginx.conf", &text);
    let options = "daemon off; master_process off; error_log stderr; pid nginx.pid;";
    let words = ["-e", "stderr", "-g", options, "-p"].map(OsStr::new);
    let places = [folder.path().as_os_str(), "-c".as_ref(), file.as_os_str()];
    Process::start("nginx", words.into_iter().chain(places), folder)
}

fn haproxy(folder: &Folder, own: SocketAddr, server: SocketAddr, settings: &str) -> Process {
    let text = format!(
        "global\n    {settings}\ndefaults\n    mode http\n    timeout connect 2s\n    timeout client 30s\n    \
         timeout server 30s\nfrontend entrance\n    bind {own}\n    default_backend app\nbackend app\n    \
         server one {server}\n"
    );
    let file = folder.write("haproxy.cfg", &text);
    Process::start("haproxy", ["-db".as_ref(), "-f".as_ref(), file.as_os_str()], folder)
}
