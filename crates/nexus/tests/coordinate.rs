//! Coordination of real agents, on threads and in virtual time: what becomes of each
//! item, which level serves, and what happens when agents end meanwhile.

#[path = "coordinate/support.rs"]
mod support;

#[path = "coordinate/ends.rs"]
mod ends;
#[path = "coordinate/levels.rs"]
mod levels;
#[path = "coordinate/limits.rs"]
mod limits;
