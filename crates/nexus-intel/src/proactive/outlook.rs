//! The next seconds of a pool: when each server is free, and where work that
//! waits would be done first.

use nexus_base::Time;
use nexus_coord::balance::ServerIndex;

use super::lineup::Lineup;
use super::seat::Seat;
use super::spread::Spread;

/// One glance, good for one moment, at all servers where work might be done first.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    servers: Vec<Server>,
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
    /// Its place in the outlook.
    place: usize,
    pub(super) server: ServerIndex,
    pub(super) done_in_s: f64,
    /// Whether the server would begin at once.
    pub(super) is_idle: bool,
}

impl Outlook {
    /// Looks at all servers, for work that some are done with sooner than their speed
    /// tells.
    pub(super) fn look_at_all<F>(
        &mut self,
        now: Time,
        seats: &[Seat<F>],
        lineup: &Lineup,
        spread: &Spread,
    ) {
        self.servers.clear();
        for (seat, &speed) in lineup.speeds().iter().enumerate().filter(|(_, speed)| **speed > 0.0)
        {
            let free_in_s = seats[seat].free_in_s(now, speed, spread);
            self.servers.push(Server { seat, is_idle: lineup.is_idle(seat), free_in_s, speed });
        }
    }

    /// Looks at the fastest of the idle servers and at the busy ones that are faster.
    /// Where work is the same for all, no other is done with it first.
    pub(super) fn look<F>(
        &mut self,
        now: Time,
        seats: &[Seat<F>],
        lineup: &Lineup,
        spread: &Spread,
    ) {
        self.servers.clear();
        let speeds = lineup.speeds();
        let Some(idle) = lineup.fastest_idle() else { return };
        let fastest_idle =
            Server { seat: idle, is_idle: true, free_in_s: 0.0, speed: speeds[idle] };
        self.servers.push(fastest_idle);
        for (seat, &speed) in speeds.iter().enumerate() {
            if speed > fastest_idle.speed {
                let free_in_s = seats[seat].free_in_s(now, speed, spread);
                self.servers.push(Server { seat, is_idle: false, free_in_s, speed });
            }
        }
    }

    /// Where work is done first that takes a server of this seat and ordinary
    /// speed so many seconds; `None` if nobody was seen.
    #[inline]
    pub(super) fn soonest(&self, expected_s: impl Fn(usize) -> f64) -> Option<Soonest> {
        let (mut best, mut least_s) = (None, f64::INFINITY);
        for (place, server) in self.servers.iter().enumerate() {
            let done_in_s = server.free_in_s + expected_s(server.seat) / server.speed;
            if done_in_s < least_s {
                (best, least_s) = (Some(place), done_in_s);
            }
        }
        let place = best?;
        let Server { seat, is_idle, .. } = self.servers[place];
        let server = ServerIndex::new(seat as u32);
        Some(Soonest { place, server, done_in_s: least_s, is_idle })
    }

    /// Books `soonest`, so that what is looked for next sees it.
    pub(super) fn book(&mut self, soonest: Soonest) {
        let server = &mut self.servers[soonest.place];
        server.free_in_s = soonest.done_in_s;
        server.is_idle = false;
    }
}

/// A speed as it may be worked with.
pub(crate) fn sane(speed: f64) -> f64 {
    if speed > 0.0 && speed.is_finite() { speed } else { 1.0 }
}
