//! What a served node promises on its port, over real sockets.
//!
//! Nothing here sleeps to let something happen, and every wait for the port has
//! an end: a client that gets no answer in time fails its test.

mod agents;
mod door;
mod drain;
mod encrypted;
mod events;
mod failures;
mod hostile;
mod levels;
mod list;
mod live;
mod log;
mod node;
mod overload;
mod own;
mod repeats;
mod support;
