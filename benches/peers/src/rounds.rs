//! The measuring.

use std::time::Duration;

use crate::row::{Row, Work};

/// How long one turn takes: so short that the system seldom takes the processor away within one or between it and the limit's.
const TURN: Duration = Duration::from_millis(1);

/// The figures of one contender.
pub struct Figures {
    /// The median time of the work.
    pub nanoseconds: f64,
    /// The median of the ratios to the limit's turn just before, and the quartiles around it.
    pub ratio: [f64; 3],
}

/// Measures a row: in each round each contender takes a turn, right after a turn of its limit.
pub fn measure(row: &mut Row, rounds: usize) -> Vec<Figures> {
    let times: Vec<_> = row.contenders.iter_mut().map(|contender| calibrated(&mut contender.work)).collect();
    let mut turns = vec![(Vec::new(), Vec::new()); row.contenders.len()];
    for _ in 0..rounds {
        for at in 0..row.contenders.len() {
            let limit = row.contenders[at].limit;
            let mut turn = |at: usize| each(&mut row.contenders[at].work, times[at]);
            let (least, own) = (turn(limit), turn(at));
            turns[at].0.push(own);
            turns[at].1.push(own / least);
        }
    }
    let figures = |(own, ratios): (Vec<f64>, Vec<f64>)| {
        let ratios = sorted(ratios);
        let quartile = |n: usize| ratios[(ratios.len() - 1) * n / 4];
        let own = sorted(own);
        Figures { nanoseconds: own[(own.len() - 1) / 2], ratio: [quartile(1), quartile(2), quartile(3)] }
    };
    turns.into_iter().map(figures).collect()
}

/// How often it can be done in a turn.
fn calibrated(work: &mut Work) -> usize {
    let mut times = 1;
    loop {
        let took = work(times);
        if took >= TURN / 2 {
            let fitting = TURN.as_secs_f64() / took.as_secs_f64() * times as f64;
            return (fitting as usize).max(1);
        }
        times *= 2;
    }
}

fn each(work: &mut Work, times: usize) -> f64 {
    work(times).as_secs_f64() * 1e9 / times as f64
}

fn sorted(mut all: Vec<f64>) -> Vec<f64> {
    all.sort_by(f64::total_cmp);
    all
}
