//! What a layer is worth: gains with intervals, and how they come about honestly.
//!
//! Offline the same arrivals are served twice ([`PairedReplay`]). Live a whole pool is
//! switched to and fro ([`Switchback`]). Both give a [`Gain`], and that a
//! [`Verdict`], which the [ladder](crate::safety) acts upon.

mod change;
mod confidence_sequence;
mod error_budget;
mod gain;
mod guardrail;
mod mixture;
mod objective;
mod pair_sequence;
mod paired;
mod per_request;
mod shadow;
mod switchback;

pub use change::ChangeDetector;
pub use confidence_sequence::ConfidenceSequence;
pub use error_budget::{BudgetError, ErrorBudget};
pub use gain::{Gain, Verdict};
pub use guardrail::{Guardrail, HarmCapError, Trip};
pub use mixture::SequenceError;
pub use objective::Objective;
#[cfg(feature = "proactive")]
pub(crate) use objective::figure;
pub use pair_sequence::{BlockFigure, PairSequence};
pub use paired::{FigureError, PAIRS_MAX, PairedReplay};
pub use per_request::{PerRequest, PerRequestError, Shared};
pub use shadow::{Shadow, ShadowBlock};
pub use switchback::{Arm, Outcome, Phase, Span, Switchback, SwitchbackError, SwitchbackSpec};
