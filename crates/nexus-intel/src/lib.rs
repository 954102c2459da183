//! Learning and adaptation, one layer at a time, each of which must pay for itself.
//!
//! A layer stands on the one below and can be taken away at run time. What it
//! is worth is [measured](measure) on real requests, with an interval; it stays
//! inside bounds; and it [steps down](safety) by itself when it does harm.
//!
//! Separate because all of it is pure: handed the time, what was seen and a
//! source of chance, it decides, and nothing here knows agents, threads, clocks
//! or the machine it runs on. Each layer is a feature of the crate, and builds
//! and is tested without those above it.
#![forbid(unsafe_code)]

#[cfg(feature = "adaptive")]
pub mod adaptive;
#[cfg(feature = "proactive")]
pub mod coordinate;
#[cfg(feature = "proactive")]
pub mod layers;
#[cfg(feature = "proactive")]
pub mod learn;
pub mod measure;
#[cfg(feature = "proactive")]
pub mod proactive;
pub mod replay;
pub mod safety;
