//! Load balancers, with the configurations that the documentation has.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use crate::{client::Client, folder::Folder, node::NAMES, port::Port, process::Process, wait::until};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    Nginx,
}

/// A running load balancer. Dropped, it is killed.
pub(crate) struct Balancer {
    // First, since fields are dropped in order and the folder is the process's.
    _process: Process,
    folder: Folder,
    kind: Kind,
    port: Port,
    servers: [SocketAddr; 2],
}

impl Balancer {
    /// Starts it before these two servers.
    pub(crate) fn start(kind: Kind, servers: [SocketAddr; 2]) -> Self {
        let (folder, port) = (Folder::in_memory(), Port::reserve());
        let addresses = [port.address(), servers[0], servers[1]];
        let mut process = match kind {
            Kind::HaProxy => {
                let text = include_str!("../../docs/haproxy.cfg");
                let file = folder.write("haproxy.cfg", &with_addresses(text, addresses));
                Process::start("haproxy", ["-db".as_ref(), "-f".as_ref(), file.as_os_str()], &folder)
            }
            Kind::Nginx => {
                let file = folder.write("nginx.conf", &nginx_conf(addresses, &folder));
                let options = "daemon off; master_process off; error_log stderr; pid nginx.pid;";
                let words = ["-e", "stderr", "-g", options, "-p"].map(std::ffi::OsStr::new);
                let places = [folder.path().as_os_str(), "-c".as_ref(), file.as_os_str()];
                Process::start("nginx", words.into_iter().chain(places), &folder)
            }
        };
        until("the load balancer listens", || {
            assert!(process.ended().is_none(), "{kind:?} ended:\n{}", process.log());
            TcpStream::connect(port.address()).is_ok()
        });
        Self { _process: process, folder, kind, port, servers }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Returns when no request is sent to this server any more, which is about to end. HAProxy finds that out by itself.
    pub(crate) fn does_without(&self, server: usize) {
        if self.kind == Kind::Nginx {
            self.tell_nginx(|text| {
                let address = format!("server {}", self.servers[server]);
                text.replace(&address, &format!("{address} down"))
            });
        }
        until("the server is left alone", || !self.believes_in(server));
    }

    /// Returns when requests that name this server are sent there again.
    pub(crate) fn does_with(&self, server: usize) {
        if self.kind == Kind::Nginx {
            self.tell_nginx(str::to_owned);
        }
        until("the server is found again", || self.believes_in(server));
    }

    /// Changes its configuration, and tells it so.
    fn tell_nginx(&self, change: impl FnOnce(&str) -> String) {
        let addresses = [self.address(), self.servers[0], self.servers[1]];
        self.folder.write("nginx.conf", &change(&nginx_conf(addresses, &self.folder)));
        let id = std::fs::read_to_string(self.folder.join("nginx.pid")).unwrap();
        assert!(Command::new("kill").args(["-HUP", id.trim()]).status().unwrap().success());
    }

    /// Whether it sends requests that name this server there.
    fn believes_in(&self, server: usize) -> bool {
        let mut client = Client::new(self.address());
        client.cookie = Some(format!("{}.{}", "0".repeat(64), NAMES[server]));
        client.get("/").server == NAMES[server]
    }
}

/// The documented text with the addresses of this test.
fn with_addresses(text: &str, addresses: [SocketAddr; 3]) -> String {
    let documented = ["127.0.0.1:8080", "127.0.0.1:3001", "127.0.0.1:3002"];
    documented.into_iter().zip(addresses).fold(text.to_owned(), |text, (documented, real)| {
        assert!(text.contains(documented), "{documented}");
        text.replace(documented, &real.to_string())
    })
}

/// The documented configuration of nginx, for one that writes nowhere else.
fn nginx_conf(addresses: [SocketAddr; 3], folder: &Folder) -> String {
    let text = with_addresses(include_str!("../../docs/nginx.conf"), addresses);
    let place = folder.path().display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds.iter().map(|kind| format!("    {kind}_temp_path {place}/{kind};\n")).collect();
    text.replacen("http {\n", &format!("http {{\n    access_log off;\n{places}"), 1)
}
