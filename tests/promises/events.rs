//! What was logged in this thread, event by event.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
    io,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default, set_global_default},
};
use tracing_subscriber::filter::LevelFilter;

#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) level: Level,
    pub(crate) message: String,
    /// The other fields.
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Logged {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Everything of this crate that was logged since it was made.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<Logged>>>);

impl Events {
    /// Begins to listen; ends when the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        // A place in the code that logs is asked whether anybody listens when it is first reached, and remembers the answer: for
        // tests on other threads, too, somebody has to.
        let everyone = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(io::sink);
        let _ = set_global_default(everyone.finish());
        let events = Self::default();
        (events.clone(), set_default(events))
    }

    /// Takes the warnings and errors so far.
    pub(crate) fn complaints(&self) -> Vec<Logged> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.into_iter().filter(|event| event.level <= Level::WARN).collect()
    }

    /// Takes the only warning or error so far.
    pub(crate) fn only_complaint(&self) -> Logged {
        let complaints = self.complaints();
        assert_eq!(complaints.len(), 1, "{complaints:#?}");
        complaints[0].clone()
    }
}

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cloakroom")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(Logged {
            level: *event.metadata().level(),
            message: fields.0.remove("message").unwrap_or_default(),
            fields: fields.0,
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").unwrap();
        self.0.insert(field.name(), text);
    }
}
