//! Data that many nodes change without asking each other, and that becomes the same
//! everywhere once all have heard of all changes.
//!
//! Every type is a join semilattice: merging is commutative, associative and idempotent,
//! so datagrams may come late, twice, in any order. Each change also returns a *delta*, a
//! small value of the same type that holds the change alone; merging deltas is as good as
//! merging whole states. What is promised, and no more: convergence. Two nodes may see
//! different values at the same time, and limits such as "never below zero" cannot be kept.
//!
//! **Replicas.** Each change is marked with who made it and his count of changes. A node
//! that lost its state must not go on under its old number: its new marks would pass for
//! old ones. Give it a new number instead.
//!
//! Absent on purpose: clocks; who sends what to whom (see the gossip module).
//!
//! # Source
//! Almeida, Shoker, Baquero, "Delta State Replicated Data Types", 2018. Shapiro, Preguiça,
//! Baquero, Zawirski, "A comprehensive study of Convergent and Commutative Replicated Data
//! Types", 2011.

mod context;
mod counter;
mod map;
mod register;
mod set;

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use context::{Context, Dot};
pub use counter::{Counter, GrowCounter};
pub use map::CrdtMap;
pub use register::{LastWriter, MultiValue};
pub use set::AddWinsSet;

/// The most replicas that may ever have changed one value.
pub const REPLICAS_MAX: usize = 1_024;
/// The most elements of a set, keys of a map, values written at the same time; and marks
/// that are known without those before them.
pub const ELEMENTS_MAX: usize = 65_536;
/// The longest encoding that is read, in bytes.
pub const ENCODED_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// A value that merges.
pub trait Crdt: Clone + PartialEq + Default + Serialize + DeserializeOwned {
    /// Takes in what another replica knows, or a delta.
    ///
    /// # Errors
    /// [`CrdtError::Full`] if a bound would be passed; nothing has changed then.
    fn merge(&mut self, other: &Self) -> Result<(), CrdtError>;

    /// Whether it is one that our own code could have made, and within bounds.
    fn is_sound(&self) -> bool;

    /// Its bytes.
    fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("plain values into memory are always encoded")
    }

    /// Reads what [`Crdt::encode`] has written.
    ///
    /// # Errors
    /// [`CrdtError::Encoding`] if it is too long, cut off, or not sound.
    fn decode(bytes: &[u8]) -> Result<Self, CrdtError> {
        if bytes.len() > ENCODED_BYTES_MAX {
            return Err(CrdtError::Encoding);
        }
        let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| CrdtError::Encoding)?;
        let value: Self = value;
        if rest.is_empty() && value.is_sound() { Ok(value) } else { Err(CrdtError::Encoding) }
    }
}

/// Why a change, a merge or a decoding did not happen. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrdtError {
    /// A bound would be passed. Split the value into several.
    #[error("the value would have more than {max} {what}")]
    Full {
        /// Of what there would be too many.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A count would not fit its number. Use several counters.
    #[error("the count would not fit")]
    Overflow,
    /// Not the bytes of such a value.
    #[error("the bytes are not those of such a value")]
    Encoding,
}

/// Whether so many are allowed.
fn room(len: usize, max: usize, what: &'static str) -> Result<(), CrdtError> {
    if len > max { Err(CrdtError::Full { what, max }) } else { Ok(()) }
}
