//! Kinds with layers: what they keep, choose, learn and take back, at which level.

#[path = "kind_layers/support.rs"]
mod support;

#[path = "kind_layers/answers.rs"]
mod answers;
#[path = "kind_layers/deadlines.rs"]
mod deadlines;
#[path = "kind_layers/gain.rs"]
mod gain;
#[path = "kind_layers/prefetch.rs"]
mod prefetch;
#[path = "kind_layers/proactive.rs"]
mod proactive;
#[path = "kind_layers/readings.rs"]
mod readings;
#[path = "kind_layers/variants.rs"]
mod variants;
