//! How fast servers are, learned from how long they take.

use nexus_coord::balance::ServerIndex;

use crate::proactive::Speeds;

/// What is left of an outcome's weight after the next one at the same server.
/// Measured on the shipped trace with speeds that change: less forgets too much of
/// what work varies by itself, more follows a change too late.
const FORGETTING: f64 = 0.97;

/// A server that has done nothing yet counts as if it had done so much at
/// ordinary speed. A guess.
const PRIOR_OUTCOMES: f64 = 2.0;

/// Outcomes over which the mean service time is taken. A guess.
const MEAN_OUTCOMES: f64 = 1_000.0;

/// The speed of each server: work expected of it over the time it took, lately.
///
/// Ratios of sums, not means of ratios: a short request that took long says
/// little, a long one much.
#[derive(Clone, Debug, Default)]
pub struct LearnedSpeeds {
    is_on: bool,
    served: Vec<Served>,
    /// Mean service time of all servers, in seconds.
    mean_s: f64,
    outcomes: f64,
}

/// Sums over the outcomes of one server, with old ones faded.
#[derive(Clone, Copy, Debug, Default)]
struct Served {
    expected_s: f64,
    service_s: f64,
}

impl LearnedSpeeds {
    /// One that has seen nothing.
    pub fn new() -> LearnedSpeeds {
        LearnedSpeeds { is_on: true, ..LearnedSpeeds::default() }
    }
}

impl Speeds for LearnedSpeeds {
    fn handle_joined(&mut self, server: ServerIndex) {
        let seats = server.as_usize() + 1;
        if self.served.len() < seats {
            self.served.resize(seats, Served::default());
        }
        self.served[server.as_usize()] = Served::default();
    }

    fn handle_served(&mut self, server: ServerIndex, expected_s: f64, service_s: f64) {
        self.outcomes = f64::min(self.outcomes + 1.0, MEAN_OUTCOMES);
        self.mean_s += (service_s - self.mean_s) / self.outcomes;
        let served = &mut self.served[server.as_usize()];
        served.expected_s = served.expected_s * FORGETTING + expected_s;
        served.service_s = served.service_s * FORGETTING + service_s;
    }

    fn speed(&self, server: ServerIndex) -> f64 {
        if self.is_on { self.learned(server) } else { 1.0 }
    }

    fn learned(&self, server: ServerIndex) -> f64 {
        let prior_s = PRIOR_OUTCOMES * self.mean_s;
        let Some(served) = self.served.get(server.as_usize()) else { return 1.0 };
        let service_s = served.service_s + prior_s;
        if service_s > 0.0 { (served.expected_s + prior_s) / service_s } else { 1.0 }
    }

    fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    fn forget(&mut self) {
        self.served.fill(Served::default());
    }

    fn size_bytes(&self) -> usize {
        self.served.capacity() * size_of::<Served>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerIndex = ServerIndex::new(0);

    fn serve(speeds: &mut LearnedSpeeds, count: u32, speed: f64) {
        (0..count).for_each(|_| speeds.handle_served(SERVER, 4.0, 4.0 / speed));
    }

    #[test]
    fn a_server_is_as_fast_as_it_has_been_lately() {
        let mut speeds = LearnedSpeeds::new();
        speeds.handle_joined(SERVER);
        assert_eq!(speeds.speed(SERVER), 1.0);
        serve(&mut speeds, 200, 0.5);
        assert!((speeds.speed(SERVER) - 0.5).abs() < 0.05, "{}", speeds.speed(SERVER));
        serve(&mut speeds, 100, 1.0);
        assert!((speeds.speed(SERVER) - 1.0).abs() < 0.05, "{}", speeds.speed(SERVER));
        speeds.set_on(false);
        serve(&mut speeds, 100, 0.5);
        assert_eq!(speeds.speed(SERVER), 1.0);
        assert!(speeds.learned(SERVER) < 0.6, "it learns on");
        speeds.handle_joined(SERVER);
        assert_eq!(speeds.learned(SERVER), 1.0, "a new one inherits nothing");
    }
}
