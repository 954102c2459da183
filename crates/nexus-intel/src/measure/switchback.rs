//! Gains live: a whole pool is switched to and fro, and blocks of time are compared.
//!
//! Requests that share servers are never each other's control: a layer that serves
//! some sooner makes the others wait, and the difference between them is mostly
//! what was taken from one and given to the other. So everybody has the layer, or
//! nobody, for a block of time long enough for queues to forget the block before.
//!
//! Absent on purpose: any idea what a layer does. [`Switchback::arm`] says whether
//! to use it now, and costs come back.

mod block;
mod phase;
mod spec;

use std::time::Duration;

use nexus_base::{Histogram, Rng, Time};

use super::error_budget::share_of_attempt;
use super::{ChangeDetector, Gain, PairSequence, Verdict};
pub use block::Span;
use block::{Block, Role, Settled};
pub use phase::Phase;
pub use spec::{SwitchbackError, SwitchbackSpec};

/// Times in system to see before anything is measured or lengths change. Source: a
/// guess; of a hundred the 95 % quantile is the fifth from the top.
const OUTCOMES_MIN: u64 = 100;

/// Whether the layer is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Without the layer.
    Off,
    /// With it.
    On,
}

impl Arm {
    /// The other one.
    pub const fn other(self) -> Arm {
        match self {
            Arm::Off => Arm::On,
            Arm::On => Arm::Off,
        }
    }
}

/// A request that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// When it arrived.
    pub arrived: Time,
    /// What it cost; [`Duration::MAX`] if it was refused, failed or was given up.
    pub cost: Duration,
    /// How large it was, in any unit, as far as that is known by now and no layer can
    /// change it: tokens, rows, bytes. Zero if nothing is known. The better it tells
    /// what a request costs anywhere, the sooner a gain is found.
    pub size: u64,
}

/// A randomised switchback of one layer of one pool.
///
/// Blocks come in pairs of equal length, one with the layer and one without, in an
/// order that is drawn: every pair has both, so slow changes of the load cancel, and
/// nobody can foresee which comes first, so no rhythm of the load can favour one. A
/// block is ten times the 95 % quantile of time in system, measured from the
/// requests before the pair, within the spec's limits. Of each block
/// the requests that arrive in the first and in the last tenth are left out: the
/// first meet queues of the block before, the last are served in the block after.
/// A request belongs to the block it arrived in, and is left out for *when it
/// arrived*, never for how long it took, which would hide just the slow ones; so
/// a block is settled only when the next one ends. The block is the unit: its
/// requests are reduced to the figure of the [`super::Objective`].
///
/// At first, and while blocks would have to be longer than is allowed, the layer is
/// off. Once a gain is sure, the layer stays on between pairs for some blocks. When
/// the blocks without the layer change for good, measuring begins anew, with the
/// smaller share of the allowed error that is left for a further attempt.
///
/// Memory is bounded: two blocks, two histograms, and sums.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::{Rng, Time};
/// use nexus_intel::measure::{Arm, Objective, Outcome, Switchback, SwitchbackSpec, Verdict};
///
/// let spec = SwitchbackSpec::new(Objective::MeanSeconds);
/// let mut switchback = Switchback::new(Time::ZERO, spec, Rng::new(7))?;
/// for step in 0..40_000_u64 {
///     let arrived = Time::from_nanos(step * 100_000_000);
///     // With the layer requests take 0.8 s and without it one second.
///     let cost = match switchback.arm() {
///         Arm::On => Duration::from_millis(790 + step % 20),
///         Arm::Off => Duration::from_millis(990 + step % 20),
///     };
///     switchback.handle_outcome(arrived.after(cost), Outcome { arrived, cost, size: 0 });
/// }
/// assert_eq!(switchback.verdict(), Verdict::Gain);
/// # Ok::<(), nexus_intel::measure::SwitchbackError>(())
/// ```
///
/// # Source
/// Bojinov, Simchi-Levi and Zhao, "Design and Analysis of Switchback Experiments",
/// Management Science, 2023.
#[derive(Clone, Debug)]
pub struct Switchback {
    spec: SwitchbackSpec,
    rng: Rng,
    /// Time in system of the requests since lengths were last set, without the layer
    /// and with it.
    times: [Histogram; 2],
    /// How long blocks have to be; `None` until that has been learned.
    length: Option<Duration>,
    current: Block,
    /// The arm of blocks that settle.
    settling: Arm,
    /// Ended, but requests that arrived in it may still be served.
    previous: Option<Block>,
    /// The settled first block of a pair whose second is not.
    first: Option<Settled>,
    /// Blocks with the layer before the next pair, after a sure gain.
    holds_left: u32,
    sequence: PairSequence,
    change: ChangeDetector,
    /// Sequences begun, this one included.
    attempt: u32,
    late: u64,
}

impl Switchback {
    /// Begins at `now`, with the layer off.
    ///
    /// # Errors
    /// [`SwitchbackError`] if the spec contradicts itself.
    pub fn new(now: Time, spec: SwitchbackSpec, rng: Rng) -> Result<Switchback, SwitchbackError> {
        spec.check()?;
        Ok(Switchback {
            rng,
            times: Default::default(),
            length: None,
            current: Block::new(Role::Settling, Arm::Off, now, spec.block_min),
            settling: Arm::Off,
            previous: None,
            first: None,
            holds_left: 0,
            sequence: sequence(&spec, 1)?,
            change: ChangeDetector::new(),
            attempt: 1,
            late: 0,
            spec,
        })
    }

