//! What a node promises its users, on real threads.
//!
//! Nothing here sleeps to let something happen: tests wait for what they need,
//! with a deadline, and each runs under a watchdog, since "it hangs" is the
//! failure most of them are after.

mod blocking;
mod breaker;
mod cycles;
mod dead_letters;
mod deadlines;
mod gates;
mod hello;
mod locality;
mod mailboxes;
mod metrics;
mod misuse;
mod operations;
mod panics;
mod registry;
mod shutdown;
mod sockets;
mod storm;
mod stuck;
mod supervision;
mod support;
mod tasks;
mod timers;
mod two_nodes;
mod watch;
