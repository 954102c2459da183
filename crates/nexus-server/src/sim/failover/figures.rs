//! What all deaths came to.

use std::time::Duration;

use nexus_sim::cluster::{FailoverSpec, Outage, PROBE_EVERY};
use serde::Serialize;

use super::{bars, millis};
use crate::columns::{Columns, Side};
use crate::words::{counted, seconds};

/// Of each outage and each death, how long it took.
#[derive(Default)]
pub struct Figures {
    shards_elected: Vec<Duration>,
    shards_acknowledged: Vec<Duration>,
    kills_elected: Vec<Duration>,
    kills_acknowledged: Vec<Duration>,
}

/// What is told of many times.
#[derive(Serialize)]
struct Times {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Times {
    fn of(times: &[Duration]) -> Times {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        // The least that so many of a hundred do not exceed: one that was measured.
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().map_or(0.0, millis)
        };
        Times { p50: at(50), p99: at(99), max: at(100) }
    }

    fn cells(&self, what: &str) -> [String; 4] {
        let [p50, p99, max] = [self.p50, self.p99, self.max].map(|ms| seconds(ms / 1_000.0));
        [what.to_owned(), p50, p99, max]
    }
}

impl Figures {
    /// Takes in what one death did.
    pub fn add(&mut self, outages: &[Outage]) {
        let elected = outages.iter().map(|one| one.elected);
        let acknowledged = outages.iter().map(|one| one.acknowledged);
        self.kills_elected.extend(elected.clone().max());
        self.kills_acknowledged.extend(acknowledged.clone().max());
        self.shards_elected.extend(elected);
        self.shards_acknowledged.extend(acknowledged);
    }

    /// For scripts.
    pub fn json(&self, spec: &FailoverSpec) -> String {
        let all = serde_json::json!({
            "seed": spec.seed,
            "nodes": spec.nodes,
            "shards": spec.shards,
            "latency_us": spec.latency.as_micros() as u64,
            "sync_us": spec.sync.as_micros() as u64,
            "probe_every_ms": millis(PROBE_EVERY),
            "kills": self.kills_elected.len(),
            "outages": self.shards_elected.len(),
            "per_shard": {
                "elected_ms": Times::of(&self.shards_elected),
                "acknowledged_ms": Times::of(&self.shards_acknowledged),
            },
            "per_kill": {
                "elected_ms": Times::of(&self.kills_elected),
                "acknowledged_ms": Times::of(&self.kills_acknowledged),
            },
        });
        serde_json::json!({ "failover": all }).to_string() + "\n"
    }

    /// For people.
    pub fn text(&self, spec: &FailoverSpec) -> String {
        let [latency, sync] = [spec.latency, spec.sync].map(|time| time.as_secs_f64());
        let rows = [
            Times::of(&self.shards_elected).cells("a shard: another leads"),
            Times::of(&self.shards_acknowledged).cells("a shard: a write is done"),
            Times::of(&self.kills_elected).cells("a death: others lead all it led"),
            Times::of(&self.kills_acknowledged).cells("a death: writes to all of it are done"),
        ];
        let headings = [
            ("from the death until", Side::Left),
            ("p50", Side::Right),
            ("p99", Side::Right),
            ("max", Side::Right),
        ];
        format!(
            "{}, {} of a shard; seed {}, {}, {}, frames {} to {}, syncs {} to {}\n\n{}\n\
             outages of a shard, until a write is done:\n{}",
            counted(self.kills_elected.len() as u64, "death"),
            counted(self.shards_elected.len() as u64, "outage"),
            spec.seed,
            counted(spec.nodes.into(), "node"),
            counted(spec.shards.into(), "shard"),
            seconds(latency),
            seconds(2.0 * latency),
            seconds(sync / 2.0),
            seconds(1.5 * sync),
            Columns::new(headings).page(&rows),
            bars::text(&self.shards_acknowledged),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let all = Times::of(&times);
        assert_eq!((all.p50, all.p99, all.max), (100.0, 198.0, 200.0));
        let one = Times::of(&times[..1]);
        assert_eq!((one.p50, one.p99, one.max), (1.0, 1.0, 1.0));
    }

    #[test]
    fn shards_and_deaths_are_counted_apart() {
        let outage = |shard, elected, acknowledged| Outage {
            shard,
            elected: Duration::from_millis(elected),
            acknowledged: Duration::from_millis(acknowledged),
        };
        let mut figures = Figures::default();
        figures.add(&[outage(0, 300, 350), outage(3, 400, 410)]);
        figures.add(&[outage(1, 500, 520)]);
        let spec = FailoverSpec::new(7);
        let json = figures.json(&spec);
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        let all = &json["failover"];
        assert_eq!((&all["kills"], &all["outages"]), (&2.into(), &3.into()));
        assert_eq!(all["per_shard"]["acknowledged_ms"]["p50"], 410.0);
        assert_eq!(all["per_kill"]["elected_ms"]["p50"], 400.0);
        let text = figures.text(&spec);
        assert!(text.starts_with("2 deaths, 3 outages of a shard; seed 7, 5 nodes"), "{text}");
        assert!(text.contains("a death: writes to all of it are done  0.410 s"), "{text}");
    }
}
