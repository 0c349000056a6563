//! The application in the shell of each framework, served on a free port.
//!
//! A shell routes, extracts and answers; what is done stands in `app`.

pub(crate) mod actix;
pub(crate) mod axum;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::task::JoinHandle;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A free port of this machine.
fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
