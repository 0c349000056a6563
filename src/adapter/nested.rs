//! Session layers inside each other: what each puts into a request, for extractors.

use std::sync::Arc;

use crate::manager::{Exchange, LazySession, SessionManager};

/// The sessions of a request: that of the innermost layer, and those of the layers around it.
#[derive(Debug, Clone)]
pub(super) struct Sessions<T> {
    pub(super) lazy: LazySession,
    /// What the framework's shell has to know of the request.
    pub(super) about: T,
    outer: Option<Arc<Self>>,
}

impl<T: Clone> Sessions<T> {
    /// What a layer of this manager puts into the request, given what the layers around it have put there. It begins an exchange
    /// unless one of them is of the same manager: they share a session.
    ///
    /// A `fresh` layer's extractors ask the store for the state as of now.
    pub(super) fn enter(
        outer: Option<Self>,
        manager: &SessionManager,
        is_fresh: bool,
        path: &str,
        about: T,
    ) -> (Self, Option<Exchange>) {
        let fresh = |lazy: LazySession| if is_fresh { lazy.fresh() } else { lazy };
        let outer = outer.map(Arc::new);
        if let Some(known) = outer.as_ref().and_then(|outer| outer.of(manager)) {
            let (lazy, about) = (fresh(known.lazy.clone()), known.about.clone());
            return (Self { lazy, about, outer }, None);
        }
        let exchange = manager.exchange(path);
        (Self { lazy: fresh(exchange.lazy()), about, outer }, Some(exchange))
    }

    /// Those of the layer of this manager.
    pub(super) fn of(&self, manager: &SessionManager) -> Option<&Self> {
        std::iter::successors(Some(self), |sessions| sessions.outer.as_deref())
            .find(|sessions| manager.owns(&sessions.lazy))
    }
}
