//! What a simulated cluster can be told to be like.

use std::time::Duration;

use clap::Args;
use nexus_sim::cluster::{ClusterSpec, Families, Family, Kind, MINUTES_MAX, NODES_MAX, SHARDS_MAX};

/// Nodes unless told otherwise.
const NODES: u32 = 5;
/// Shards unless told otherwise.
const SHARDS: u32 = 8;
/// Virtual minutes unless told otherwise.
const MINUTES: u32 = 10;

/// What every run can be told.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// What the cluster consists of: groups that agree on logs, or whole nodes with agents
    #[arg(long, value_name = "KIND", default_value = "groups", value_parser = kind)]
    pub world: Kind,
    /// Nodes in the cluster
    #[arg(long, value_name = "N", default_value_t = NODES)]
    #[arg(value_parser = clap::value_parser!(u32).range(3..=i64::from(NODES_MAX)))]
    pub nodes: u32,
    /// Shards, each a group of three members
    #[arg(long, value_name = "N", default_value_t = SHARDS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(SHARDS_MAX)))]
    pub shards: u32,
    /// Virtual minutes in which things go wrong [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MINUTES_MAX)))]
    pub minutes: Option<u32>,
    /// The same in seconds, for short runs
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60 * i64::from(MINUTES_MAX)))]
    pub seconds: Option<u32>,
    /// What may go wrong; a seed draws some of it [default: all]
    #[arg(long, value_name = "FAMILY", num_args = 1.., value_delimiter = ',')]
    #[arg(value_parser = family)]
    pub faults: Vec<Family>,
    /// Nothing goes wrong
    #[arg(long, conflicts_with = "faults")]
    pub calm: bool,
}

/// The kind of cluster of this name.
pub(super) fn kind(name: &str) -> Result<Kind, String> {
    let found = [Kind::Groups, Kind::Nodes].into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| "give groups or nodes".to_owned())
}

fn family(name: &str) -> Result<Family, String> {
    let known = || Family::ALL.map(Family::name).join(", ");
    Family::of(name).ok_or_else(|| format!("give one or more of {}", known()))
}

impl Params {
    /// The cluster of `seed`.
    pub fn spec(&self, seed: u64) -> ClusterSpec {
        ClusterSpec {
            kind: self.world,
            nodes: self.nodes,
            shards: self.shards,
            faults_for: Duration::from_secs(self.faults_s().into()),
            families: self.families(),
            ..ClusterSpec::new(seed)
        }
    }

    /// Seconds in which things go wrong.
    pub fn faults_s(&self) -> u32 {
        self.seconds.unwrap_or(60 * self.minutes.unwrap_or(MINUTES))
    }

    fn families(&self) -> Families {
        if self.calm {
            return Families::NONE;
        }
        if self.faults.is_empty() {
            return Families::ALL;
        }
        self.faults.iter().fold(Families::NONE, |all, family| all.with(*family))
    }
}

/// The words that make the command run `spec`, but for the command itself.
pub fn words(spec: &ClusterSpec) -> Vec<String> {
    let mut words = vec!["--seed".to_owned(), spec.seed.to_string()];
    let mut say = |name: &str, value: String| words.extend([name.to_owned(), value]);
    let usual = ClusterSpec::new(spec.seed);
    if spec.kind != usual.kind {
        say("--world", spec.kind.name().to_owned());
    }
    if spec.nodes != usual.nodes {
        say("--nodes", spec.nodes.to_string());
    }
    if spec.shards != usual.shards {
        say("--shards", spec.shards.to_string());
    }
    if spec.faults_for != usual.faults_for {
        match spec.faults_for.as_secs() {
            seconds if seconds.is_multiple_of(60) => say("--minutes", (seconds / 60).to_string()),
            seconds => say("--seconds", seconds.to_string()),
        }
    }
    if spec.families == Families::NONE {
        words.push("--calm".to_owned());
    } else if spec.families != Families::ALL {
        let names: Vec<_> = spec.families.iter().map(Family::name).collect();
        words.extend(["--faults".to_owned(), names.join(",")]);
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        params: Params,
        #[arg(long)]
        seed: u64,
    }

    #[track_caller]
    fn check(spec: &ClusterSpec) {
        let words = std::iter::once("run".to_owned()).chain(words(spec));
        let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(&line.params.spec(line.seed), spec);
    }

    #[test]
    fn the_words_of_a_run_make_that_run() {
        let usual = ClusterSpec::new(7);
        check(&usual);
        check(&ClusterSpec { kind: Kind::Nodes, ..usual.clone() });
        check(&ClusterSpec { nodes: 3, shards: 1, ..usual.clone() });
        check(&ClusterSpec { faults_for: Duration::from_secs(61), ..usual.clone() });
        check(&ClusterSpec { faults_for: Duration::from_secs(120), ..usual.clone() });
        check(&ClusterSpec { families: Families::NONE, ..usual.clone() });
        let two = Families::NONE.with(Family::OneWay).with(Family::Torn);
        check(&ClusterSpec { families: two, ..usual });
    }

    #[test]
    fn an_unknown_family_is_told_the_known_ones() {
        assert!(family("losses").is_err_and(|text| text.contains("one-way, partition")));
    }
}
