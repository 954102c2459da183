//! Agents with speeds that nobody is told, and batches for them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use nexus_base::{AgentId, Rng, Time};
use nexus_coord::Features;
use nexus_coord::coordinate::{
    Account, Batch, BatchSpec, CoordinationLevel, Effect, Ended, Item, Planner, Run,
};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::coordinate::Learned;
use nexus_intel::learn::ModelKind;
use nexus_intel::proactive::LearnedWork;

/// What is learned by those under test.
pub type Mind = Learned<LearnedWork, LearnedSpeeds>;

pub fn mind() -> Mind {
    Learned::new(LearnedWork::of(ModelKind::Tree), LearnedSpeeds::new())
}

/// One piece of work: what is declared, and what it takes in truth.
#[derive(Clone, Copy)]
pub struct Piece {
    pub complexity: f64,
    /// Seconds at an agent of speed 1.
    pub work_s: f64,
}

impl Piece {
    fn item(&self) -> Item {
        let features = Features::new(self.complexity, 0.5, 1.0).expect("it is small");
        Item { features, is_repeatable: false }
    }
}

/// How work is drawn.
#[derive(Clone, Copy)]
pub enum Sizes {
    /// All alike, but for some chance.
    Alike,
    /// Exponential, and declared, but for some chance.
    Differing,
    /// Exponential, and what is declared says nothing.
    Undeclared,
}

impl Sizes {
    pub fn draw(self, rng: &mut Rng) -> Piece {
        let chance = 0.8 + 0.4 * rng.unit();
        match self {
            Sizes::Alike => Piece { complexity: 1.0, work_s: chance },
            Sizes::Differing => {
                let complexity = 0.2 + rng.exponential();
                Piece { complexity, work_s: complexity * chance }
            }
            Sizes::Undeclared => {
                Piece { complexity: 0.2 + rng.exponential(), work_s: 0.2 + rng.exponential() }
            }
        }
    }

    pub fn batch(self, rng: &mut Rng, count: usize) -> Vec<Piece> {
        (0..count).map(|_| self.draw(rng)).collect()
    }
}

/// Runs one batch with agents of these speeds; each item is done exactly once.
pub fn run(
    level: CoordinationLevel,
    speeds: &[f64],
    pieces: &[Piece],
    planner: impl Planner,
) -> Account {
    run_spec(BatchSpec::new(level), speeds, pieces, planner)
}

/// As [`run`].
pub fn run_spec(
    spec: BatchSpec,
    speeds: &[f64],
    pieces: &[Piece],
    planner: impl Planner,
) -> Account {
    let ids = (0..speeds.len() as u128).map(AgentId::from_u128).collect();
    let items = pieces.iter().map(Piece::item).collect();
    let mut now = Time::ZERO;
    let mut batch = Batch::new(now, spec, ids, items, planner).expect("it makes sense");
    let mut free_at = vec![now; speeds.len()];
    let mut ends = BinaryHeap::new();
    let mut begun = vec![0; pieces.len()];
    // Ends, and looks at who is late: these are not to be more than a few for each end.
    for step in 0.. {
        assert!(step <= 16 * pieces.len(), "it looks at the time for ever");
        while let Some(effect) = batch.poll_effect() {
            let Effect::Send { item, agent } = effect else {
                panic!("nothing is given up: {effect:?}");
            };
            begun[item] += 1;
            let takes = Duration::from_secs_f64(pieces[item].work_s / speeds[agent]);
            free_at[agent] = free_at[agent].max(now).after(takes);
            ends.push(Reverse((free_at[agent], agent, item)));
        }
        let timeout = batch.next_timeout().unwrap_or(Time::MAX);
        match ends.peek() {
            Some(&Reverse((end, agent, item))) if end <= timeout => {
                ends.pop();
                now = end;
                let ended = Ended { run: Run::Done, leaves: None };
                assert!(batch.handle_ended(now, agent, item, ended));
            }
            Some(_) => {
                now = timeout;
                batch.handle_timeout(now);
            }
            None => break,
        }
    }
    assert!(batch.is_over() && begun.iter().all(|&times| times == 1), "each is done once");
    batch.account()
}
