//! What a request puts on the wires: bytes of headers to and from the client, commands and bytes to and from Redis.
//!
//! Bytes of a header are those of its line in HTTP/1.1: the name, a colon, a space, the value, an end of line.

use cloakroom::{
    ResponseHeaders, Session, SessionManager,
    store::{MemoryStore, RedisStore},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    carried, line, managed,
    payload::Payload,
    read,
    rig::{Proxy, RedisServer},
    update,
    visitors::{serve, start},
};

pub(crate) fn print() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let in_redis = RedisStore::from_url(&proxy.url()).expect("it is a URL");
    for payload in Payload::ALL {
        headers(&runtime, "memory", &managed(MemoryStore::new()), payload);
        for (name, manager) in carried() {
            headers(&runtime, name, &manager, payload);
        }
        let manager = managed(in_redis.clone());
        headers(&runtime, "Redis", &manager, payload);
        wire(&runtime, &proxy, &manager, payload);
    }
}

/// Headers of the request, and of the responses to one that reads and one that writes.
fn headers(runtime: &Runtime, store: &str, manager: &SessionManager, payload: Payload) {
    let (cookies, _) = runtime.block_on(start(manager, &payload.values()));
    line("request_header_bytes", store, payload, 1, count(line_length("cookie", cookies.len())));
    let response = |quantity: &str, handler: fn(&Session) -> u32| {
        let mut answer = Answer::default();
        runtime.block_on(serve(manager, &cookies, handler)).1.apply(&mut answer);
        line(quantity, store, payload, 1, count(answer.bytes));
    };
    response("response_header_bytes_read", read);
    response("response_header_bytes_write", update);
}

/// Commands and bytes between server and Redis.
fn wire(runtime: &Runtime, proxy: &Proxy, manager: &SessionManager, payload: Payload) {
    let (cookies, _) = runtime.block_on(start(manager, &payload.values()));
    for (work, handler) in [("read", read as fn(&Session) -> u32), ("write", update)] {
        // The first one may have to tell the server a script.
        runtime.block_on(serve(manager, &cookies, handler));
        proxy.reset();
        runtime.block_on(serve(manager, &cookies, handler));
        let seen: Vec<_> = proxy.seen().into_iter().filter(|seen| !seen.command.is_setup()).collect();
        let figure = |name: &str, value: usize| {
            line(&format!("redis_{name}_{work}"), "Redis", payload, 1, count(value));
        };
        figure("commands", seen.len());
        figure("request_bytes", seen.iter().map(|seen| seen.request_bytes).sum());
        figure("reply_bytes", seen.iter().map(|seen| seen.reply_bytes).sum());
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("it is small"))
}

fn line_length(name: &str, value: usize) -> usize {
    name.len() + ": ".len() + value + "\r\n".len()
}

/// The headers of a response, of which only the length matters.
#[derive(Default)]
struct Answer {
    bytes: usize,
}

impl ResponseHeaders for Answer {
    fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}

    fn set(&mut self, name: &str, value: &str) {
        self.append(name, value);
    }

    fn append(&mut self, name: &str, value: &str) {
        self.bytes += line_length(name, value.len());
    }
}
