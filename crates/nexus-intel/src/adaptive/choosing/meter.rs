//! The conditions of a pool, by what its dispatcher sees.

use nexus_base::Time;
use nexus_coord::balance::{Arrival, Finished, Outcome, ServerIndex, View};

use crate::adaptive::Conditions;

/// What is left of an outcome's weight after the next one at the same server. A guess:
/// the mean of some hundred outcomes, which where work varies as much as its mean is
/// off by a tenth.
const FORGETTING: f64 = 0.99;
/// Outcomes before anything is said of a server. A guess.
const OUTCOMES_MIN: f64 = 50.0;
/// Arrivals over which the share with a deadline is taken. A guess.
const ARRIVALS: f64 = 200.0;

/// Measures what there is to be chosen by.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    deadline_share: f64,
    seats: Vec<Seat>,
    /// Scratch: seconds by server.
    seconds: Vec<f64>,
}

/// What one server's requests took, each as if it had been there alone.
#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    seconds: f64,
    outcomes: f64,
}

impl Meter {
    pub(super) fn handle_arrived(&mut self, arrival: &Arrival) {
        let has_deadline = f64::from(u8::from(arrival.deadline < Time::MAX));
        self.deadline_share += (has_deadline - self.deadline_share) / ARRIVALS;
    }

    pub(super) fn handle_joined(&mut self, server: ServerIndex) {
        let seat = server.as_usize();
        if seat >= self.seats.len() {
            self.seats.resize(seat + 1, Seat::default());
        }
        self.seats[seat] = Seat::default();
    }

    pub(super) fn handle_finished(&mut self, server: ServerIndex, finished: &Finished) {
        if finished.outcome != Outcome::Done {
            return;
        }
        let each_s = finished.response.as_secs_f64() / f64::from(finished.in_flight_at_send);
        let seat = &mut self.seats[server.as_usize()];
        seat.seconds = seat.seconds * FORGETTING + each_s;
        seat.outcomes = seat.outcomes * FORGETTING + 1.0;
    }

    pub(super) fn conditions(&mut self, view: &View<'_>) -> Conditions {
        let servers = view.candidates();
        let in_flight: u64 = servers.iter().map(|&one| u64::from(view.in_flight(one))).sum();
        Conditions {
            load: in_flight as f64 / servers.len().max(1) as f64,
            speed_spread: self.speed_spread(servers),
            deadline_share: self.deadline_share.clamp(0.0, 1.0),
            ..Conditions::default()
        }
    }

    /// How many times as fast the fastest tenth is as the slowest, of those of which
    /// enough is known.
    fn speed_spread(&mut self, servers: &[ServerIndex]) -> f64 {
        let seats = servers.iter().map(|server| self.seats[server.as_usize()]);
        let known = seats.filter(|seat| seat.outcomes >= OUTCOMES_MIN && seat.seconds > 0.0);
        self.seconds.clear();
        self.seconds.extend(known.map(|seat| seat.seconds / seat.outcomes));
        if self.seconds.len() * 2 < servers.len() || self.seconds.is_empty() {
            return 1.0;
        }
        self.seconds.sort_unstable_by(f64::total_cmp);
        let tenth = self.seconds.len() / 10;
        self.seconds[self.seconds.len() - 1 - tenth] / self.seconds[tenth]
    }
}
