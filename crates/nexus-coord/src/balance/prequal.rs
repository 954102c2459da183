//! Prequal: probing to reduce queuing and latency.

mod pool;
mod window;

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::Rng;

use super::draw::distinct;
use super::{Arrival, Choice, Report, ReportCause, ServerIndex, Strategy, StrategyName, View};
use pool::ProbePool;
use window::LoadWindow;

/// Answers kept to choose from. Source: the paper, section 4.
const POOL_LEN_MAX: usize = 16;
/// With fewer answers than this the choice is random. Source: the paper, section 4.
const POOL_LEN_MIN: usize = 2;
/// Probes sent for each request. Source: the paper, section 5.
const PROBES_PER_REQUEST: usize = 3;
/// Answers removed for each request, by turns the worst and the oldest.
/// Source: the paper, section 5.
const REMOVED_PER_REQUEST: f64 = 1.0;
/// How much faster than it drains the pool should fill. Source: the paper, δ = 1.
const SURPLUS: f64 = 1.0;
/// Uses of one answer where the paper's formula has no bound, in pools of servers
/// so small that probes mostly renew what is known. Source: a guess.
const USES_MAX: f64 = 16.0;
/// Answers older than this are not used. Source: the paper, section 4.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Probes waiting to be polled; the oldest is dropped beyond. Reached only by a
/// driver that does not carry out effects. Source: a guess.
const PROBES_WAITING_MAX: usize = 64;

/// Chooses among servers that recently answered a probe, by requests in flight
/// and latency as the servers themselves report them.
///
/// An answer whose count is above the 0.84 quantile of recent answers is *hot*.
/// The cold answer with the lowest latency wins; if all are hot, the one with
/// the fewest requests. Each request sends three probes to random servers for
/// later choices, and each answer is used a bounded number of times, its count
/// raised by one with each use. Without answers the choice is random.
///
/// Made for pools that many dispatchers share, with servers that run many
/// requests at once. A lone dispatcher knows better than any probe what it has
/// in flight, and servers that run one request at a time make latency a poor
/// guide: there least connections serves faster.
///
/// It reads only reports caused by probes: those cover servers evenly, where
/// reports at the end of requests speak mostly for the busy ones. Absent: the
/// paper's aversion to servers that fail fast, and probing while idle.
///
/// # Source
/// Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should
/// balance: Introducing Prequal", NSDI 2024.
#[derive(Clone, Debug, Default)]
pub struct Prequal {
    pool: ProbePool,
    window: LoadWindow,
    probes: VecDeque<ServerIndex>,
}

impl Prequal {
    fn ask_for_probes(&mut self, candidates: &[ServerIndex], rng: &mut Rng) {
        if candidates.len() <= PROBES_PER_REQUEST {
            self.probes.extend(candidates);
        } else {
            let drawn: [usize; PROBES_PER_REQUEST] = distinct(candidates.len(), rng);
            self.probes.extend(drawn.map(|place| candidates[place]));
        }
        while self.probes.len() > PROBES_WAITING_MAX {
            self.probes.pop_front();
        }
    }
}

/// The paper's bound on uses: what is added by `PROBES_PER_REQUEST`, less those
/// that renew an answer in the pool, less those removed, must cover the uses. A
/// fraction of a use is granted by chance, so that the mean is as the formula says.
fn uses_mean(server_count: usize) -> f64 {
    let known = POOL_LEN_MAX as f64 / server_count as f64;
    let net = (1.0 - known) * PROBES_PER_REQUEST as f64 - REMOVED_PER_REQUEST;
    if net <= 0.0 { USES_MAX } else { ((1.0 + SURPLUS) / net).clamp(1.0, USES_MAX) }
}

impl Strategy for Prequal {
    fn name(&self) -> &'static str {
        StrategyName::Prequal.as_str()
    }

    fn pick(&mut self, view: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        let candidates = view.candidates();
        self.pool.expire(view.now(), AGE_MAX);
        let server = if self.pool.len() < POOL_LEN_MIN {
            candidates[rng.below(candidates.len() as u64) as usize]
        } else {
            self.pool.take(self.window.hot_above(), rng)
        };
        self.pool.remove_one(self.window.hot_above());
        self.ask_for_probes(candidates, rng);
        Choice::Server(server)
    }

    fn handle_left(&mut self, _: &View<'_>, server: ServerIndex) {
        self.pool.forget(server);
    }

    fn handle_report(&mut self, view: &View<'_>, server: ServerIndex, report: &Report) {
        if report.cause == ReportCause::Probed {
            let uses = uses_mean(view.candidates().len());
            self.window.push(report.in_flight);
            self.pool.insert(server, report, uses);
        }
    }

    fn poll_probe(&mut self) -> Option<ServerIndex> {
        self.probes.pop_front()
    }
}