    /// The same, with the layer on also while it is not known how long blocks have to
    /// be: for what is wanted at once, and where there may be too few requests ever to
    /// measure it.
    pub fn settling_on(mut self) -> Switchback {
        self.settling = Arm::On;
        self.current.set_arm(Arm::On);
        self
    }

    /// Takes in a request that ended at `now`.
    pub fn handle_outcome(&mut self, now: Time, outcome: Outcome) {
        self.handle_timeout(now);
        let blocks = std::iter::once(&mut self.current).chain(&mut self.previous);
        let Some(block) = blocks.into_iter().find(|block| block.holds(outcome.arrived)) else {
            self.late += 1;
            return;
        };
        self.times[block.arm() as usize].record(now.since(outcome.arrived));
        block.record(self.spec.objective, outcome);
    }

    /// Ends the block that is due. A late call is safe: the block then lasted longer.
    pub fn handle_timeout(&mut self, now: Time) {
        if now < self.current.until() {
            return;
        }
        if let Some(block) = self.previous.take() {
            self.settle(block.settle(self.spec.objective));
        }
        let next = self.next_block(now);
        let mut ended = std::mem::replace(&mut self.current, next);
        ended.end(now);
        self.previous = Some(ended);
    }

    /// When the present block ends.
    pub fn next_timeout(&self) -> Option<Time> {
        Some(self.current.until())
    }

    /// Whether requests that arrive now are served with the layer.
    pub fn arm(&self) -> Arm {
        self.current.arm()
    }

    /// The present block; `None` while times in system are being learned.
    pub fn span(&self) -> Option<Span> {
        (self.current.role() != Role::Settling).then(|| self.current.span())
    }

    /// What is measured so far.
    pub fn gain(&self) -> Gain {
        self.sequence.gain()
    }

    /// What follows from it.
    pub fn verdict(&self) -> Verdict {
        self.gain().verdict(self.spec.least_worthwhile)
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        let block_max = self.spec.block_max;
        match (self.current.role(), self.length) {
            (Role::Holding, _) => Phase::Holding { blocks_left: self.holds_left },
            (Role::Settling, Some(needed)) => Phase::TooSlow { needed, block_max },
            (_, Some(block)) => Phase::Measuring { block },
            (_, None) => Phase::Settling { outcomes: self.times[0].count(), needed: OUTCOMES_MIN },
        }
    }

    /// Sequences begun before this one, because the pool changed or somebody asked.
    pub fn restarts(&self) -> u32 {
        self.attempt - 1
    }

    /// Outcomes that came after their block had been settled, or from before the first.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Forgets what was measured, as when the layer is another than before; its error
    /// is the smaller share that is left for a further attempt.
    pub fn restart(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
        self.sequence = sequence(&self.spec, self.attempt).expect("the spec was checked");
        self.change = ChangeDetector::new();
        self.first = None;
        self.holds_left = 0;
    }

    fn settle(&mut self, settled: Settled) {
        let without = settled.figure.filter(|_| settled.arm == Arm::Off);
        if without.is_some_and(|block| self.change.record(block.figure)) {
            self.restart();
            return;
        }
        match settled.role {
            Role::First => self.first = Some(settled),
            Role::Second => {
                if let Some(first) = self.first.take() {
                    self.record_pair(first, settled);
                }
            }
            Role::Settling | Role::Holding => {}
        }
    }

    /// A pair of which a block is empty says nothing, and whether one is empty
    /// follows from arrivals, which the layer has no hand in.
    fn record_pair(&mut self, first: Settled, second: Settled) {
        let (with, without) = if first.arm == Arm::On { (first, second) } else { (second, first) };
        if let (Some(with), Some(without)) = (with.figure, without.figure) {
            self.sequence.record(with, without);
        }
    }

    fn next_block(&mut self, now: Time) -> Block {
        let length = self.current.length();
        match self.current.role() {
            Role::First => {
                return Block::new(Role::Second, self.current.arm().other(), now, length);
            }
            Role::Second if self.verdict() == Verdict::Gain => {
                self.holds_left = self.spec.hold_blocks;
            }
            _ => {}
        }
        if self.holds_left > 0 {
            self.holds_left -= 1;
            return Block::new(Role::Holding, Arm::On, now, length);
        }
        self.begin_pair(now)
    }

    fn begin_pair(&mut self, now: Time) -> Block {
        self.learn_length();
        match self.length {
            Some(length) if length <= self.spec.block_max => {
                let arm = if self.rng.below(2) == 0 { Arm::Off } else { Arm::On };
                Block::new(Role::First, arm, now, length)
            }
            _ => Block::new(Role::Settling, self.settling, now, self.spec.block_min),
        }
    }

    /// By the slower arm: its queues are what the next block inherits.
    fn learn_length(&mut self) {
        let known = self.times.iter().filter(|times| times.count() >= OUTCOMES_MIN);
        let Some(p95) = known.map(Histogram::p95).max() else { return };
        self.length = Some((p95 * block::LENGTH_P95S).max(self.spec.block_min));
        self.times = Default::default();
    }
}

fn sequence(spec: &SwitchbackSpec, attempt: u32) -> Result<PairSequence, SwitchbackError> {
    let alpha = share_of_attempt(spec.alpha, attempt);
    Ok(PairSequence::new(alpha, u64::from(spec.tuned_for_pairs))?)
}

#[cfg(test)]
mod tests;
