//! What is compared with what.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Does something so many times, and says how long that took.
pub type Work = Box<dyn FnMut(usize) -> Duration>;

/// One that does the work of a row.
pub struct Contender {
    /// Who it is and, where that is not plain, what of it does the work.
    pub name: String,
    /// Which contender of the row sets its limit; a limit names itself.
    pub limit: usize,
    /// The work.
    pub work: Work,
}

/// One work, and all who do it.
pub struct Row {
    /// What is done.
    pub name: String,
    /// Who does it. A limit stands before those that it limits.
    pub contenders: Vec<Contender>,
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), contenders: Vec::new() }
    }

    /// The limit of those that are added after it.
    pub(crate) fn limit(&mut self, name: &str, work: Work) {
        let limit = self.contenders.len();
        self.contenders.push(Contender { name: name.to_owned(), limit, work });
    }

    pub(crate) fn add(&mut self, name: &str, work: Work) {
        let limit = self.contenders.last().expect("a limit comes first").limit;
        self.contenders.push(Contender { name: name.to_owned(), limit, work });
    }
}

/// The same work again and again.
pub(crate) fn again<T>(mut work: impl FnMut() -> T + 'static) -> Work {
    Box::new(move |times| {
        let began = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        began.elapsed()
    })
}

/// Visits all visitors in turn. Who comes next depends on the answer, as far as the processor can tell: else it would begin with
/// the next visitors while it waits for this one's memory, which no server does between two requests.
pub(crate) fn visit<V: 'static>(visitors: Vec<V>, mut work: impl FnMut(&V) -> u32 + 'static) -> Work {
    let mut next = 0;
    again(move || {
        let answer = black_box(work(black_box(&visitors[next])));
        next += 1 + usize::from(answer == u32::MAX);
        if next >= visitors.len() {
            next = 0;
        }
    })
}
