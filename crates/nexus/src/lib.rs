//! Nexus: small stateful programs, millions to a node, found by name.
//!
//! This is the crate users import: it runs the agents of `nexus-agent` on
//! threads, with tokio for sockets and timers. Separate because this is the
//! edge: whatever reads a clock, starts a thread or sleeps is here, and what it
//! carries out was decided elsewhere.
//!
//! Read [`Agent`] and [`Handler`] first: they are what you write. Start a
//! [`Node`], [`Node::spawn`] agents, and `tell` or `ask` them through their
//! [`Handle`]s. Tests run the same agents in virtual time, with `nexus-sim`.
#![forbid(unsafe_code)]

extern crate self as nexus;

mod auth;
mod blocking;
mod bounded_file;
mod circuit_breaker;
mod clock;
mod coordinate;
mod cpu_ticks;
mod events;
mod kv;
mod lengths;
mod locality;
mod log;
mod metrics;
mod monitor;
mod node;
mod operation;
mod panics;
mod park;
mod pool;
mod process;
mod reactive;
#[cfg(test)]
mod scratch;
mod seldom;
mod sensors;
mod serve;
mod settings;
mod threads;
mod tls;
mod worker;

pub use auth::{
    CreateTokenError, Identity, LineFault as TokenLineFault, NewToken, ParseRoleError, Role,
    Secret, TOKEN_BYTES_MAX, TOKENS_BYTES_MAX, TOKENS_MAX, TOKENS_RELOAD_S, Tokens, TokensError,
};
pub use blocking::BLOCKING_THREADS_MAX;
pub use bounded_file::ReadError;
pub use circuit_breaker::{BREAKERS_MAX, BreakerError, CircuitBreaker};
pub use coordinate::{
    AgentReport, Agents, BATCH_WITHIN, CoordinateError, Coordinated, Coordinator, Distributed,
    Goal, ItemError, SORTS_MAX, Work, WorkItem, coordinate,
};
pub use events::EVENTS_MAX;
pub use kv::{Kv, KvRules};
pub use locality::{
    Cpu, Gain, Knob, LocalityReport, MEMORY_NODES_MAX, Machine, NodeReading,
    Outcome as TrialOutcome, PREWARM_AGENTS_MAX, Place, Placement, PrewarmError, Prewarmed, Switch,
    TUNE_EVERY_MIN, TopologyError, TrialRecord, Tuner, TunerEffect, TuningReport,
};
pub use nexus_agent::*;
pub use nexus_base::{AgentId, EventName, Level, Rng, Time, UnknownLevel};
pub use nexus_coord::balance::StrategyName;
pub use nexus_coord::coordinate as coordination;
pub use nexus_coord::coordinate::{Account, CoordinationLevel, NotBegun};
pub use nexus_coord::{
    EnabledLevels, FallReason, FeatureError, Features, Reactive, ReactiveError, RequestKind,
    Routed, Routing, Staged, State, Variant,
};
pub use nexus_intel::layers::{TrialError, TrialSpec};
pub use nexus_intel::proactive::{PrefetchCounts, USED_SHARE_MIN};
pub use nexus_intel::{adaptive, learn, measure, safety};
pub use node::{Node, NodeSpec, Shutdown, StartError, WORKERS_MAX};
pub use operation::{Durations, OPERATIONS_MAX, OperationCounts, Operations};
pub use pool::{
    CallSpec, ChosenStrategy, HELD_MAX, IN_FLIGHT_MAX, LayerError, LevelCounts, MEMBERS_MAX,
    Measured, MemberCounts, Pool, PoolCounts, PoolError, PoolShadow, PoolSpawnError, PoolSpec,
    PoolWhy, Served,
};
pub use reactive::{
    AdmissionCounts, Answer, AnswersWhy, KindLayers, KindWhy, LevelUsed, ReactiveAgent,
    ReactiveKind, Request, RequestError, Retry, VariantCounts, feed_layers,
};
pub use sensors::{Sample, Sensors};
pub use serve::{Running, ServeError, Server};
pub use settings::{
    AuthSettings, EventsSettings, ExposureError, Fault as SettingsFault, HttpSettings,
    IdempotencySettings, LevelsSettings, LocalitySettings, LogFormat, LogSettings, NodeSettings,
    Place as SettingsPlace, Problem as SettingsProblem, SETTINGS_BYTES_MAX, Settings,
    SettingsError, Spread, TlsSettings, TraceSettings,
};
pub use tls::{
    CERT_DAYS_MAX, CERT_NAMES_MAX, CertsError, EXPIRY_NOTICE_DAYS, MadeCerts, Tls, TlsError,
    TlsWarning, client_tls, make_certs,
};

/// What nearly every program that uses Nexus needs.
pub mod prelude {
    pub use crate::{
        Accepts, Agent, Context, Handle, Handler, Journaled, Message, Node, Residence, Wire,
    };
}

/// For states, arguments and metadata, which are JSON: a crate that uses Nexus
/// needs no other.
#[doc(no_inline)]
pub use serde_json;

#[doc(hidden)]
pub use nexus_agent::__private;

/// The programs of README.md, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The programs of docs/serve.md, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/serve.md")]
struct ServeGuide;

/// The programs of docs/cluster.md, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/cluster.md")]
struct ClusterGuide;
