//! Resource-aware: requests in flight, weighed by what servers say is in use.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::draw::Lowest;
use super::nanos::{nanos, nanos_since};
use super::{Arrival, Choice, Report, ServerIndex, Strategy, StrategyName, Utilisation, View};

/// Candidates looked at in a pool larger than [`SCANNED_MAX`]. Source: a guess;
/// the gain of looking at more falls off exponentially (Mitzenmacher 2001).
const SAMPLED: usize = 8;

/// Largest pool in which every candidate is looked at. Source: measured;
/// as many are scored in about 250 ns.
const SCANNED_MAX: usize = 32;

/// Age at which a report counts half. Source: a guess, for servers that report
/// several times a second.
const AGE_HALVED: Duration = Duration::from_secs(1);

/// The candidate with the least load for the request at hand, ties broken
/// uniformly.
///
/// Load is what this dispatcher has in flight at the server, the request itself
/// included, plus what the server reported beyond that; the sum is raised by the
/// share of processor or memory in use, whichever weighs more with the complexity
/// and resource need the request declares. Everything reported is discounted by
/// its age, to half after one second and on towards nothing, so without reports
/// this is least connections over the sample.
///
/// Ages change all scores all the time, so no index can hold them: up to 32
/// candidates are all looked at, of more only 8 drawn for each request.
#[derive(Clone, Debug, Default)]
pub struct ResourceAware {
    known: Vec<Known>,
}

/// What a server reported last; nothing, if it never did, which then weighs nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    at: Time,
    /// Requests at the server that are not ours.
    others: f64,
    cpu: f64,
    memory: f64,
}

impl Known {
    /// What all this counts by now, from 1 towards 0.
    fn weight(&self, now: Time) -> f64 {
        let half = nanos(AGE_HALVED);
        half / (half + nanos_since(now, self.at))
    }

    /// How loaded the server is for this request when `own` of ours are there.
    fn load(&self, now: Time, own: u32, arrival: &Arrival) -> f64 {
        let weight = self.weight(now);
        let cpu = self.cpu * arrival.features.complexity();
        let memory = self.memory * arrival.features.resources();
        (f64::from(own) + 1.0 + weight * self.others) * (1.0 + weight * cpu.max(memory))
    }
}

impl ResourceAware {
    fn offer(
        &self,
        view: &View<'_>,
        arrival: &Arrival,
        server: ServerIndex,
        lowest: &mut Lowest<ServerIndex>,
        rng: &mut Rng,
    ) {
        let own = view.in_flight(server);
        let load = self.known[server.as_usize()].load(view.now(), own, arrival);
        lowest.offer(load, server, rng);
    }
}

impl Strategy for ResourceAware {
    fn name(&self) -> &'static str {
        StrategyName::ResourceAware.as_str()
    }

    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, rng: &mut Rng) -> Choice {
        let candidates = view.candidates();
        let mut lowest = Lowest::new();
        if candidates.len() <= SCANNED_MAX {
            for &server in candidates {
                self.offer(view, arrival, server, &mut lowest, rng);
            }
        } else {
            // With replacement: a candidate drawn twice only makes a draw go to waste.
            for _ in 0..SAMPLED {
                let server = candidates[rng.below(candidates.len() as u64) as usize];
                self.offer(view, arrival, server, &mut lowest, rng);
            }
        }
        Choice::Server(lowest.item().expect("there is a candidate"))
    }

    fn handle_joined(&mut self, _: &View<'_>, server: ServerIndex) {
        let seats = server.as_usize() + 1;
        if self.known.len() < seats {
            self.known.resize(seats, Known::default());
        }
        self.known[server.as_usize()] = Known::default();
    }

    fn handle_report(&mut self, view: &View<'_>, server: ServerIndex, report: &Report) {
        let known = &mut self.known[server.as_usize()];
        // A report that leaves utilisation out leaves what was known of it, faded.
        let weight = known.weight(report.at);
        let faded = |reported: Option<Utilisation>, known: f64| {
            reported.map_or(weight * known, Utilisation::share)
        };
        *known = Known {
            at: report.at,
            // Approximate while messages are on their way, and never below zero.
            others: f64::from(report.in_flight.saturating_sub(view.in_flight(server))),
            cpu: faded(report.cpu, known.cpu),
            memory: faded(report.memory, known.memory),
        };
    }
}
