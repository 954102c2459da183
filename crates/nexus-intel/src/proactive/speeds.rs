//! How fast servers are thought to be.

use nexus_coord::balance::ServerIndex;

/// An opinion on how fast each server works, relative to the others.
///
/// The proactive level has [`EvenSpeeds`]; the adaptive one learns.
pub trait Speeds: Send {
    /// `server` joined; nothing of whoever had its place before counts.
    fn handle_joined(&mut self, server: ServerIndex);

    /// `server` took `service_s` seconds for what was expected to take
    /// `expected_s` at an ordinary one. Both are above zero and finite.
    fn handle_served(&mut self, server: ServerIndex, expected_s: f64, service_s: f64);

    /// Work done in a second relative to an ordinary server. What is not a number
    /// above zero counts as a fault and as 1.
    ///
    /// Asked when a server joined or has served something, and of all servers when
    /// speeds were forgotten or turned on or off; not for each request.
    fn speed(&self, server: ServerIndex) -> f64;

    /// What has been learned of a server, said or not.
    fn learned(&self, server: ServerIndex) -> f64 {
        self.speed(server)
    }

    /// Whether what is learned is to be said, or every speed to be 1 while it
    /// learns on.
    fn set_on(&mut self, _is_on: bool) {}

    /// What was learned does not hold any more.
    fn forget(&mut self) {}

    /// Bytes that it has on the heap.
    fn size_bytes(&self) -> usize {
        0
    }
}

/// All servers are equally fast.
#[derive(Clone, Copy, Default, Debug)]
pub struct EvenSpeeds;

impl Speeds for EvenSpeeds {
    fn handle_joined(&mut self, _: ServerIndex) {}

    fn handle_served(&mut self, _: ServerIndex, _: f64, _: f64) {}

    fn speed(&self, _: ServerIndex) -> f64 {
        1.0
    }
}
