//! What is said of a run, and of the mean over runs.

use super::simulate::Served;
use crate::trace::Trace;

/// Parts that the time of a trace is cut into for its course: minutes, for an hour.
pub const SLICE_COUNT: usize = 60;

/// Points of a latency curve for each factor of ten in rareness. Enough for a
/// smooth line.
const CURVE_STEPS: u32 = 20;
/// Factors of ten: to one request in a thousand.
const CURVE_DECADES: u32 = 3;

/// Statistics of one run, or their means over several.
#[derive(Clone, PartialEq, Debug)]
pub struct Figures {
    /// Mean seconds from arrival to answer.
    pub mean_s: f64,
    /// Seconds within which half of the requests were answered.
    pub p50_s: f64,
    /// … 95 in 100.
    pub p95_s: f64,
    /// … 99 in 100.
    pub p99_s: f64,
    /// Share of requests answered within the objective.
    pub within_objective: f64,
    /// Mean nanoseconds of a balancing decision, if measured.
    pub decision_ns: Option<f64>,
    /// Seconds within which each share of [`curve_levels`] was answered.
    pub curve_s: Vec<f64>,
    /// Mean number of requests in the system in each slice of the trace's
    /// time; empty if all requests arrived at once.
    pub in_system: Vec<f64>,
}

impl Figures {
    /// The statistics of one run over `trace`.
    ///
    /// # Panics
    /// If the run did not answer every request: a table must not be made of less.
    pub fn of_run(trace: &Trace, served: &Served, objective_s: f64) -> Figures {
        let seconds = &served.seconds_in_system;
        assert_eq!(seconds.len(), trace.requests().len(), "every request is answered once");
        let mut sorted = seconds.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        Figures {
            mean_s: seconds.iter().sum::<f64>() / count as f64,
            p50_s: percentile(&sorted, 50),
            p95_s: percentile(&sorted, 95),
            p99_s: percentile(&sorted, 99),
            within_objective: sorted.partition_point(|&one| one <= objective_s) as f64
                / count as f64,
            decision_ns: served.decision_ns,
            curve_s: curve_levels(count).iter().map(|&level| quantile(&sorted, level)).collect(),
            in_system: in_system(trace, seconds),
        }
    }

    /// The mean of each statistic.
    ///
    /// # Panics
    /// If there is no run.
    pub fn mean(runs: &[Figures]) -> Figures {
        let first = runs.first().expect("a mean needs at least one run");
        let over =
            |of: &dyn Fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let decision = |run: &Figures| run.decision_ns.unwrap_or_default();
        Figures {
            mean_s: over(&|run| run.mean_s),
            p50_s: over(&|run| run.p50_s),
            p95_s: over(&|run| run.p95_s),
            p99_s: over(&|run| run.p99_s),
            within_objective: over(&|run| run.within_objective),
            decision_ns: first.decision_ns.map(|_| over(&decision)),
            curve_s: (0..first.curve_s.len()).map(|at| over(&|run| run.curve_s[at])).collect(),
            in_system: (0..first.in_system.len())
                .map(|at| over(&|run| run.in_system[at]))
                .collect(),
        }
    }
}

/// The shares at which a latency curve is drawn, from 0 towards 1, evenly in
/// rareness; as far as `request_count` requests can tell.
pub fn curve_levels(request_count: usize) -> Vec<f64> {
    let rareness = |step| libm::exp10(-f64::from(step) / f64::from(CURVE_STEPS));
    let steps = (0..=CURVE_STEPS * CURVE_DECADES).map(rareness);
    steps.take_while(|&one| one * request_count as f64 >= 1.0).map(|one| 1.0 - one).collect()
}

/// The smallest of `sorted` that at least `percent` in 100 do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.max(1) - 1]
}

/// The same for any share.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let rank = libm::ceil(level * sorted.len() as f64) as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Requests that arrive in each slice of the trace's time.
pub fn arrivals(trace: &Trace) -> Vec<u32> {
    let slice = trace.span().as_nanos() / SLICE_COUNT as u128 + 1;
    let mut counts = vec![0; SLICE_COUNT];
    for request in trace.requests() {
        counts[(u128::from(request.arrival.as_nanos()) / slice) as usize] += 1;
    }
    counts
}

/// The mean number of requests in the system in each slice of the trace's time.
fn in_system(trace: &Trace, seconds: &[f64]) -> Vec<f64> {
    let slice_s = trace.span().as_secs_f64() / SLICE_COUNT as f64;
    if slice_s <= 0.0 {
        return Vec::new();
    }
    // `whole` counts, at each slice, the requests that are there throughout it
    // minus those of the slice before; `part` adds the slices at both ends.
    let mut whole = vec![0.0; SLICE_COUNT + 1];
    let mut part = vec![0.0; SLICE_COUNT];
    for (request, &seconds) in trace.requests().iter().zip(seconds) {
        let from = request.arrival.as_secs_f64() / slice_s;
        let to = (from + seconds / slice_s).min(SLICE_COUNT as f64);
        let (first, last) =
            ((from as usize).min(SLICE_COUNT - 1), (to as usize).min(SLICE_COUNT - 1));
        if first == last {
            part[first] += to - from;
            continue;
        }
        part[first] += (first + 1) as f64 - from;
        part[last] += to - last as f64;
        whole[first + 1] += 1.0;
        whole[last] -= 1.0;
    }
    let mut there = 0.0;
    let throughout = whole.iter().map(|change| {
        there += change;
        there
    });
    part.iter().zip(throughout).map(|(part, whole)| part + whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::InputFormat;

    fn trace(arrivals_ms: &[u32]) -> Trace {
        let line = |ms| format!("{{\"timestamp\":{ms},\"input_length\":1,\"output_length\":1}}\n");
        let text: String = arrivals_ms.iter().map(line).collect();
        Trace::read("t", InputFormat::Jsonl, text.as_bytes()).expect("well formed")
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!([50, 95, 99].map(|percent| percentile(&sorted, percent)), [100.0, 190.0, 198.0]);
        assert_eq!(percentile(&[7.0], 99), 7.0);
        assert_eq!([0.0, 0.5, 0.999].map(|level| quantile(&sorted, level)), [1.0, 100.0, 200.0]);
    }

    #[test]
    fn a_curve_goes_no_further_than_its_requests() {
        assert_eq!(curve_levels(1), [0.0]);
        assert_eq!(curve_levels(100).len(), 41);
        assert_eq!(curve_levels(1_000_000).len(), 61);
    }

    #[test]
    fn those_in_the_system_are_counted_by_the_time_they_spend() {
        // 60 slices of 1 s. The first request stays 2.5 s, the last beyond the end.
        let minute = trace(&[0, 30_000, 60_000]);
        let counts = in_system(&minute, &[2.5, 0.25, 9.0]);
        assert_eq!(counts[..4], [1.0, 1.0, 0.5, 0.0]);
        assert_eq!((counts[30], counts[59]), (0.25, 0.0));
        assert_eq!(arrivals(&minute).iter().sum::<u32>(), 3);
        assert!(in_system(&trace(&[5, 5]), &[1.0, 2.0]).is_empty());
    }

    #[test]
    fn the_objective_itself_is_within_it() {
        let served = Served {
            seconds_in_system: vec![1.0, 2.0, 3.0, 4.0],
            decision_ns: Some(5.0),
            cost_ns: None,
        };
        let figures = Figures::of_run(&trace(&[0, 1, 2, 3]), &served, 3.0);
        assert_eq!((figures.within_objective, figures.mean_s), (0.75, 2.5));
        assert_eq!(Figures::mean(&[figures.clone(), figures.clone()]), figures);
    }
}
