//! Who is compared.

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{Strategy, StrategyName, strategy};
use nexus_intel::layers::PoolLayers;
use nexus_intel::proactive::ScheduledSpec;
use nexus_intel::safety::LadderSpec;

use super::condition::Setting;
use super::poison::{Poison, ServerSpeeds, Work};

/// A way to serve a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contender {
    /// Least connections: what all others are compared with.
    Reactive,
    /// One line for all, which learns nothing.
    CentralQueue,
    /// Least connections, with one more request refused where so many are in the pool.
    QueueLimit(u32),
    /// Least connections, with servers that keep nothing of what they have read.
    NothingKept,
    /// With the layers up to this level, and what is wrong with them.
    Level(Level, Option<Poison>),
}

impl Contender {
    /// The proactive level, sound.
    pub const PROACTIVE: Contender = Contender::Level(Level::Proactive, None);
    /// The adaptive level, sound.
    pub const ADAPTIVE: Contender = Contender::Level(Level::Adaptive, None);

    /// The adaptive level, poisoned.
    pub const fn poisoned(poison: Poison) -> Contender {
        Contender::Level(Level::Adaptive, Some(poison))
    }

    /// The name in tables and rows.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Reactive => Level::Reactive.as_str(),
            Contender::CentralQueue => "central-queue",
            Contender::QueueLimit(_) => "queue-limit",
            Contender::NothingKept => "nothing-kept",
            Contender::Level(level, _) => level.as_str(),
        }
    }

    /// What is wrong with it, if anything.
    pub fn poison(self) -> Option<Poison> {
        match self {
            Contender::Level(_, poison) => poison,
            _ => None,
        }
    }

    /// The level it begins at.
    pub fn level(self) -> Level {
        match self {
            Contender::Level(level, _) => level,
            _ => Level::Reactive,
        }
    }

    /// Makes the strategy.
    pub fn strategy(self, setting: &Setting, seed: u64) -> Box<dyn Strategy> {
        match self {
            Contender::CentralQueue => strategy(StrategyName::CentralQueue),
            Contender::Level(level, poison) => Box::new(layers(level, poison, setting, seed)),
            _ => strategy(StrategyName::LeastConnections),
        }
    }
}

/// The layers of a pool, sound or poisoned.
pub type Layers = PoolLayers<Work, ServerSpeeds>;

fn layers(level: Level, poison: Option<Poison>, setting: &Setting, seed: u64) -> Layers {
    let enabled = vec![Level::Proactive, Level::Adaptive];
    let ladder = LadderSpec { asked: level, enabled, ..LadderSpec::default() };
    let (blocks_max, block_tokens) = setting.kept();
    let spec = ScheduledSpec::new("scheduled").keeping(blocks_max, block_tokens);
    let (work, speeds) = (Work::new(poison), ServerSpeeds::new(poison));
    let rng = Rng::new(seed).fork("demo.layers");
    PoolLayers::new(Time::ZERO, ladder, spec, work, speeds, rng)
        .expect("the usual patience does not contradict itself")
}
