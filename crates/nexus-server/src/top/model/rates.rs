//! What happened between two looks, reckoned to one second.

use std::collections::BTreeMap;

use crate::client::Status;

/// Counters of the last look, and how fast they grew up to then.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    last: Option<Counters>,
    kinds: BTreeMap<String, f64>,
    requests: Option<f64>,
}

#[derive(Clone, Debug)]
struct Counters {
    uptime_s: f64,
    kinds: BTreeMap<String, u64>,
    requests: u64,
}

impl Counters {
    fn new(status: &Status) -> Counters {
        let kinds = status.kinds.iter().map(|(name, kind)| (name.clone(), kind.handled));
        Counters {
            uptime_s: status.uptime_s,
            kinds: kinds.collect(),
            requests: status.latency.count(),
        }
    }
}

impl Rates {
    /// Takes in a look; false if another process answers than the time before.
    ///
    /// The time between is that of the node, not ours: it does not contain the
    /// time that its answers took to arrive.
    pub fn see(&mut self, status: &Status) -> bool {
        let seen = Counters::new(status);
        let Some(last) = self.last.replace(seen.clone()) else { return true };
        if seen.uptime_s < last.uptime_s {
            (self.kinds, self.requests) = (BTreeMap::new(), None);
            return false;
        }
        let seconds = seen.uptime_s - last.uptime_s;
        if seconds > 0.0 {
            let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
            let of_kind = |(name, now): (&String, &u64)| {
                (name.clone(), rate(*now, last.kinds.get(name).copied().unwrap_or_default()))
            };
            self.kinds = seen.kinds.iter().map(of_kind).collect();
            self.requests = Some(rate(seen.requests, last.requests));
        }
        true
    }

    /// The node did not answer: what comes next is no rate of now.
    pub fn forget(&mut self) {
        (self.kinds, self.requests) = (BTreeMap::new(), None);
    }

    /// Messages a second that agents of this kind handle; `None` before the
    /// second look.
    pub fn of_kind(&self, name: &str) -> Option<f64> {
        self.kinds.get(name).copied()
    }

    /// Requests a second over HTTP; `None` before the second look.
    pub fn requests(&self) -> Option<f64> {
        self.requests
    }
}
