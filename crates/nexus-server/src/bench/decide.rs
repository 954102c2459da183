//! One balancing decision: who serves, and the news that it has been served.

use std::time::Instant;

use nexus_base::{Rng, Time};
use nexus_coord::balance::{Arrival, Balancer, Effect, Outcome, Placement, StrategyName, Ticket};

use super::harness::{Sheet, now};

/// Decisions timed in one stretch.
const DECISIONS: usize = 200_000;

/// Every strategy at 10, 1,000 and 10,000 candidates; the case by its plain
/// name is the slowest of them.
pub fn all(sheet: &mut Sheet) {
    for candidates in [10, 1_000, 10_000] {
        let mut slowest = 0.0_f64;
        for strategy in StrategyName::ALL {
            let ns = decide(strategy, candidates);
            sheet.put(format!("decide {candidates} {strategy}"), "ns", ns);
            slowest = slowest.max(ns);
        }
        sheet.put(format!("decide {candidates}"), "ns", slowest);
    }
}

/// Whether `case` repeats the slowest strategy at its number of candidates.
pub fn is_slowest(case: &str) -> bool {
    let candidates = case.strip_prefix("decide ");
    candidates.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Nanoseconds for one decision and its feedback, with half as many requests
/// in flight as there are candidates.
fn decide(strategy: StrategyName, candidates: usize) -> f64 {
    let mut balancer = Balancer::named(strategy);
    let mut rng = Rng::new(1);
    for _ in 0..candidates {
        balancer.handle_join(Time::ZERO).expect("within the limit");
    }
    let mut in_flight: Vec<Ticket> =
        (0..candidates / 2).map(|_| place(&mut balancer, &mut rng)).collect();
    let mut clock = Time::ZERO;
    let start: Instant = now();
    for decision in 0..DECISIONS {
        clock = Time::from_nanos(clock.as_nanos() + 1_000_000);
        let ticket = place(&mut balancer, &mut rng);
        let done = std::mem::replace(&mut in_flight[decision % (candidates / 2)], ticket);
        balancer.handle_finished(clock, done, Outcome::Done).expect("it is in flight");
        while let Some(effect) = balancer.poll_effect() {
            std::hint::black_box::<Effect>(effect);
        }
    }
    start.elapsed().as_nanos() as f64 / DECISIONS as f64
}

fn place(balancer: &mut Balancer, rng: &mut Rng) -> Ticket {
    let placed = balancer.handle_request(Time::ZERO, &Arrival::new(1_000), rng);
    match placed.expect("there are candidates") {
        Placement::Sent { ticket, .. } | Placement::Held { ticket } => ticket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_that_repeats_the_slowest_strategy_is_known() {
        assert!(is_slowest("decide 10000"));
        for case in ["decide 10000 random", "decide", "ask mean"] {
            assert!(!is_slowest(case), "{case}");
        }
    }
}
