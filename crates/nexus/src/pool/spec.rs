//! How a pool and a call through it are set up.

use std::time::Duration;

use nexus_agent::Intensity;
use nexus_base::Level;
use nexus_coord::balance::StrategyName;
use nexus_coord::{EnabledLevels, Features, Routing};
use nexus_intel::layers::TrialSpec;

use super::layers::{LAYERS, LayerSet, TRIAL};

/// Members of one pool, at most. Source: a guess; a decision stays cheap to
/// here and beyond, but who needs more has several pools.
pub const MEMBERS_MAX: usize = 1 << 14;

/// Calls at the members of one pool at one time, at most. Source: a guess; each
/// takes some 100 bytes in the pool's books.
pub const IN_FLIGHT_MAX: u32 = 1 << 20;

/// Calls that wait for a member of one pool, at most. Source: as above.
pub const HELD_MAX: u32 = 1 << 20;

/// How a pool is set up. Sixteen thousand calls in flight and as many that wait
/// by default; one more is refused.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PoolSpec {
    pub(super) levels: EnabledLevels,
    pub(super) basic: StrategyName,
    pub(super) optimized: StrategyName,
    pub(super) is_choosing: bool,
    pub(super) in_flight_max: u32,
    pub(super) held_max: u32,
    pub(super) replacing: Intensity,
    pub(super) seed: Option<u64>,
    pub(super) layers: LayerSet,
    pub(super) trial: TrialSpec,
}

impl Default for PoolSpec {
    fn default() -> PoolSpec {
        PoolSpec {
            levels: EnabledLevels::BASIC.with(Routing::Optimized),
            basic: StrategyName::RoundRobin,
            optimized: StrategyName::LeastConnections,
            is_choosing: false,
            in_flight_max: 1 << 14,
            held_max: 1 << 14,
            replacing: Intensity::default(),
            seed: None,
            layers: LAYERS,
            trial: TRIAL,
        }
    }
}

impl PoolSpec {
    /// Basic routing in turn, optimized routing by least connections.
    pub fn new() -> PoolSpec {
        PoolSpec::default()
    }

    /// Which levels are enabled; basic always is. Swarm is not in this release and
    /// stays off.
    ///
    /// With adaptive the pool has **layers** that learn what calls take and how fast
    /// members are, and a **trial** that switches them on and off to measure what
    /// they are worth; see [`PoolSpec::layers`] and [`PoolSpec::trial`]. A pool that is
    /// made without it carries nothing of that, and cannot have it later.
    pub fn levels(self, levels: EnabledLevels) -> PoolSpec {
        PoolSpec { levels: available(levels), ..self }
    }

    /// Who picks at the basic level.
    pub fn basic(self, strategy: StrategyName) -> PoolSpec {
        PoolSpec { basic: strategy, ..self }
    }

    /// Who picks at the optimized level.
    ///
    /// Members share the machine with their pool and report nothing on their
    /// own: [`StrategyName::ResourceAware`] is then least connections, and
    /// [`StrategyName::Prequal`]'s probes are answered from what the pool sees.
    pub fn optimized(self, strategy: StrategyName) -> PoolSpec {
        PoolSpec { optimized: strategy, is_choosing: false, ..self }
    }

    /// Who picks at the optimized level is chosen by conditions: least connections at
    /// first, response times weighed where members differ in speed, a central queue
    /// where most are busy. [`Pool::why`](crate::Pool::why) tells what is chosen and why.
    pub fn optimized_by_conditions(self) -> PoolSpec {
        PoolSpec { is_choosing: true, ..self }
    }

    /// Calls at members at one time, from 1 to [`IN_FLIGHT_MAX`]; one more is refused.
    pub fn in_flight_max(self, calls: u32) -> PoolSpec {
        PoolSpec { in_flight_max: calls, ..self }
    }

    /// Calls that wait for a member at one time, up to [`HELD_MAX`]; one more is
    /// refused. Only [`StrategyName::CentralQueue`], chosen by conditions or not, and the
    /// layers of the adaptive level have calls wait.
    pub fn held_max(self, calls: u32) -> PoolSpec {
        PoolSpec { held_max: calls, ..self }
    }

    /// How often each member is replaced when it has ended. With one
    /// replacement too many it is left out; with `restarts_max` 0, at its first end.
    pub fn replacing(self, intensity: Intensity) -> PoolSpec {
        PoolSpec { replacing: intensity, ..self }
    }

    /// Which layers the adaptive routing level may use: proactive, which has calls wait
    /// and schedules them by predicted work, and adaptive, which learns how fast
    /// members are as well. Both by default. [`Level::Reactive`] is below them all and
    /// cannot be named; with no layer at all calls go by least connections.
    pub fn layers(self, layers: impl IntoIterator<Item = Level>) -> PoolSpec {
        PoolSpec { layers: layers.into_iter().collect(), ..self }
    }

    /// How the layers are measured. By default by the mean seconds from call to end, in
    /// blocks of at least two seconds.
    ///
    /// A trial looks at the time whenever a call comes or ends, and at no other: in
    /// a pool without calls nothing is measured, and nothing need be.
    pub fn trial(self, trial: TrialSpec) -> PoolSpec {
        PoolSpec { trial, ..self }
    }

    /// Where its chances come from; the node's secret and its name by default.
    pub fn seed(self, seed: u64) -> PoolSpec {
        PoolSpec { seed: Some(seed), ..self }
    }
}

/// These levels without those that this release does not have.
pub(super) fn available(levels: EnabledLevels) -> EnabledLevels {
    levels.without(Routing::Swarm)
}

/// How one call goes through a pool. A [`Routing`] level alone will often do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallSpec {
    pub(super) routing: Routing,
    pub(super) within: Option<Duration>,
    pub(super) features: Features,
}

impl CallSpec {
    /// Routed at this level.
    pub fn new(routing: Routing) -> CallSpec {
        CallSpec { routing, within: None, features: Features::DEFAULT }
    }

    /// Takes at most this long, waiting for a member included, instead of the
    /// kind's [`Agent::DEADLINE`](crate::Agent::DEADLINE). Inside a handler the
    /// handler's own deadline holds as well.
    pub fn within(self, limit: Duration) -> CallSpec {
        CallSpec { within: Some(limit), ..self }
    }

    /// What the call declares about itself, for strategies that look at it.
    pub fn features(self, features: Features) -> CallSpec {
        CallSpec { features, ..self }
    }
}

impl From<Routing> for CallSpec {
    fn from(routing: Routing) -> CallSpec {
        CallSpec::new(routing)
    }
}
