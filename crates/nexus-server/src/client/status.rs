//! A node as it tells of itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Everything at a glance.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Its name.
    pub node: String,
    /// Its version.
    pub version: String,
    /// Seconds since it started.
    pub uptime_s: f64,
    /// Those it knows of, itself included.
    pub members: Vec<Member>,
    /// How many others must have a change before it counts.
    pub durability: Value,
    /// `majority`, `minority` or `single`.
    pub side: String,
    /// Agents it holds.
    pub agents: u64,
    /// Its worker threads.
    pub workers: u64,
    /// Bytes of memory it occupies.
    pub resident_bytes: u64,
    /// Processor time of late, 100 for one processor; not known everywhere.
    pub cpu_percent: Option<f64>,
    /// Open connections.
    pub connections: u64,
    /// Whether it takes no more work and will end.
    pub draining: bool,
    /// Its kinds of agents by name.
    pub kinds: BTreeMap<String, Kind>,
    /// How long requests to agents took, since it started.
    pub latency: Latency,
    /// The slowest requests of the last minute.
    pub slowest: Vec<Slow>,
}

/// One node among those that work together.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its name.
    pub id: String,
    /// Where it answers.
    pub addr: String,
    /// What the others hold of it.
    pub state: String,
    /// Its version.
    pub version: String,
}

/// The agents of one kind, counted since the node started.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Kind {
    /// How many there are now.
    pub agents: u64,
    /// Messages that wait for them now.
    pub mailbox: u64,
    /// Messages taken.
    pub accepted: u64,
    /// … handled.
    pub handled: u64,
    /// … dropped to make room.
    pub dropped: u64,
    /// … whose agent ended before them.
    pub dead: u64,
    /// … not taken.
    pub refused: u64,
    /// Agents started anew after a crash.
    pub restarted: u64,
    /// Handlers that panicked.
    pub crashed: u64,
    /// Asks answered on the asker's thread.
    pub in_place: u64,
    /// Seconds a message took.
    pub latency_s: Quantiles,
}

/// How long things took, in seconds; `None` if there were none.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Quantiles {
    /// How many things.
    pub count: u64,
    /// Half took no longer.
    pub p50: Option<f64>,
    /// 99 in 100 took no longer.
    pub p99: Option<f64>,
    /// None took longer.
    pub max: Option<f64>,
}

/// A histogram.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// Upper bounds of the buckets but the last, which has none, in seconds.
    pub bounds_s: Vec<f64>,
    /// What fell into each bucket.
    pub counts: Vec<u64>,
}

/// Where a quantile lies, as far as buckets can tell.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reach {
    /// At most these seconds.
    Within(f64),
    /// More than these seconds.
    Above(f64),
}

impl Latency {
    /// How many fell into all buckets.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The bucket in which the share `share` of all, from 0 to 1, is reached;
    /// `None` if there is nothing in the buckets.
    pub fn quantile(&self, share: f64) -> Option<Reach> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0);
        let mut sum = 0u64;
        for (index, count) in self.counts.iter().enumerate() {
            sum = sum.saturating_add(*count);
            if *count > 0 && sum as f64 >= wanted {
                let within = self.bounds_s.get(index).map(|bound| Reach::Within(*bound));
                return within.or_else(|| self.bounds_s.last().map(|last| Reach::Above(*last)));
            }
        }
        None
    }
}

/// A request that took long.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Slow {
    /// Kind and key of the agent.
    pub agent: String,
    /// What it was asked.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// When it ended, in seconds since the node started.
    pub at_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_read_off_the_buckets() {
        let latency = Latency { bounds_s: vec![0.001, 0.01, 0.1], counts: vec![98, 1, 0, 1] };
        assert_eq!(latency.count(), 100);
        assert_eq!(latency.quantile(0.5), Some(Reach::Within(0.001)));
        assert_eq!(latency.quantile(0.99), Some(Reach::Within(0.01)));
        assert_eq!(latency.quantile(1.0), Some(Reach::Above(0.1)));
        assert_eq!(Latency::default().quantile(0.5), None);
        let odd = Latency { bounds_s: Vec::new(), counts: vec![3] };
        assert_eq!(odd.quantile(0.5), None);
    }

    #[test]
    fn a_status_with_fields_missing_or_added_is_read() {
        let text =
            r#"{"node":"n1","new":[1],"kinds":{"kv":{"agents":2,"latency_s":{"p50":null}}}}"#;
        let status: Status = serde_json::from_str(text).expect("it is tolerant");
        assert_eq!((status.node.as_str(), status.kinds["kv"].agents), ("n1", 2));
        assert_eq!(status.kinds["kv"].latency_s.p50, None);
    }
}
