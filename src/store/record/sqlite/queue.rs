//! The calls that wait for a thread, in order: [`Queue`].

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use super::job::Job;

/// How many calls may wait for one thread. Each takes a record's size; a disk that is this far behind serves nobody in time.
const MOST_WAITING: usize = 4096;

/// The end of a queue at which its thread takes calls.
#[derive(Debug)]
pub(super) struct Queue {
    receiver: Receiver<Job>,
    /// Those that were taken and put back.
    front: VecDeque<Job>,
}

impl Queue {
    pub(super) fn new() -> (SyncSender<Job>, Self) {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        (sender, Self { receiver, front: VecDeque::new() })
    }

    /// Waits for a call that somebody waits for; `None` once no handle of the store is left.
    pub(super) fn next(&mut self) -> Option<Job> {
        loop {
            let job = match self.front.pop_front() {
                Some(job) => job,
                None => self.receiver.recv().ok()?,
            };
            if job.is_wanted() {
                return Some(job);
            }
        }
    }

    /// Those that wait now, at most so many.
    pub(super) fn waiting(&mut self, most: usize) -> impl Iterator<Item = Job> + '_ {
        let Self { receiver, front } = self;
        let next = std::iter::from_fn(move || front.pop_front().or_else(|| receiver.try_recv().ok()));
        next.take(most).filter(Job::is_wanted)
    }

    /// Leaves calls for later, in front of the others.
    pub(super) fn put_back(&mut self, jobs: impl IntoIterator<Item = Job, IntoIter: DoubleEndedIterator>) {
        jobs.into_iter().rev().for_each(|job| self.front.push_front(job));
    }
}
