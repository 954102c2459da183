//! No two members of a shard believe to hold its lease at one moment of real time, and
//! nobody is elected in a later term while another believes to.
//!
//! Holds while clocks differ in rate by no more than members are told of.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 6.4; Gray and Cheriton,
//! "Leases", 1989.

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Standing, Term};

use super::{Checker, Place, Seen};

/// Until when who believes to hold the lease of a shard.
#[derive(Default)]
pub(super) struct LeaseExclusivity {
    holders: FixedMap<u32, Vec<(NodeId, Time)>>,
    /// The term that a member leads, or led last.
    led: FixedMap<Place, Term>,
}

impl LeaseExclusivity {
    fn held(&mut self, at: Time, place: Place, until: Time) -> Result<(), String> {
        let holders = self.holders.entry(place.shard).or_default();
        holders.retain(|holder| holder.0 != place.node && holder.1 > at);
        if until <= at {
            return Ok(());
        }
        let other = holders.first().copied();
        holders.push((place.node, until));
        match other {
            None => Ok(()),
            Some((node, theirs)) => Err(format!(
                "believes to hold the lease until {until}, while {node} does until {theirs}"
            )),
        }
    }
}

impl LeaseExclusivity {
    /// One that the last vote comes to late leads an earlier term, in which nobody hears it.
    fn elected(&mut self, at: Time, place: Place, term: Term) -> Result<(), String> {
        self.led.insert(place, term);
        let led = |node| self.led.get(&Place { node, ..place }).copied().unwrap_or_default();
        let holders = self.holders.get(&place.shard).into_iter().flatten();
        let mut others = holders
            .filter(|holder| holder.0 != place.node && holder.1 > at && led(holder.0) < term);
        others.next().map_or(Ok(()), |(node, theirs)| {
            let term = term.0;
            Err(format!(
                "leads term {term}, while {node} believes to hold the lease until {theirs}"
            ))
        })
    }
}

impl Checker for LeaseExclusivity {
    fn name(&self) -> &'static str {
        "lease-exclusivity"
    }

    fn see(&mut self, at: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Lease { until } => self.held(at, place, *until),
            Seen::Role(role) if role.is == Standing::Leader => self.elected(at, place, role.term),
            Seen::Ended => self.held(at, place, Time::ZERO),
            _ => Ok(()),
        }
    }
}
