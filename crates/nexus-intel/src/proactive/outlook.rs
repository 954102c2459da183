//! The next seconds of a pool: when each server is free, and where work that
//! waits would be done first.

use nexus_coord::balance::View;

use super::judge::Believed;
use super::seat::Seat;
use super::speeds::Speeds;
use super::spread::Spread;

/// One glance, good for one moment. Candidates are meant by their place in
/// [`View::candidates`].
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    servers: Vec<Server>,
    /// Sum of all speeds.
    capacity: f64,
}

#[derive(Clone, Copy, Debug)]
struct Server {
    seat: usize,
    is_idle: bool,
    free_in_s: f64,
    speed: f64,
}

/// Where work is done first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soonest {
    pub(super) candidate: usize,
    pub(super) done_in_s: f64,
    /// Whether the server would begin at once.
    pub(super) is_idle: bool,
}

impl Outlook {
    /// Looks at all candidates.
    pub(super) fn look<F>(
        &mut self,
        view: &View<'_>,
        seats: &[Seat<F>],
        speeds: &Believed<'_, impl Speeds>,
        spread: &Spread,
    ) {
        let now = view.now();
        self.servers.clear();
        self.servers.extend(view.candidates().iter().map(|&server| {
            let (seat, speed) = (&seats[server.as_usize()], speeds.speed(server));
            let free_in_s = seat.free_in_s(now, speed, spread);
            Server { seat: server.as_usize(), is_idle: seat.is_idle(), free_in_s, speed }
        }));
        self.capacity = self.servers.iter().map(|server| server.speed).sum();
    }

    /// Where work is done first that takes a server of this seat and ordinary
    /// speed so many seconds.
    #[inline]
    pub(super) fn soonest(&self, expected_s: impl Fn(usize) -> f64) -> Soonest {
        let mut best = Soonest { candidate: 0, done_in_s: f64::INFINITY, is_idle: false };
        for (candidate, server) in self.servers.iter().enumerate() {
            let done_in_s = server.free_in_s + expected_s(server.seat) / server.speed;
            if done_in_s < best.done_in_s {
                best = Soonest { candidate, done_in_s, is_idle: server.is_idle };
            }
        }
        best
    }

    /// Books `soonest`, so that what is looked for next sees it.
    pub(super) fn book(&mut self, soonest: Soonest) {
        let server = &mut self.servers[soonest.candidate];
        server.free_in_s = soonest.done_in_s;
        server.is_idle = false;
    }

    /// Seconds that the whole pool takes for this much work; none while it has
    /// never been looked at.
    pub(super) fn takes_s(&self, expected_s: f64) -> f64 {
        if self.capacity > 0.0 { expected_s / self.capacity } else { 0.0 }
    }
}

/// A speed as it may be worked with.
pub(super) fn sane(speed: f64) -> f64 {
    if speed > 0.0 && speed.is_finite() { speed } else { 1.0 }
}
