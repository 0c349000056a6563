//! A place where a request can be stopped and watched.

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    reached: Notify,
    opened: Notify,
    abandoned: Notify,
}

impl Gate {
    /// Stops here until the gate is [opened](Self::open).
    pub(crate) async fn wait(&self) {
        self.reached.notify_one();
        self.opened.notified().await;
    }

    /// Returns when somebody waits at the gate.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets one through.
    pub(crate) fn open(&self) {
        self.opened.notify_one();
    }

    /// Carries out `request`, and says so if it is dropped half way.
    pub(crate) async fn watch<T>(&self, request: impl Future<Output = T>) -> T {
        let watch = Watch(&self.abandoned);
        let answer = request.await;
        std::mem::forget(watch);
        answer
    }

    /// Returns when a watched request was dropped half way.
    pub(crate) async fn abandoned(&self) {
        self.abandoned.notified().await;
    }
}

/// Tells when it is dropped.
struct Watch<'a>(&'a Notify);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
