//! Whether clients could tell a store of many nodes from one that does one thing at a time.
//!
//! A history says when each operation began, when its answer came and what it
//! was. It is *linearizable* if every operation can be given one moment between
//! the two at which it took effect, such that a single copy, doing them in that
//! order, would have answered the same. A test that compares only the final
//! state misses a read that went back in time; this does not.
//!
//! Read [`History`] first. In a simulated world, feed it as things happen:
//!
//! ```
//! use nexus_base::Time;
//! use nexus_sim::Verdict;
//! use nexus_sim::linearizability::{Answer, Call, History, Place};
//!
//! let at = |ms: u64| Place::Time(Time::from_nanos(ms * 1_000_000));
//! let mut history = History::incremental();
//!
//! // Client 1 puts; its request times out, so that nobody knows what became of it.
//! let put = history.invoke(at(0), 1, "kv/42 a", Call::Put(7.into()));
//! history.unknown(put);
//!
//! // Client 2 sees the value, then does not: no single copy answers like that.
//! for (ms, answer) in [(60, Some(7.into())), (80, None)] {
//!     let get = history.invoke(at(ms), 2, "kv/42 a", Call::Get);
//!     history.ok(get, at(ms + 5), Answer::Found(answer));
//! }
//! let Verdict::Violated(reason) = history.check() else { panic!("nobody noticed") };
//! assert!(reason.contains("get by client 2"), "{reason}");
//! ```
//!
//! * `ok`: the answer is known. `fail`: it surely had no effect. `unknown`: it
//!   may take effect at any later moment or never; a request that timed out, or
//!   met an error that says `changed: unknown`, is this, not a failure.
//! * [`History::violation`] is cheap, for a look after every step: what is
//!   checked already is known there. [`History::check`] looks at the rest too.
//! * Files are read by [`check`], which `nexus sim check linearizability` calls.
//! * Something else than a store: write a [`Model`] and use [`History::of`].
//!
//! # Source
//! Wing and Gong, "Testing and verifying concurrent objects", 1993; Lowe,
//! "Testing for linearizability", 2016, whose memory of what was tried makes it
//! practical; Horn and Kroening, "Faster linearizability checking via
//! P-compositionality", 2015: keys are checked one by one.
//!
//! Absent on purpose: clocks and files. Moments are in the order of the calls.

mod config;
mod explain;
mod history;
mod limits;
mod model;
mod operation;
mod place;
mod read;
mod search;
mod store;
#[cfg(test)]
mod tests;
mod window;

pub use history::{History, OperationId};
pub use limits::Limits;
pub use model::Model;
pub use place::Place;
pub use read::check;
pub use store::{Answer, Call, Held, Store, Value};
