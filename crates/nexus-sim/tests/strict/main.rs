//! Strict agents without a cluster: a desk stands in for the node, keeps what
//! it is told and lets the scenario decide what comes of it.

// The derives speak of `nexus`, the crate users import.
extern crate nexus_agent as nexus;

mod activation;
mod call;
mod delivery;
mod desk;
mod endings;
mod kinds;
mod letters;
mod limits;
