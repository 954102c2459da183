//! How a layer that does harm is stopped, and how it may come back.
//!
//! A [`Rung`] is one layer: off, cooling down, tried, or on. The [`Ladder`] is the
//! stack of them over one kind or pool: what was asked, what is used, and why.

mod ladder;
mod reason;
mod rung;
mod standing;

pub use ladder::{
    Ladder, LadderEffect, LadderError, LadderSpec, LadderStatus, LayerStatus, Transition,
};
pub use reason::Reason;
pub use rung::{Rung, RungError, RungSpec};
pub use standing::{Stage, Standing};
