//! What a simulated cluster can be told to be like.

use std::time::Duration;

use clap::Args;
use nexus_sim::cluster::{ClusterSpec, Families, Family, Kind, MINUTES_MAX, NODES_MAX, SHARDS_MAX};

use crate::failure::Failure;

/// Nodes unless told otherwise.
const NODES: u32 = 5;
/// Shards unless told otherwise.
const SHARDS: u32 = 8;
/// Virtual minutes unless told otherwise.
const MINUTES: u32 = 10;

/// What every run can be told.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// What the cluster consists of: groups, which agree on logs, or nodes, with agents
    /// [default: groups]
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub world: Option<Kind>,
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
    /// What may go wrong, with commas or blanks between: all, none, or some of delay, loss,
    /// duplicate, reorder, corrupt, one-way, partition, kill, power, torn, full, slow-sync,
    /// pause, clock-rate, clock-offset; of whole nodes what somebody asks for, too: split, merge,
    /// move, transfer, members; a seed draws some of it [default: all]
    #[arg(long, value_name = "FAMILY", num_args = 1.., value_delimiter = ',')]
    #[arg(value_parser = faults)]
    pub faults: Vec<Faults>,
    /// Nothing goes wrong: the same as --faults none
    #[arg(long, conflicts_with = "faults")]
    pub calm: bool,
}

/// One word of those after `--faults`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Faults {
    /// All that can go wrong.
    All,
    /// Nothing goes wrong.
    Nothing,
    /// This may.
    Some(Family),
}

/// The kind of cluster of this name.
pub(super) fn kind(name: &str) -> Result<Kind, String> {
    let found = [Kind::Groups, Kind::Nodes].into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| "give groups or nodes".to_owned())
}

fn faults(name: &str) -> Result<Faults, String> {
    let known = || Family::ALL.map(Family::name).join(", ");
    match name {
        "all" => Ok(Faults::All),
        "none" => Ok(Faults::Nothing),
        name => Family::of(name)
            .map(Faults::Some)
            .ok_or_else(|| format!("give all, none, or one or more of {}", known())),
    }
}

impl Params {
    /// Whether `count` seeds from `first` on can be run.
    ///
    /// # Errors
    /// [`Failure::Unfit`] if there are not so many, or words contradict each other.
    pub fn check(&self, first: u64, count: u64) -> Result<(), Failure> {
        if self.faults.len() > 1 && self.faults.contains(&Faults::Nothing) {
            let text = "--faults none goes with no other family";
            return Err(Failure::Unfit(text.to_owned()));
        }
        if first.checked_add(count.saturating_sub(1)).is_none() {
            let (last, most) = (u64::MAX, u64::MAX - first + 1);
            return Err(Failure::Unfit(format!(
                "there are no {count} seeds from {first} on: {last} is the last\n\
                 give --seeds {most} at most, or a lower --seed"
            )));
        }
        Ok(())
    }

    /// The cluster of `seed`.
    pub fn spec(&self, seed: u64) -> ClusterSpec {
        ClusterSpec {
            kind: self.world.unwrap_or(Kind::Groups),
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
        self.faults.iter().fold(Families::NONE, |families, one| match one {
            Faults::All => Families::ALL,
            Faults::Nothing => families,
            Faults::Some(family) => families.with(*family),
        })
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
    } else if spec.families.of(spec.kind) != Families::ALL.of(spec.kind) {
        let names: Vec<_> = spec.families.iter().map(Family::name).collect();
        words.extend(["--faults".to_owned(), names.join(",")]);
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;
    use crate::failure::Exit;

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

    #[track_caller]
    fn check_faults(line: &str, expected: Families) {
        let words = ["run", "--seed", "1", "--faults"].into_iter().chain(line.split(' '));
        let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        line.params.check(1, 1).expect("the words fit");
        assert_eq!(line.params.spec(1).families, expected);
    }

    #[test]
    fn families_are_told_with_commas_or_blanks_or_all_at_once() {
        let two = Families::NONE.with(Family::Kill).with(Family::OneWay);
        check_faults("kill,one-way", two);
        check_faults("kill one-way", two);
        check_faults("kill --faults one-way", two);
        check_faults("all", Families::ALL);
        check_faults("kill,all", Families::ALL);
        check_faults("none", Families::NONE);
    }

    #[test]
    fn an_unknown_family_is_told_the_known_ones() {
        assert!(faults("losses").is_err_and(|text| text.contains("one-way, partition")));
    }

    #[test]
    fn the_help_names_every_family() {
        let help = Line::command().render_long_help().to_string().replace('\n', " ");
        let help: Vec<_> = help.split([' ', ',', ';']).collect();
        for family in Family::ALL {
            assert!(help.contains(&family.name()), "{family} is missing");
        }
    }

    #[track_caller]
    fn check_refused(line: &str, seeds: u64, expected: &str) {
        let words = std::iter::once("run").chain(line.split(' '));
        let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let refused = line.params.check(line.seed, seeds).expect_err("the words do not fit");
        assert_eq!(refused.exit(), Exit::Usage);
        assert!(refused.chain().contains(expected), "{}", refused.chain());
    }

    #[test]
    fn what_contradicts_itself_is_refused_before_anything_is_run() {
        check_refused("--seed 1 --faults none,kill", 1, "none goes with no other family");
        check_refused("--seed 18446744073709551615", 2, "there are no 2 seeds");
        check_refused("--seed 18446744073709551600", 100, "give --seeds 16 at most");
        let line = Line::parse_from(["run", "--seed", "18446744073709551600"]);
        line.params.check(line.seed, 16).expect("there are so many");
    }
}
