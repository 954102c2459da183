//! Histories made elsewhere, whose verdicts are known.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "reads files, asks the environment where they are, takes the time"
)]

mod causality;
mod data;
mod linearizability;
