//! What a session takes in the server's memory.

use tokio::runtime::Runtime;

use crate::{managed, payload::Payload, rig::RedisServer, visitors::start};
use cloakroom::store::RedisStore;

const SESSIONS: usize = 100_000;

/// Prints it for each payload, beside the same JSON under a bare key; anonymous sessions, without a subject's page.
#[expect(clippy::print_stdout, reason = "that is what this is for")]
pub(crate) fn print() {
    println!("| payload | bytes of JSON | bare key | session |");
    println!("| --- | ---: | ---: | ---: |");
    for payload in Payload::ALL {
        let text = payload.text().0;
        let (bare, session) = (bare(&text), session(payload));
        println!("| {} | {} | {bare} | {session} |", payload.name(), text.len());
    }
}

fn bare(text: &[u8]) -> usize {
    let server = RedisServer::start();
    let empty = used(&server);
    let mut connection = server.client().get_connection().expect("it connects");
    for n in 0..SESSIONS {
        // As long as a session's key, and with an expiry as a session's.
        let key = format!("cloakroom:{n:032}");
        redis::cmd("SET").arg(key).arg(text).arg("EX").arg(86_400).exec(&mut connection).expect("it answers");
    }
    (used(&server) - empty) / SESSIONS
}

fn session(payload: Payload) -> usize {
    let server = RedisServer::start();
    let empty = used(&server);
    let manager = managed(&RedisStore::from_url(&server.url()).expect("it is a URL"));
    Runtime::new().expect("there is a runtime").block_on(async {
        for _ in 0..SESSIONS {
            start(&manager, &payload.values()).await;
        }
    });
    (used(&server) - empty) / SESSIONS
}

fn used(server: &RedisServer) -> usize {
    server.info("used_memory").expect("the server tells").trim().parse().expect("it is a number")
}
