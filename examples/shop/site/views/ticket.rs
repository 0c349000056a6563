//! The session panel: a cloakroom ticket that shows where this session is stored and what its store guarantees.

use super::format::{count, duration, instant};
use crate::site::visit::Ticket;

pub(super) fn ticket(ticket: &Ticket) -> String {
    let (life, promises) = (rows(life(ticket)), rows(promises(ticket)));
    let (store, number) = (ticket.guarantees.name, number(ticket));
    format!(
        r#"<section id="session-panel" class="ticket" aria-labelledby="session-title">
<div class="stub"><h2 id="session-title">Your session</h2><p class="number">{number}</p>
<p>stored in <strong id="session-store">{store}</strong></p></div>
<dl>{life}</dl>
<dl aria-label="What {store} promises">{promises}</dl>
</section>"#
    )
}

/// The ticket's number: how its session's ID begins.
fn number(ticket: &Ticket) -> String {
    let id = ticket.id.as_deref().unwrap_or_default();
    id.get(..4).map_or_else(|| "no ticket yet".to_owned(), |start| format!("№ {start}"))
}

type Row = (&'static str, String);

/// What is true of this one session.
fn life(ticket: &Ticket) -> [Row; 5] {
    let id = ticket.id.as_deref();
    let sent = ticket.token_len.map(|bytes| count(bytes as u64, "byte"));
    [
        ("ID", id.map_or_else(|| "none, nothing is stored".to_owned(), |id| format!("<code>{id}</code>"))),
        ("Token sent", sent.unwrap_or_else(|| "none".to_owned())),
        ("Idle timeout", duration(ticket.idle_timeout)),
        ("Absolute timeout", duration(ticket.absolute_timeout)),
        ("Expires", ticket.expires_at.map_or_else(|| "—".to_owned(), instant)),
    ]
}

/// What its store guarantees.
fn promises(ticket: &Ticket) -> [Row; 9] {
    let store = &ticket.guarantees;
    let restart = if store.survives_restart { "yes" } else { "no" };
    let largest = store.max_data.map(|bytes| count(bytes as u64, "byte"));
    [
        ("The token is", store.token.to_string()),
        ("Ending takes effect", store.revocation.to_string()),
        ("Survives a restart", restart.to_owned()),
        ("Known to", store.scope.to_string()),
        ("Concurrent changes", store.updates.to_string()),
        ("Changes are durable", store.durability.to_string()),
        ("Late responses", store.response_reordering.to_string()),
        ("Devices it lists", store.index.to_string()),
        ("Largest session", largest.unwrap_or_else(|| "no limit of its own".to_owned())),
    ]
}

fn rows<const N: usize>(rows: [Row; N]) -> String {
    rows.map(|(term, value)| format!("<div><dt>{term}</dt><dd>{value}</dd></div>")).concat()
}
