//! What the runtime promises, seed by seed: who runs when and which asks are
//! answered in place is drawn, and the promises must hold all the same.
//!
//! One file for each noun. Every scenario is run twice, the second time in
//! another process.

// The derives speak of `nexus`, the crate users import.
extern crate nexus_agent as nexus;

mod cancel;
mod cycle;
mod deadline;
mod depth;
mod exclusion;
mod foreign;
mod gate;
mod hook;
mod jumble;
mod link;
mod log;
mod order;
mod overflow;
mod panic;
#[allow(clippy::disallowed_methods, reason = "it looks for runs that differ, so they must")]
mod second_run;
mod stuck;
mod supervision;
mod task;
mod timer;
mod world;
