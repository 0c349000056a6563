//! Many things at the same time, step by step: every order in which the store calls of some tasks can come is played.
//!
//! Each call of a [`Stepped`] store gives way once before it is made. [`explore`] runs the same tasks again and again, each
//! time in another order, with as many changes from one task to another as are allowed; so a failure can be seen again.

use std::{
    cell::Cell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use cloakroom::{SessionStore, StoreError};

use crate::hooked::{Call, Hook, Hooked};

/// A store whose calls each take a step of their own.
pub(crate) type Stepped = Hooked<Arc<dyn SessionStore>, Steps>;

impl Stepped {
    pub(crate) fn new(store: impl SessionStore) -> Self {
        Self { store: Arc::new(store), hook: Steps }
    }
}

/// Takes a step before each call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steps;

impl Hook for Steps {
    async fn around<T: Send>(
        &self,
        _: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        step().await;
        made.await
    }
}

thread_local! {
    /// How often a task was let go on. Who waits with a deadline looks twice at a time, so a step is more than one look.
    static TURNS: Cell<u64> = const { Cell::new(0) };
    /// How many steps were begun.
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Gives way to whoever is next.
pub(crate) async fn step() {
    STEPS.set(STEPS.get() + 1);
    let begun = TURNS.get();
    std::future::poll_fn(|_| if TURNS.get() == begun { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// How a task has gone on.
#[derive(PartialEq, Eq)]
enum Progress<T> {
    Done(T),
    /// It is at its next step.
    Further,
    /// It waits for another one.
    Waiting,
}

/// Lets a task go on until its next step.
fn go_on<T>(task: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Progress<T> {
    let steps = STEPS.get();
    TURNS.set(TURNS.get() + 1);
    match task.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Progress::Done(done),
        Poll::Pending if STEPS.get() == steps => Progress::Waiting,
        Poll::Pending => Progress::Further,
    }
}

/// What runs beside others.
pub(crate) type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What may happen between two steps, apart from going on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How often another task goes on although the one at hand could.
    pub(crate) switches: usize,
    /// How many tasks stop for ever where they are, as in a crash.
    pub(crate) crashes: usize,
}

/// One order of steps, made of one decision after the other.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The decisions so far, each with how many ways there were.
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Order {
    fn choose(&mut self, ways: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, ways));
        }
        let (way, known) = self.taken[self.at];
        assert_eq!(known, ways, "a run has to depend on its order alone");
        self.at += 1;
        way
    }

    /// The next order that was not played; `false` if there is none.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((way, ways)) = self.taken.pop() {
            if way + 1 < ways {
                self.taken.push((way + 1, ways));
                return true;
            }
        }
        false
    }

    /// Runs all tasks in this order, until each has ended or crashed. Which of them crashed.
    pub(crate) fn run(&mut self, tasks: Vec<Task<'_>>, bounds: Bounds) -> Vec<bool> {
        let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
        let mut crashed = vec![false; tasks.len()];
        let mut waiting = vec![false; tasks.len()];
        let Bounds { mut switches, mut crashes } = bounds;
        let mut current = 0;
        while tasks.iter().any(Option::is_some) {
            let can = |n: usize| tasks[n].is_some() && !waiting[n];
            let goes_on = can(current);
            let others: Vec<_> = (0..tasks.len()).filter(|n| *n != current && can(*n)).collect();
            let ways_on = usize::from(goes_on);
            let ways_over = if goes_on && switches == 0 { 0 } else { others.len() };
            let ways_down = usize::from(goes_on && crashes > 0);
            assert!(ways_on + ways_over > 0, "each task waits for another one");
            let way = self.choose(ways_on + ways_over + ways_down);
            if way >= ways_on + ways_over {
                tasks[current] = None;
                crashed[current] = true;
                crashes -= 1;
                waiting.fill(false);
                continue;
            }
            if way >= ways_on {
                current = others[way - ways_on];
                switches -= usize::from(goes_on);
            }
            let task = tasks[current].as_mut().expect("only running tasks are chosen");
            match go_on(task.as_mut()) {
                Progress::Waiting => {
                    waiting[current] = true;
                    continue;
                }
                Progress::Further => {}
                Progress::Done(()) => tasks[current] = None,
            }
            waiting.fill(false);
        }
        crashed
    }
}

/// Plays `run` in every order. It gets the order and has to run its tasks with it once.
#[expect(clippy::print_stderr, reason = "a failure names the order in which it came")]
pub(crate) fn explore(mut run: impl FnMut(&mut Order)) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be built");
    let _inside = runtime.enter();
    let (mut order, mut played) = (Order::default(), 0);
    loop {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut order)));
        if let Err(panic) = outcome {
            let ways: Vec<_> = order.taken.iter().map(|(way, _)| way).collect();
            eprintln!("after {played} good orders, in the order {ways:?}:");
            std::panic::resume_unwind(panic);
        }
        played += 1;
        if !order.advance() {
            return played;
        }
    }
}

/// Runs what waits for nothing but steps.
pub(crate) fn alone<T>(task: impl Future<Output = T>) -> T {
    let mut task = std::pin::pin!(task);
    loop {
        if let Progress::Done(done) = go_on(task.as_mut()) {
            return done;
        }
    }
}
