//! A pooler before a PostgreSQL: [`PgBouncer`].

use std::net::SocketAddr;

use super::{
    folder::Folder,
    port::Port,
    postgres_programs::{give_away, unprivileged},
    process::Process,
    wait::until,
};

/// A PgBouncer in transaction mode: each transaction of a client may run on another connection to the server.
#[derive(Debug)]
pub(crate) struct PgBouncer {
    process: Process,
    _folder: Folder,
    port: Port,
}

impl PgBouncer {
    /// Starts it, with so many connections to the server, and returns when it listens.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start; the message shows what it wrote.
    #[track_caller]
    pub(crate) fn before(server: SocketAddr, connections: usize) -> Self {
        let (folder, port) = (Folder::in_memory(), Port::reserve());
        give_away(folder.path());
        let [host, number] = [server.ip().to_string(), server.port().to_string()];
        let users = folder.write("users", "\"postgres\" \"\"\n");
        let settings = format!(
            "[databases]\n* = host={host} port={number}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 100\n",
            port.number(),
            users.display(),
        );
        let settings = folder.write("pgbouncer.ini", &settings);
        let mut words = unprivileged("pgbouncer".as_ref());
        words.push(settings.display().to_string());
        let mut process = Process::start(&words[0], &words[1..], &folder);
        until("pgbouncer listens", || {
            assert!(process.ended().is_none(), "pgbouncer ended:\n{}", process.log());
            std::net::TcpStream::connect(port.address()).is_ok()
        });
        Self { process, _folder: folder, port }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL of the database behind it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.port.address())
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}
