//! The pool against queueing theory: what no program of ours computes.
//!
//! Seeds are 1, 2, 3 and so on, fixed before the first run. Each figure is the
//! mean over independent replications with its 95 % interval, which must hold
//! the theoretical value and be at most 1 % wide to either side. Control
//! variates narrow the interval without moving its middle, see [`estimate`].
//!
//! Where there is one server, requests wait in its engine's mailbox. Mean waits
//! do not depend on the order of service, so the second moment is tested too:
//! it would be five times as large if the last came first.

mod estimate;
mod queue;
mod surrogate;

use estimate::{Interval, estimate};
use queue::{Queue, Replication, Service};

use super::pool::PoolSpec;
use crate::demo::Strategy;

/// Independent replications of each experiment.
const REPLICATIONS: u64 = 32;

/// Half of an interval, at most, as a share of the theoretical value.
const HALF_WIDTH_MAX: f64 = 0.01;

fn replicate(queue: Queue, jobs: u32) -> Vec<Replication> {
    (1..=REPLICATIONS).map(|seed| queue.run(seed, jobs)).collect()
}

#[track_caller]
fn check(found: Interval, theory: f64, half_width_max: f64) {
    let Interval { mean, half_width } = found;
    let share = half_width / theory;
    println!("{mean:.4} ± {half_width:.4} ({:.2} %), theory {theory:.4}", 100.0 * share);
    assert!(share <= half_width_max, "{mean} ± {half_width} says too little of {theory}");
    assert!((mean - theory).abs() <= half_width, "{mean} ± {half_width} is not {theory}");
}

/// Mean wait of `queue` in service times.
#[track_caller]
fn check_wait(queue: Queue, jobs: u32, theory: f64) {
    let runs = replicate(queue, jobs);
    check(estimate(&runs, |run| run.wait), theory, HALF_WIDTH_MAX);
}

/// M/M/c: `theory` is Erlang's C formula over the free capacity.
#[test]
fn four_servers_with_one_line() {
    let queue = Queue::new(Strategy::CentralQueue, 4, 0.8, Service::Exponential);
    check_wait(queue, 30_000, 0.7455);
}

#[test]
fn sixteen_busy_servers_with_one_line() {
    let queue = Queue::new(Strategy::CentralQueue, 16, 0.95, Service::Exponential);
    check_wait(queue, 80_000, 0.9752);
}

/// The mean and the second moment of the wait in M/G/1: by Pollaczek and
/// Khinchine, E W = λ E S² / (2 (1 − ρ)), and, for first come first served
/// only, by Takács, E W² = 2 (E W)² + λ E S³ / (3 (1 − ρ)).
#[track_caller]
fn check_one_server(service: Service, jobs: u32, wait: f64, service_cubed: f64) {
    let queue = Queue::new(Strategy::RoundRobin, 1, 0.8, service);
    let runs = replicate(queue, jobs);
    check(estimate(&runs, |run| run.wait), wait, HALF_WIDTH_MAX);
    let second = 2.0 * wait * wait + 0.8 * service_cubed / (3.0 * (1.0 - 0.8));
    check(estimate(&runs, |run| run.wait_squared), second, 4.0 * HALF_WIDTH_MAX);
}

#[test]
fn one_server_with_constant_service() {
    check_one_server(Service::Constant, 60_000, 2.0, 1.0);
}

/// Hyperexponential with balanced means and a squared coefficient of variation
/// of 4: E S³ is 6 / 8 (1 / p² + 1 / (1 − p)²), where p (1 − p) is 1 / 10.
#[test]
fn one_server_with_very_unequal_service() {
    check_one_server(Service::Hyperexponential, 130_000, 10.0, 60.0);
}

/// 2.614 is the limit for many servers, by Mitzenmacher and by Vvedenskaya,
/// Dobrushin and Karpelevich; about 2.64 at a hundred.
#[test]
fn two_choices_among_a_hundred() {
    let queue = Queue::new(Strategy::TwoChoices, 100, 0.9, Service::Exponential);
    let runs = replicate(queue, 60_000);
    check(estimate(&runs, |run| run.in_system), 2.64, HALF_WIDTH_MAX);
}

/// With one server the shared line and the mailbox are the same line.
#[test]
fn a_line_is_a_line_wherever_it_is() {
    let answers = [Strategy::CentralQueue, Strategy::RoundRobin].map(|strategy| {
        let queue = Queue::new(strategy, 1, 0.8, Service::Exponential);
        let mut waits = Vec::new();
        queue.serve(1, 20_000, |answer| waits.push((answer.number, answer.waited_ns())));
        waits
    });
    assert_eq!(answers[0], answers[1]);
}

/// Lindley's recursion, to the nanosecond: each waits for the one that arrived
/// before it, and for nobody else.
#[test]
fn each_waits_for_the_one_before() {
    let queue = Queue::new(Strategy::RoundRobin, 1, 0.9, Service::Exponential);
    let mut answers = Vec::new();
    queue.serve(1, 20_000, |answer| answers.push(*answer));
    for pair in answers.windows(2) {
        let [before, after] = pair else { unreachable!("a window of two") };
        assert_eq!(after.number, before.number + 1, "first come, first served");
        assert_eq!(after.started_ns, after.arrived_ns.max(before.finished_ns));
    }
}
