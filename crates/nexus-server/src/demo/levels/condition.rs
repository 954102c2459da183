//! Under which conditions levels are compared.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use nexus_base::{Rng, Time};
use nexus_coord::balance::ServerIndex;

use super::contender::Contender;
use super::poison::Poison;
use super::repeats;
use super::watched::Watch;
use crate::demo::simulate::{Contexts, Terms};
use crate::demo::speeds::{Speed, SpeedPlan, Speeds};
use crate::trace::Trace;

/// What a pool has to live with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Condition {
    /// Every server at speed 1
    Equal,
    /// 7 of 31 servers at 1.5, 7 at 0.5
    Mixed,
    /// 7 of 31 servers fall to 0.3 after 20 minutes and recover after 40
    Changing,
    /// Requests come 1.3 times as fast, and are of no use after 30 s
    Overload,
    /// Shipped conversations, 40 servers, whatever the trace and --servers: contexts begin as
    /// earlier ones, and servers keep them
    Repeats,
    /// The layers are fed nonsense, on a mixed pool
    Poisoned,
}

/// When 7 in 31 servers become slow, and when they recover.
const FALL_AT: Time = Time::from_nanos(1_200_000_000_000);
const RISE_AT: Time = Time::from_nanos(2_400_000_000_000);

/// The share of servers whose speed changes: 7 in 31.
const CHANGING: (usize, usize) = (7, 31);

/// How long an answer is of use under overload.
const DEADLINE: Duration = Duration::from_secs(30);

/// Arrivals under overload are denser by this much, in tenths.
const OVERLOAD_TENTHS: u32 = 13;

/// Servers for conversations: they are 82 % busy where nothing is kept.
const REPEATS_SERVERS: u32 = 40;

/// Requests in the pool for each server at which one more is refused: the best of
/// 2 to 7 for the share served in time, tried by a search for just that.
const QUEUE_LIMIT_PER_SERVER: u32 = 3;

impl Condition {
    /// The name on the command line and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Equal => "equal",
            Condition::Mixed => "mixed",
            Condition::Changing => "changing",
            Condition::Overload => "overload",
            Condition::Repeats => "repeats",
            Condition::Poisoned => "poisoned",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> String {
        let value = self.to_possible_value().expect("no condition is hidden");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// Who is compared under it; the first is what the others are compared with.
    pub fn contenders(self, server_count: u32) -> Vec<Contender> {
        let levels = [Contender::PROACTIVE, Contender::ADAPTIVE];
        let before = match self {
            Condition::Equal | Condition::Mixed | Condition::Changing => {
                vec![Contender::Reactive, Contender::CentralQueue]
            }
            Condition::Overload => {
                let limit = QUEUE_LIMIT_PER_SERVER * server_count;
                vec![Contender::Reactive, Contender::QueueLimit(limit)]
            }
            Condition::Repeats => vec![Contender::Reactive, Contender::NothingKept],
            Condition::Poisoned => {
                let poisoned = Poison::ALL.into_iter().map(Contender::poisoned);
                return std::iter::once(Contender::Reactive).chain(poisoned).collect();
            }
        };
        before.into_iter().chain(levels).collect()
    }
}

/// A condition with all that belongs to it but chance.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Which.
    pub condition: Condition,
    /// The requests.
    pub trace: Arc<Trace>,
    /// Servers in the pool.
    pub server_count: u32,
    contexts: Option<Arc<Contexts>>,
}

impl Setting {
    /// The setting of a condition, with this trace where it does not bring its own.
    pub fn new(condition: Condition, trace: &Arc<Trace>, server_count: u32) -> Setting {
        let setting =
            |trace, server_count, contexts| Setting { condition, trace, server_count, contexts };
        match condition {
            Condition::Overload => {
                setting(Arc::new(trace.denser_by_tenths(OVERLOAD_TENTHS)), server_count, None)
            }
            Condition::Repeats => {
                let (trace, contexts) = repeats::shipped();
                setting(Arc::new(trace), REPEATS_SERVERS, Some(Arc::new(contexts)))
            }
            _ => setting(trace.clone(), server_count, None),
        }
    }

    /// On which terms the pool takes requests from this contender.
    pub fn terms(&self, contender: Contender) -> Terms {
        let in_pool_max = match contender {
            Contender::QueueLimit(limit) => Some(limit),
            _ => None,
        };
        let deadline = (self.condition == Condition::Overload).then_some(DEADLINE);
        let contexts = self.contexts.clone().filter(|_| contender != Contender::NothingKept);
        Terms { deadline, in_pool_max, contexts }
    }

    /// How much servers keep: blocks, and tokens in each.
    pub fn kept(&self) -> (usize, u32) {
        self.contexts.as_ref().map_or((0, 0), |kept| (kept.kept_max, kept.block_tokens))
    }

    /// How long an answer is of use, if not for ever.
    pub fn deadline(&self) -> Option<Duration> {
        (self.condition == Condition::Overload).then_some(DEADLINE)
    }

    /// The speed of each server, drawn from the seed.
    pub fn speeds(&self, seed: u64) -> Vec<SpeedPlan> {
        let speeds = match self.condition {
            Condition::Mixed | Condition::Poisoned => Speeds::Mixed,
            _ => Speeds::Equal,
        };
        let mut plans: Vec<SpeedPlan> =
            speeds.pool(self.server_count, seed).into_iter().map(SpeedPlan::from).collect();
        for server in self.changing(seed) {
            plans[server] = plans[server].with_spell(FALL_AT, RISE_AT, Speed::FALLEN);
        }
        plans
    }

    /// What is waited for in a pool whose speeds change.
    pub fn watch(&self, seed: u64) -> Option<Watch> {
        (self.condition == Condition::Changing).then(|| Watch {
            servers: self.changing(seed).map(|server| ServerIndex::new(server as u32)).collect(),
            changes: vec![(FALL_AT, true), (RISE_AT, false)],
            between: 0.65,
        })
    }

    /// The servers whose speed changes.
    fn changing(&self, seed: u64) -> impl Iterator<Item = usize> {
        let servers = self.server_count as usize;
        let count = match self.condition {
            Condition::Changing => (servers * CHANGING.0 + CHANGING.1 / 2) / CHANGING.1,
            _ => 0,
        };
        let mut order: Vec<usize> = (0..servers).collect();
        Rng::new(seed).fork("demo.changing").shuffle(&mut order);
        order.into_iter().take(count)
    }
}
