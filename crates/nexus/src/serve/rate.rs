//! How often one client may ask: a bucket of tokens for each address. Pure.

use std::net::IpAddr;

use nexus_base::{FixedMap, Time};

/// Addresses remembered. Beyond it the ones that have been quiet are forgotten,
/// which costs them nothing; if none is quiet, newcomers share one bucket.
const CLIENTS_MAX: usize = 65_536;

/// Seconds' worth of requests that may come at once.
const BURST_S: f64 = 2.0;

/// The buckets of all clients.
pub(super) struct Rates {
    per_s: f64,
    clients: FixedMap<IpAddr, Bucket>,
    others: Bucket,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Time,
}

impl Bucket {
    fn take(&mut self, now: Time, per_s: f64) -> bool {
        let fresh = now.since(self.at).as_secs_f64() * per_s;
        self.tokens = (self.tokens + fresh).min(per_s * BURST_S);
        self.at = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    fn is_full(&self, now: Time, per_s: f64) -> bool {
        self.tokens + now.since(self.at).as_secs_f64() * per_s >= per_s * BURST_S
    }
}

impl Rates {
    /// `per_s` requests a second for each client.
    pub(super) fn new(per_s: u32) -> Rates {
        let per_s = f64::from(per_s);
        let full = Bucket { tokens: per_s * BURST_S, at: Time::ZERO };
        Rates { per_s, clients: FixedMap::default(), others: full }
    }

    /// Whether `client` may ask once more now.
    pub(super) fn allows(&mut self, now: Time, client: IpAddr) -> bool {
        let per_s = self.per_s;
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            self.clients.retain(|_, bucket| !bucket.is_full(now, per_s));
            if self.clients.len() >= CLIENTS_MAX {
                return self.others.take(now, per_s);
            }
        }
        let full = Bucket { tokens: per_s * BURST_S, at: now };
        self.clients.entry(client).or_insert(full).take(now, per_s)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_may_burst_and_then_has_its_rate() {
        let mut rates = Rates::new(10);
        let client = IpAddr::from([127, 0, 0, 1]);
        let mut now = Time::ZERO;
        let allowed = (0..100).filter(|_| rates.allows(now, client)).count();
        assert_eq!(allowed, 20);
        now = now.after(Duration::from_secs(1));
        let allowed = (0..100).filter(|_| rates.allows(now, client)).count();
        assert_eq!(allowed, 10);
        assert!(rates.allows(now, IpAddr::from([127, 0, 0, 2])), "others have their own");
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let mut rates = Rates::new(1);
        for number in 0..2 * CLIENTS_MAX as u32 {
            rates.allows(Time::ZERO, IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(rates.clients.len(), CLIENTS_MAX);
        let later = Time::ZERO.after(Duration::from_secs(60));
        assert!(rates.allows(later, IpAddr::from([255, 0, 0, 1])));
        assert_eq!(rates.clients.len(), 1, "the quiet ones are forgotten");
    }
}
