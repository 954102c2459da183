//! Weighted response time: requests in flight times how long one takes there.

use nexus_base::{Rng, Time};

use super::nanos::{nanos, nanos_since};
use super::score_tree::ScoreTree;
use super::{
    Arrival, Choice, Finished, Outcome, ServerIndex, Strategy, StrategyName, Ticket, View,
};

/// Responses one server's estimate remembers. Source: measured on the shipped
/// trace with mixed speeds; 64 does as well, 8 takes a long request for a slow
/// server.
const RESPONSES_KEPT: u32 = 32;

/// Responses the pool's mean remembers. Source: a guess; long against one
/// server's memory.
const POOL_RESPONSES_KEPT: u32 = 512;

/// How many mean response times it takes for half of what was learned of a
/// server to be forgotten. Source: measured on the shipped trace with mixed and
/// with changing speeds; 8 to 64 differ by 1 %, forgetting hardly at all is 4 %
/// slower.
const AGE_HALVED_RESPONSES: f64 = 32.0;

/// Choices for each server whose score is brought up to date although nothing
/// happened at it. Source: measured; one for each choice costs a third of the
/// decision and serves no better.
const CHOICES_PER_AGED: u64 = 4;

/// An unknown server is taken to be this much of the mean, so that it is tried
/// soon, yet has no more than about twice its share in flight. Source: a guess.
const UNKNOWN_SHARE: f64 = 0.5;

/// How far from the mean an estimate can be, either way: a server that answers
/// in no time still gets no flood, a slow one is still tried at times.
/// Source: a guess; wider than any pool we measure.
const SPREAD_MAX: f64 = 16.0;

/// The pool's mean is taken to be at least this many nanoseconds: the clock's step.
const RESPONSE_NS_MIN: f64 = 1.0;

/// A failed request counts as this many mean response times, or as long as it
/// took if that is longer: a server that fails fast must not look like a fast
/// one. Source: a guess.
const FAILED_RESPONSES: f64 = 4.0;

/// The server with the lowest product of its mean response time and the
/// requests it would have in flight, exactly, ties broken uniformly.
///
/// The response time is a moving mean over what this dispatcher saw itself; it
/// contains waiting, and so counts a queue twice. That is on purpose: dividing it
/// by the requests in flight when sending was tried and served mixed speeds 3 %
/// slower, because the division amplifies noise.
///
/// What was learned of a server fades towards the pool's mean, so that one slow
/// spell does not exclude it for good; with every fourth choice one server is
/// aged, in turn. A tournament tree holds the scores: choosing is immediate but
/// for ties, feedback takes log₄ n steps.
///
/// # Source
/// The product is that of Finagle's "peak EWMA" balancer, here with a plain mean
/// and over all servers rather than two.
#[derive(Clone, Debug, Default)]
pub struct WeightedResponseTime {
    scores: ScoreTree,
    estimates: Vec<Estimate>,
    pool: MovingMean,
    choices: u64,
    /// Which candidate was aged last.
    aged: usize,
}

/// What is known of one server.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    response: MovingMean,
    at: Time,
}

impl WeightedResponseTime {
    /// The pool's mean response time in nanoseconds; never zero, or load would
    /// no longer count.
    fn pool_ns(&self) -> f64 {
        self.pool.ns.max(RESPONSE_NS_MIN)
    }

    /// What a request takes at `server`, in nanoseconds.
    fn response_ns(&self, now: Time, server: ServerIndex) -> f64 {
        let pool_ns = self.pool_ns();
        let Estimate { response, at } = self.estimates[server.as_usize()];
        if response.count == 0 {
            return pool_ns * UNKNOWN_SHARE;
        }
        let half = AGE_HALVED_RESPONSES * pool_ns;
        let weight = half / (half + nanos_since(now, at));
        let faded = pool_ns + weight * (response.ns - pool_ns);
        faded.clamp(pool_ns / SPREAD_MAX, pool_ns * SPREAD_MAX)
    }

    /// Scores stay as they were at the server's last event or turn to age. One
    /// from before the first response is far too low, for one request: sending
    /// it corrects the score.
    fn rescore(&mut self, view: &View<'_>, server: ServerIndex) {
        let in_flight = f64::from(view.in_flight(server)) + 1.0;
        self.scores.set(server, self.response_ns(view.now(), server) * in_flight);
    }

    fn age_one(&mut self, view: &View<'_>) {
        let candidates = view.candidates();
        self.aged = if self.aged + 1 < candidates.len() { self.aged + 1 } else { 0 };
        self.rescore(view, candidates[self.aged]);
    }

    /// What the end of a request says about the server's response time, if anything.
    fn observed_ns(&self, now: Time, server: ServerIndex, finished: &Finished) -> Option<f64> {
        let ns = nanos(finished.response);
        match finished.outcome {
            Outcome::Done => Some(ns),
            Outcome::Failed => Some(ns.max(FAILED_RESPONSES * self.pool_ns())),
            // It would have taken longer; news only if it took long already.
            Outcome::Cancelled => (ns > self.response_ns(now, server)).then_some(ns),
        }
    }
}

impl Strategy for WeightedResponseTime {
    fn name(&self) -> &'static str {
        StrategyName::WeightedResponseTime.as_str()
    }

    fn pick(&mut self, view: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        self.choices += 1;
        if self.choices.is_multiple_of(CHOICES_PER_AGED) {
            self.age_one(view);
        }
        Choice::Server(self.scores.pick(rng).expect("there is a candidate"))
    }

    fn handle_joined(&mut self, view: &View<'_>, server: ServerIndex) {
        let seats = server.as_usize() + 1;
        if self.estimates.len() < seats {
            self.estimates.resize(seats, Estimate::default());
        }
        self.estimates[server.as_usize()] = Estimate::default();
        self.rescore(view, server);
    }

    fn handle_left(&mut self, _: &View<'_>, server: ServerIndex) {
        self.scores.remove(server);
    }

    fn handle_sent(&mut self, view: &View<'_>, server: ServerIndex, _: Ticket, _: &Arrival) {
        self.rescore(view, server);
    }

    fn handle_finished(&mut self, view: &View<'_>, server: ServerIndex, finished: &Finished) {
        let now = view.now();
        if let Some(ns) = self.observed_ns(now, server, finished) {
            // What has faded by now stays forgotten.
            let known_ns = self.response_ns(now, server);
            let estimate = &mut self.estimates[server.as_usize()];
            estimate.response.ns = known_ns;
            estimate.response.push(ns, RESPONSES_KEPT);
            estimate.at = now;
            // Only true responses move the mean: failures are measured by it, and
            // would drive it up without end.
            if finished.outcome == Outcome::Done {
                self.pool.push(ns, POOL_RESPONSES_KEPT);
            }
        }
        self.rescore(view, server);
    }
}

/// The mean of a stream: of all of it at first, then with exponential weights.
/// What it was before the first counts as one more.
#[derive(Clone, Copy, Debug, Default)]
struct MovingMean {
    ns: f64,
    count: u32,
}

impl MovingMean {
    fn push(&mut self, ns: f64, kept: u32) {
        self.count = (self.count + 1).min(kept - 1);
        self.ns += (ns - self.ns) / f64::from(self.count + 1);
    }
}
