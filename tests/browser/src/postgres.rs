//! A real `postgres`, made of the same parts as the crate's rig.

use std::{fs, process::Command, thread, time::Duration};

use crate::{
    folder::Folder,
    port::Port,
    postgres_programs::{create, give_away, kill, program, run},
    process::Process,
};

/// A server. Dropped, it is killed and its folder removed.
#[derive(Debug)]
pub(crate) struct Postgres {
    process: Process,
    folder: Folder,
    port: Port,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let (folder, port) = (Folder::in_memory(), Port::reserve());
        give_away(folder.path());
        let data = folder.join("data").display().to_string();
        create(&["--pgdata", &data, "--username=postgres", "--auth=trust", "--no-sync"], "initdb");
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
             dynamic_shared_memory_type = mmap\n",
            port.number()
        );
        fs::write(folder.join("data/postgresql.auto.conf"), settings).expect("the folder is ours");
        let mut postgres = Self { process: run(&folder), folder, port };
        postgres.wait_ready();
        postgres
    }

    /// Kills it with `SIGKILL`. Its port stays reserved and its files as they are.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.process);
    }

    /// Kills it, if it still runs, and starts it on the same port with what is in its files.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = run(&self.folder);
        self.wait_ready();
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.port.address())
    }

    fn wait_ready(&mut self) {
        for _ in 0..1000 {
            assert!(self.process.ended().is_none(), "postgres ended:\n{}", self.process.log());
            if self.is_ready() {
                return;
            }
            nap();
        }
        panic!("postgres does not answer:\n{}", self.process.log());
    }

    /// While it repairs what a kill left, it answers that it is starting up.
    fn is_ready(&self) -> bool {
        let address = self.port.address();
        let [host, port] = [address.ip().to_string(), address.port().to_string()];
        let mut asks = Command::new(program("psql"));
        asks.args(["-XAtq", "-U", "postgres", "-h", &host, "-p", &port, "-c", "SELECT 1", "postgres"]);
        asks.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::disallowed_methods, reason = "a real server follows no clock of ours")]
fn nap() {
    thread::sleep(Duration::from_millis(10));
}
