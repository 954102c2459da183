//! The server's side of reporting: what is in flight here, and what to expect of it.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::Time;

use super::{Report, ReportCause};

/// Finished requests a server remembers for its estimate. Source: a guess; the
/// paper says only "recent".
const FINISHED_KEPT: usize = 64;

/// Counts a server's requests and estimates what the next one would take.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::Time;
/// use nexus_coord::balance::{Meter, ReportCause};
///
/// let mut meter = Meter::default();
/// let met = meter.handle_arrived();
/// meter.handle_finished(met, Duration::from_millis(30));
/// let report = meter.report(Time::ZERO, ReportCause::Probed);
/// assert_eq!((report.in_flight, report.latency), (0, Some(Duration::from_millis(30))));
/// ```
///
/// # Source
/// Wydrowski and others, "Load is not what you should balance: Introducing
/// Prequal", NSDI 2024: the latency reported is the median over recent requests
/// that met about as many others as there are now.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    in_flight: u32,
    /// How many each recent request met, and what it took; oldest first.
    finished: VecDeque<(u32, Duration)>,
}

impl Meter {
    /// A request arrived. Returns how many it met, for [`Meter::handle_finished`].
    pub fn handle_arrived(&mut self) -> u32 {
        let met = self.in_flight;
        self.in_flight += 1;
        met
    }

    /// A request that had met `met` others ended `response` after its arrival.
    ///
    /// # Panics
    /// If more requests end than arrived.
    pub fn handle_finished(&mut self, met: u32, response: Duration) {
        self.in_flight = self.in_flight.checked_sub(1).expect("each request ends once");
        if self.finished.len() == FINISHED_KEPT {
            self.finished.pop_front();
        }
        self.finished.push_back((met, response));
    }

    /// Requests here, waiting and running.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// What a request arriving now may expect to take; `None` before any finished.
    pub fn latency(&self) -> Option<Duration> {
        let distance = |met: u32| met.abs_diff(self.in_flight);
        let nearest = self.finished.iter().map(|&(met, _)| distance(met)).min()?;
        let mut alike: Vec<Duration> = self
            .finished
            .iter()
            .filter(|&&(met, _)| distance(met) == nearest)
            .map(|&(_, response)| response)
            .collect();
        let middle = alike.len() / 2;
        Some(*alike.select_nth_unstable(middle).1)
    }

    /// What the server says of itself now; the caller adds its utilisation, if known.
    pub fn report(&self, now: Time, cause: ReportCause) -> Report {
        let (in_flight, latency) = (self.in_flight, self.latency());
        Report { at: now, cause, in_flight, latency, cpu: None, memory: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_the_median_of_requests_that_met_as_many() {
        let mut meter = Meter::default();
        let finish = |meter: &mut Meter, met, millis| {
            meter.in_flight += 1;
            meter.handle_finished(met, Duration::from_millis(millis));
        };
        assert_eq!(meter.latency(), None);
        for (met, millis) in [(0, 10), (0, 11), (0, 900), (5, 70), (5, 80), (5, 90)] {
            finish(&mut meter, met, millis);
        }
        assert_eq!(meter.latency(), Some(Duration::from_millis(11)));
        meter.in_flight = 4;
        assert_eq!(meter.latency(), Some(Duration::from_millis(80)));
    }

    #[test]
    fn only_recent_requests_count() {
        let mut meter = Meter::default();
        for millis in 0..1_000 {
            let met = meter.handle_arrived();
            meter.handle_finished(met, Duration::from_millis(millis));
        }
        assert_eq!(meter.finished.len(), FINISHED_KEPT);
        assert_eq!(meter.latency(), Some(Duration::from_millis(968)));
    }
}
