//! `nexus sim failover`: how long shards take no write after the process that leads them died.

mod bars;
mod figures;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use nexus_sim::cluster::{
    Failover, FailoverError, FailoverSpec, Kill, Kind, NODES_MAX, SHARDS_MAX, TooSlow,
};
use serde::Serialize;

use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::sim::params;
use figures::Figures;

const EXAMPLES: &str = "\
Examples:
  nexus sim failover
      a thousand deaths in a cluster of five nodes and eight shards
  nexus sim failover --kills 100 --nodes 3 --shards 1 --sync-us 50000
      a small cluster, with disks that take 50 ms for a sync
  nexus sim failover --world nodes
      the same of whole nodes, until an agent of the shard answers again
  nexus sim failover --format json > rows.jsonl
      one row for each death, and one for all

What is measured: in a cluster in which nothing else goes wrong, a process that leads
something dies at a random moment and comes back after one to five seconds. Members have
their default times. For each shard that it led: how long until another leads, and until
a client is told that a write begun since the death is done. A client tries every 10 ms,
at all members at once, so that up to 10 ms are the client's, and two ways. Of whole nodes
a write is asked of an agent with kept state, through each node that lives: it has to be
found where it is now, and made anew there.

A question and a vote, two frames and two syncs, must be possible within 300 ms, the default
election timeout; slower ones are refused, with the limits.";

/// Kill leaders, and measure how long their shards take no write
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct FailoverArgs {
    /// What the cluster consists of: groups that agree on logs, or whole nodes with agents
    #[arg(long, value_name = "KIND", default_value = "groups", value_parser = params::kind)]
    world: Kind,
    /// Processes to kill, one after another
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    kills: u32,
    /// Nodes in the cluster
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(3..=i64::from(NODES_MAX)))]
    nodes: u32,
    /// Shards, each a group of three members
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(SHARDS_MAX)))]
    shards: u32,
    /// Microseconds that a frame takes at least; the most is twice that
    #[arg(long, value_name = "US", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    latency_us: u64,
    /// Microseconds that a sync takes in the mean, half more or less
    #[arg(long, value_name = "US", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    sync_us: u64,
}

impl FailoverArgs {
    fn spec(&self, seed: u64) -> FailoverSpec {
        FailoverSpec {
            nodes: self.nodes,
            shards: self.shards,
            latency: Duration::from_micros(self.latency_us),
            sync: Duration::from_micros(self.sync_us),
            ..FailoverSpec::new(seed)
        }
    }

    fn gave_up(&self, spec: &FailoverSpec, number: u32, error: &FailoverError) -> Failure {
        let when = match error {
            FailoverError::Unwell { .. } => "before death",
            _ => "death",
        };
        Failure::Check(format!(
            "seed {}, {when} {number}: {error}\nto see it again: nexus sim failover --world {} --seed \
             {} --kills {number} --nodes {} --shards {} --latency-us {} --sync-us {}",
            spec.seed,
            self.world.name(),
            spec.seed,
            spec.nodes,
            spec.shards,
            spec.latency.as_micros(),
            spec.sync.as_micros()
        ))
    }
}

/// What one death did; scripts rely on its fields.
#[derive(Serialize)]
struct Row {
    kill: u32,
    seed: u64,
    at_s: f64,
    node: String,
    down_s: f64,
    elected_ms: f64,
    acknowledged_ms: f64,
    shards: Vec<ShardRow>,
}

/// What it did to one shard.
#[derive(Serialize)]
struct ShardRow {
    shard: u32,
    elected_ms: f64,
    acknowledged_ms: f64,
}

impl Row {
    fn new(number: u32, seed: u64, kill: &Kill) -> Row {
        let shards = kill.outages.iter().map(|one| ShardRow {
            shard: one.shard,
            elected_ms: millis(one.elected),
            acknowledged_ms: millis(one.acknowledged),
        });
        Row {
            kill: number,
            seed,
            at_s: kill.at.as_secs_f64(),
            node: kill.node.to_string(),
            down_s: kill.down.as_secs_f64(),
            elected_ms: millis(kill.elected()),
            acknowledged_ms: millis(kill.acknowledged()),
            shards: shards.collect(),
        }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("a row has only names and numbers") + "\n"
    }
}

