//! Whether the vector clocks of a log tell one story of what happened before what.
//!
//! Each event of a log carries how many events of each host it knows of, its own
//! included. From such clocks people and tools conclude that one event may have
//! caused another; clocks that contradict one another make every such conclusion
//! worthless, and come from a missing line, a message that carried an old clock,
//! or a host that lost its count in a crash. What is checked:
//!
//! 1. A host's own entry grows by exactly 1 with each of its events: sorted by
//!    it, they are 1, 2, 3 and so on. (Lines may be in any order.)
//! 2. No event knows of more events of a host than that host logged.
//! 3. No event happened before itself.
//! 4. No event knows less than its host knew before, or than an event that it
//!    knows of.
//!
//! ```
//! use nexus_sim::causality::check;
//!
//! let log = "\
//! sends to b
//! a {\"a\":1}
//! received from a
//! b {\"b\":1, \"a\":2}
//! ";
//! let verdict = check("mine.log", log.as_bytes())?;
//! assert_eq!(
//!     verdict.reason(),
//!     "host \"b\", event 1 (line 4): it knows of event 2 of host \"a\", which logged only 1"
//! );
//! # Ok::<(), nexus_sim::BadInput>(())
//! ```
//!
//! # Source
//! Fidge, "Timestamps in message-passing systems that preserve the partial
//! ordering", 1988; Mattern, "Virtual time and global states of distributed
//! systems", 1989. The form of the logs is that of ShiViz (Beschastnikh and
//! others, "Debugging distributed systems", 2016).

mod clock;
mod cycle;
mod log;
mod rules;
#[cfg(test)]
mod tests;

use crate::Verdict;
use crate::input::{BadInput, Input};
use log::Log;

/// Whether the vector clocks of a log fit together. `name` stands for the file
/// in errors.
///
/// An event is a line `host {"host":3, "other":5}`, its text on a line before or
/// after it; or one line, `any text host {"host" : 3} more text`, and then every
/// line is one.
///
/// # Errors
/// [`BadInput`] names the line and what was expected there.
pub fn check(name: &str, bytes: &[u8]) -> Result<Verdict, BadInput> {
    let log = Log::read(&Input::new(name, bytes)?)?;
    Ok(rules::check(&log))
}
