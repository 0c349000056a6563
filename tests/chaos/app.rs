//! The site: what its handlers do, whichever framework calls them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use cloakroom::{Session, SessionError, SessionManager};
use tokio::sync::Notify;

use crate::order::{Deed, Order, Page};

/// The names of what a session holds.
pub(crate) const MARKER: &str = "marker";
pub(crate) const COUNTS: &str = "counts";
pub(crate) const KEY: &str = "key-";

#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) sessions: SessionManager,
    pub(crate) gates: Gates,
}

impl App {
    pub(crate) async fn perform(&self, session: &Session, order: Order) -> Result<String, SessionError> {
        let page = page(session)?;
        perform(session, &order).await?;
        if order.is_held {
            self.gates.pass(order.request).await;
        }
        if order.saves {
            session.save().await?;
        }
        Ok(serde_json::to_string(&page).unwrap())
    }
}

fn page(session: &Session) -> Result<Page, SessionError> {
    Ok(Page {
        id: session.id().map(|id| id.to_string()),
        subject: session.subject(),
        marker: session.get(MARKER)?.unwrap_or_default(),
        counts: session.get(COUNTS)?.unwrap_or_default(),
    })
}

async fn perform(session: &Session, order: &Order) -> Result<(), SessionError> {
    match order.deed {
        Deed::Look => {}
        Deed::Count => count(session, order)?,
        Deed::Put => {
            mark(session, order)?;
            session.insert(format!("{KEY}{}", order.request).as_str(), true)?;
        }
        Deed::LogIn => {
            session.log_in(&order.subject)?;
            count(session, order)?;
        }
        Deed::Renew => {
            session.renew()?;
            count(session, order)?;
        }
        Deed::LogOut => session.log_out()?,
        Deed::Farewell => {
            session.log_out()?;
            count(session, order)?;
        }
        Deed::EndOthers => {
            session.end_others().await?;
        }
    }
    Ok(())
}

fn count(session: &Session, order: &Order) -> Result<(), SessionError> {
    mark(session, order)?;
    let request = order.request;
    session.update(COUNTS, move |counts: &mut BTreeMap<u64, u32>| *counts.entry(request).or_default() += 1)
}

/// Marks a session that begins; the mark of one that has begun stays.
fn mark(session: &Session, order: &Order) -> Result<(), SessionError> {
    let new = order.marker.clone();
    session.update(MARKER, move |marker: &mut String| {
        if marker.is_empty() {
            marker.clone_from(&new);
        }
    })
}

/// Where handlers wait, each at the gate with the number of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates(Arc<Mutex<HashMap<u64, Arc<Notify>>>>);

impl Gates {
    async fn pass(&self, number: u64) {
        self.gate(number).notified().await;
    }

    /// Opens a gate for the one handler that comes to it, now or later.
    pub(crate) fn open(&self, number: u64) {
        self.gate(number).notify_one();
    }

    /// Forgets a gate that nobody comes to any more.
    pub(crate) fn remove(&self, number: u64) {
        self.0.lock().unwrap().remove(&number);
    }

    fn gate(&self, number: u64) -> Arc<Notify> {
        self.0.lock().unwrap().entry(number).or_default().clone()
    }
}
