//! Whether measuring is honest on real requests: the shipped hour of a
//! large-language-model service, served by a small pool.

mod gains;
mod guardrail;
mod pool;
#[path = "../shipped/mod.rs"]
mod shipped;
