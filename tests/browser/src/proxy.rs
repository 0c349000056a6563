//! A round-robin proxy: each request goes to the next server that lives, as behind the plainest of load balancers.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _, copy},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A running proxy. Its thread ends with the test's process.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: String,
}

impl Proxy {
    /// A proxy before the servers at these addresses.
    pub(crate) fn before(servers: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let servers: Arc<[SocketAddr]> = servers.into();
        thread::spawn(move || {
            for (turn, client) in listener.incoming().flatten().enumerate() {
                let servers = Arc::clone(&servers);
                // A client that goes away is no concern of the others.
                thread::spawn(move || drop(forward(client, &servers, turn)));
            }
        });
        Self { address }
    }

    /// Where it listens, as a URL without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Passes one request on and its response back. Both connections end with it, so that the next request has its turn.
fn forward(client: TcpStream, servers: &[SocketAddr], turn: usize) -> std::io::Result<()> {
    let mut request = BufReader::new(client.try_clone()?);
    let (head, body_len) = read_head(&mut request)?;
    if head.is_empty() {
        return Ok(());
    }
    let mut upstream = connect(servers, turn)?;
    upstream.write_all(head.as_bytes())?;
    copy(&mut request.take(body_len), &mut upstream)?;
    copy(&mut upstream, &mut { client })?;
    Ok(())
}

/// The server whose turn it is, or else the next that answers at all.
fn connect(servers: &[SocketAddr], turn: usize) -> std::io::Result<TcpStream> {
    let (later, first) = servers.split_at(turn % servers.len());
    TcpStream::connect([first, later].concat().as_slice())
}

/// The head of a request, made to be the last of its connection, and the length of its body.
fn read_head(request: &mut impl BufRead) -> std::io::Result<(String, u64)> {
    let (mut head, mut body_len, mut line) = (String::new(), 0, String::new());
    while request.read_line(&mut line)? > 0 && line != "\r\n" {
        let lower = line.to_ascii_lowercase();
        if let Some(len) = lower.strip_prefix("content-length:") {
            body_len = len.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
        line.clear();
    }
    if !head.is_empty() {
        head.push_str("connection: close\r\n\r\n");
    }
    Ok((head, body_len))
}
