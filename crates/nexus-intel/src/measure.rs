//! What a layer is worth: gains with intervals, and how they come about honestly.
//!
//! Offline the same arrivals are served twice ([`PairedReplay`]). Live a whole pool is
//! switched to and fro ([`Switchback`]). Both give a [`Gain`], and that a
//! [`Verdict`], which the [ladder](crate::safety) acts upon.

mod change;
mod confidence_sequence;
mod error_budget;
mod gain;
mod mixture;
mod objective;
mod pair_sequence;
mod paired;
mod switchback;

pub use change::ChangeDetector;
pub use confidence_sequence::ConfidenceSequence;
pub use error_budget::{BudgetError, ErrorBudget};
pub use gain::{Gain, Verdict};
pub use mixture::SequenceError;
pub use objective::Objective;
pub use pair_sequence::PairSequence;
pub use paired::{FigureError, PAIRS_MAX, PairedReplay};
pub use switchback::{Arm, Phase, Switchback, SwitchbackError, SwitchbackSpec};
