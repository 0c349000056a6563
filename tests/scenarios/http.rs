//! A small HTTP/1.1 client, so that a test says exactly which bytes are sent and sees exactly what comes back.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// No answer takes that long; a test that would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(self, body: &Value) -> Self {
        Self { body: body.to_string().into(), ..self }
    }

    fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if !self.body.is_empty() {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The only value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} stands more than once: {values:?}");
        values.first().copied()
    }

    /// Every value of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A member of the body's JSON object; `Null` where there is none.
    pub(crate) fn says(&self, member: &str) -> Value {
        serde_json::from_slice::<Value>(&self.body).map_or(Value::Null, |body| body[member].clone())
    }
}

/// One connection, kept alive from request to request.
#[derive(Debug)]
pub(crate) struct Connection {
    server: SocketAddr,
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { server, stream, read: Vec::new() }
    }

    /// Sends a request and waits for nothing.
    pub(crate) async fn send(&mut self, request: &Request) -> io::Result<()> {
        self.stream.write_all(&request.bytes(self.server)).await
    }

    /// The response to a request; `None` where the server closes the connection instead.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Option<Response> {
        self.send(request).await.ok()?;
        let (status, headers) = self.head().await?;
        let mut response = Response { status, headers, body: Vec::new() };
        let has_no_body = request.method == "HEAD" || matches!(status, 101 | 204 | 304);
        if !has_no_body {
            response.body = self.body(&response).await?;
        }
        Some(response)
    }

    /// One byte there, one byte back: for a connection that has left HTTP.
    pub(crate) async fn echo(&mut self, byte: u8) -> u8 {
        self.stream.write_all(&[byte]).await.unwrap();
        self.take(1).await.unwrap()[0]
    }

    async fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let head = self.through(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some((status, headers.collect()))
    }

    async fn body(&mut self, response: &Response) -> Option<Vec<u8>> {
        if response.header("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        let length = response.header("content-length").expect("a body has a length");
        self.take(length.parse().unwrap()).await
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.through(b"\r\n").await?;
            let length = std::str::from_utf8(&line).unwrap().trim_end();
            let length = usize::from_str_radix(length, 16).unwrap();
            body.extend(self.take(length).await?);
            self.through(b"\r\n").await?;
            if length == 0 {
                return Some(body);
            }
        }
    }

    /// Everything up to and with `end`.
    async fn through(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                return Some(self.read.drain(..at + end.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            self.more().await?;
        }
        Some(self.read.drain(..count).collect())
    }

    /// `None` at the end, however it came.
    async fn more(&mut self) -> Option<()> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        match read.expect("the server answers") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}
