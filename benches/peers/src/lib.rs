//! The same work done by other crates and by ours, in one process, each turn beside one of the limit's.
//!
//! | module | holds |
//! | --- | --- |
//! | `row` | what is compared with what |
//! | `rounds` | the measuring: medians over interleaved rounds |
//! | `memory` | sessions in memory, without a framework |
//! | `carried` | sessions in cookies and JSON Web Tokens |
//! | `axum_requests`, `actix_requests` | whole requests in process, no network |
//! | `in_redis` | sessions in Redis, and the commands that a request takes |
//! | `ours`, `server`, `versions` | helpers |
//!
//! `scripts/peers` runs both programs, `src/bin/count.rs` for allocations and `src/bin/peers.rs` for time: an allocator that
//! counts would cost those more who allocate more. Peers are configured as their own documentation shows.

#[path = "../../shared/least.rs"]
mod least;
#[path = "../../shared/limit.rs"]
mod limit;
#[path = "../../shared/payload.rs"]
mod payload;
#[path = "../../shared/visitors.rs"]
mod visitors;

mod actix_requests;
mod axum_requests;
mod carried;
mod in_redis;
mod memory;
mod ours;
mod server;

#[path = "../../shared/environment.rs"]
pub mod environment;
pub mod rounds;
pub mod row;
pub mod versions;

pub use in_redis::commands;

use crate::row::Row;

/// Hands every row over, one after the other: each is dropped before the next is built.
pub fn rows(wanted: &dyn Fn(&str) -> bool, each: &mut dyn FnMut(Row)) {
    let mut measure = |name: &str, build: &dyn Fn(&mut Row)| {
        if wanted(name) {
            let mut row = Row::new(name);
            build(&mut row);
            each(row);
        }
    };
    memory::rows(&mut measure);
    carried::rows(&mut measure);
    axum_requests::rows(&mut measure);
    actix_requests::rows(&mut measure);
    in_redis::rows(&mut measure);
}
