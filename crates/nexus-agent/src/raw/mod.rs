//! The one module with `unsafe`: cells, mailboxes, frames and the run flag, and
//! memory that a file backs.
//!
//! Everything here rests on one rule: **whoever holds the run flag owns the
//! cell's insides** (`word`). [`Owned`] is that right as a value, so that the
//! code outside this module is safe. Checked by the loom models in
//! `raw/models.rs`, and by AddressSanitizer over the whole suite.

mod address;
mod cell;
mod envelope;
mod frame;
mod local;
mod mailbox;
mod mapped;
mod owned;
mod pool;
mod ready;
mod slab;
mod waker;
mod word;

#[cfg(all(test, loom))]
mod models;

pub(crate) use address::{Calls, CallsOf, Route, TypedCell};
pub(crate) use cell::{CellRef, CellVtable, MAILBOX_LEN_MAX, Place};
pub(crate) use envelope::{Asked, Envelope};
pub(crate) use frame::{Begun, Step, StepRef};
pub use local::panics_are_caught;
pub(crate) use local::{CurrentTurn, catch, enter, outside, with_turn, with_worker};
pub(crate) use mapped::PrivateFile;
pub(crate) use owned::{Called, Owned};
pub use pool::{fill_message_pool, keep_message_pool};
pub use ready::Ready;
pub(crate) use slab::Slab;
pub(crate) use word::Control;