/// Milliseconds for scripts.
fn millis(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// Kills so many; in JSON a row for each, and the figures of all.
pub(super) fn run(
    args: &FailoverArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let spec = args.spec(common.seed);
    spec.check().map_err(|slow| too_slow(&spec, &slow))?;
    let gave_up = |number, error: FailoverError| args.gave_up(&spec, number, &error);
    let progress = Progress::start(args.kills.into(), "killing");
    let mut next_kill = deaths(args.world, spec).map_err(|error| gave_up(1, error))?;
    let mut figures = Figures::default();
    for number in 1..=args.kills {
        let kill = next_kill().map_err(|error| gave_up(number, error))?;
        figures.add(&kill.outages);
        progress.step();
        if common.format == OutputFormat::Json {
            let row = Row::new(number, spec.seed, &kill).json();
            progress.hidden(|| output.print(&row)).map_err(Failure::Output)?;
        }
    }
    drop(progress);
    let json = common.format == OutputFormat::Json;
    let text = if json { figures.json(&spec) } else { figures.text(&spec) };
    output.print(&text).map_err(Failure::Output)
}

/// One death after another, in a cluster of this kind.
type Deaths = Box<dyn FnMut() -> Result<Kill, FailoverError>>;

fn deaths(kind: Kind, spec: FailoverSpec) -> Result<Deaths, FailoverError> {
    Ok(match kind {
        Kind::Groups => {
            let mut failover = Failover::of_groups(spec);
            Box::new(move || failover.next_kill())
        }
        Kind::Nodes => {
            let mut failover = Failover::of_nodes(spec)?;
            Box::new(move || failover.next_kill())
        }
    })
}

/// Why the figures would be of nothing, and what would be better.
fn too_slow(spec: &FailoverSpec, slow: &TooSlow) -> Failure {
    let [latency, sync] = [spec.latency, spec.sync].map(|time| time.as_micros());
    let [latency_max, sync_max] = [slow.latency_max, slow.sync_max].map(|time| time.as_micros());
    let advice = |name: &str, most: u128, other: String| match most {
        0 => format!("{other} is too slow with any --{name}"),
        most => format!("with {other} give --{name} {most} at most"),
    };
    Failure::Unfit(format!(
        "members with their default times bear no such frames and syncs: {slow}\n{}\n{}",
        advice("latency-us", latency_max, format!("--sync-us {sync}")),
        advice("sync-us", sync_max, format!("--latency-us {latency}")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_slow(latency_ms: u64, sync_ms: u64, expected: &str) {
        let [latency, sync] = [latency_ms, sync_ms].map(Duration::from_millis);
        let spec = FailoverSpec { latency, sync, ..FailoverSpec::new(1) };
        let slow = spec.check().expect_err("it is too slow");
        let told = too_slow(&spec, &slow).chain();
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn who_asks_for_what_members_do_not_bear_is_told_what_they_do() {
        check_slow(1_000, 10, "with --sync-us 10000 give --latency-us 70000 at most");
        check_slow(1_000, 10, "--latency-us 1000000 is too slow with any --sync-us");
        check_slow(5, 400, "with --latency-us 5000 give --sync-us 140000 at most");
    }

    #[test]
    fn a_row_has_each_shard_and_the_worst_of_them() {
        let spec = FailoverSpec { nodes: 3, ..FailoverSpec::new(7) };
        let kill = Failover::of_groups(spec).next_kill().expect("nothing else goes wrong");
        let row = Row::new(4, 7, &kill).json();
        let row: serde_json::Value = serde_json::from_str(&row).expect("a row is JSON");
        let shards = row["shards"].as_array().expect("there is a list");
        assert!(!shards.is_empty());
        let worst = |name: &str| {
            let times = shards.iter().filter_map(|shard| shard[name].as_f64());
            times.fold(0.0, f64::max)
        };
        assert_eq!(row["acknowledged_ms"], worst("acknowledged_ms"));
        assert_eq!(row["elected_ms"], worst("elected_ms"));
        assert!(worst("elected_ms") < worst("acknowledged_ms"));
        assert_eq!((&row["kill"], &row["seed"]), (&4.into(), &7.into()));
    }
}
