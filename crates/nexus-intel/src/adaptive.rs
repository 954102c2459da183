//! Sensors, rules and adaptations: behaviour that follows conditions, inside bounds.
//!
//! An [`Adapter`] is fed [readings](Sensor), smooths them, and doubts those that
//! cannot be true. [Rules](Rule) with hysteresis ask for one of four
//! [adaptations](AdaptationKind), which turn [`Knobs`] one step at a time inside
//! [`Bounds`]. Each step has an id, a place in the [`History`], and can be rolled
//! back, by somebody or by itself when it measures worse. A [`Chooser`] picks how
//! a pool is balanced, as [`Choosing`] then does, and an [`AnswerCache`] keeps answers while caching is on.
//!
//! Absent on purpose: where readings come from, and the handlers and pools that
//! read the knobs: both are at the edge.

mod adaptation;
mod adapter;
mod bounds;
mod cache;
mod choose;
mod choosing;
mod effect;
mod history;
mod knobs;
mod learned_speeds;
mod pace;
mod rule;
mod rules;
mod sensor;
mod sensors;
mod trial;

pub use adaptation::{Adaptation, AdaptationId, End, ParseAdaptationIdError, Reason, RolledBack};
pub use adapter::{
    Adapter, AdapterError, AdapterSpec, EFFECTS_MAX, GainOutcome, RollbackError, TrialError,
};
pub use bounds::{
    Bounds, BoundsError, BoundsSpec, CACHE_ENTRIES_MAX, CACHE_TTL_MAX, FACTOR_MAX, STEPS_MAX, Span,
    Use,
};
pub use cache::{
    AnswerCache, AnswerKey, CacheCounts, InsertError, Lookup, Ticket, write_canonical,
};
pub use choose::{
    Choice, Chooser, Chosen, Conditions, ConditionsError, SETTLE, STRATEGY_DWELL, Why,
};
pub use choosing::Choosing;
pub use effect::Effect;
pub use history::{HISTORY_MAX, History, Missing};
pub use knobs::{AdaptationKind, CacheKnobs, Knobs};
pub use learned_speeds::LearnedSpeeds;
pub use pace::{DWELL_MIN, Pace, PaceError};
pub use rule::{
    HOLD_MAX, HOLD_MIN, RULE_NAME_BYTES_MAX, RULES_MAX, Rule, RuleError, RuleSpec, Side,
};
pub use rules::Rules;
pub use sensor::{Readings, Sensor};
pub use sensors::{
    DOUBT_WITHIN, Doubt, Health, ReadingError, SensorSpec, SensorSpecError, Sensors,
};
pub use trial::{AdaptationTrial, Came, Ended, OnTrial};
