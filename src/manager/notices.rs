//! What a manager says once, however often it happens: it is about its settings, not about a request.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use tracing::{debug, warn};

use crate::transport::{RequestHead, origin_and_host};

/// What has been said. Shared by all clones of a manager.
#[derive(Debug, Default)]
pub(super) struct Notices {
    clocks: AtomicBool,
    kept_back: AtomicBool,
    dropped: AtomicBool,
    host: AtomicBool,
    plain_http: AtomicBool,
    handed_out: AtomicU32,
    came_back: AtomicBool,
}

/// After so many cookies, of which none has come back, something is wrong.
const ENOUGH: u32 = 3;

impl Notices {
    /// Another server's clock is ahead of this one by more than the leeway, or this one behind.
    pub(super) fn clocks_differ(&self, ahead: Duration, leeway: Duration) {
        if is_first(&self.clocks) {
            warn!(?ahead, ?leeway, "the clocks of the servers differ by more than the leeway");
        }
    }

    /// A path that other sites may send requests to got one without the session cookie.
    pub(super) fn cookie_kept_back(&self) {
        if is_first(&self.kept_back) {
            warn!(
                "a request from another site to a path that allows it came without the session cookie, which its SameSite \
                 attribute makes browsers keep back: set SameSite::None, or let the path answer with a page that sends the \
                 request again"
            );
        }
    }

    /// What a handler wrote would have begun a session in the place of one that the browser may hold.
    pub(super) fn change_dropped(&self) {
        if is_first(&self.dropped) {
            warn!(
                "what a request from another site wrote was dropped, because its browser may hold a session cookie that it kept \
                 back"
            );
        } else {
            debug!("what a request from another site wrote was dropped again");
        }
    }

    /// A request may be refused only because its `Origin` is not its `Host`.
    pub(super) fn foreign_origin(&self, head: &RequestHead<'_>) {
        if let Some((origin, host)) = origin_and_host(head)
            && is_first(&self.host)
        {
            let [origin, host] = [origin, host].map(readable);
            warn!(
                origin,
                host,
                "a request counts as one from another site, because its Origin is not the host that it was sent to; if a proxy \
                 changed that, let it pass Host as it is, or name the origin in trusted_origins"
            );
        }
    }

    /// A request has brought a session cookie.
    pub(super) fn cookie_came_back(&self) {
        if !self.came_back.load(Ordering::Relaxed) {
            self.came_back.store(true, Ordering::Relaxed);
        }
    }

    /// A `Secure` cookie is handed out, which browsers drop if the page came over plain HTTP.
    pub(super) fn secure_cookie_handed_out(&self, over_plain_http: bool) {
        if over_plain_http && is_first(&self.plain_http) {
            warn!(
                "a Secure session cookie goes to a page that came over plain HTTP, so its browser drops it and the next request \
                 has no session: serve HTTPS, or use Cookie::insecure_for_local_development on your own machine"
            );
        }
        if self.handed_out.load(Ordering::Relaxed) >= ENOUGH || self.came_back.load(Ordering::Relaxed) {
            return;
        }
        if self.handed_out.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH {
            warn!(
                handed_out = ENOUGH,
                "no session cookie has come back yet; they are Secure, so clients return them only over HTTPS: if this goes on, \
                 serve HTTPS, or use Cookie::insecure_for_local_development on your own machine"
            );
        }
    }
}

fn is_first(said: &AtomicBool) -> bool {
    !said.swap(true, Ordering::Relaxed)
}

/// The beginning of a header's value, for a log.
fn readable(value: &[u8]) -> String {
    value.iter().take(100).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
