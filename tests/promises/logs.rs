//! Catches what is logged.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing_subscriber::filter::LevelFilter;

/// Everything that was logged in this thread.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Catches what is logged in this thread until the guard is dropped.
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        // A place in the code that logs is asked whether anybody listens when it is first reached, and remembers the answer: for
        // tests on other threads, too, somebody has to.
        let everyone = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(io::sink);
        let _ = set_global_default(everyone.finish());
        let logs = Self::default();
        let writer = logs.clone();
        let mine = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(LevelFilter::TRACE)
            .with_writer(move || writer.clone());
        (logs, set_default(mine.finish()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
