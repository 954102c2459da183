//! What is to be run, and what came of it.

use std::sync::Arc;

use clap::ValueEnum;

use super::args::{OBJECTIVE_SECONDS_DEFAULT, SERVERS_DEFAULT};
use super::{DemoArgs, Figures, Speeds, Strategy, work};
use crate::trace::Trace;

/// What is to be run: every strategy in every pool, once for each seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As typed, for the command that repeats it.
    args: DemoArgs,
    /// Pools, in the order of the tables.
    pub speeds: Vec<Speeds>,
    /// Strategies, in the order of the rows.
    pub strategies: Vec<Strategy>,
    /// Servers in the pool.
    pub server_count: u32,
    /// Seconds within which a request should be answered.
    pub objective_s: f64,
    /// Whether to measure decisions.
    pub timing: bool,
    /// The first seed; the others follow it.
    pub seed_first: u64,
    /// How many seeds.
    pub seed_count: u32,
}

impl Plan {
    /// The plan that `args` describes. What is not named is all of its kind;
    /// what is named twice is run once.
    pub fn new(args: &DemoArgs, seed: u64) -> Plan {
        Plan {
            args: args.clone(),
            speeds: chosen(&args.speeds),
            strategies: chosen(&args.strategy),
            server_count: args.servers,
            objective_s: args.objective,
            timing: args.timing,
            seed_first: seed,
            seed_count: args.seeds(),
        }
    }

    /// How many runs that makes.
    pub fn run_count(&self) -> usize {
        self.speeds.len() * self.strategies.len() * self.seed_count as usize
    }

    /// The `index`-th seed.
    pub fn seed(&self, index: usize) -> u64 {
        self.seed_first.wrapping_add(index as u64)
    }

    /// The seeds in words: `seed 7`, `seeds 1 to 8`. After the largest number comes 0.
    pub fn seeds_in_words(&self) -> String {
        let (first, last) = (self.seed_first, self.seed(self.seed_count as usize - 1));
        match last {
            _ if first == last => format!("seed {first}"),
            _ if first < last => format!("seeds {first} to {last}"),
            0 => format!("seeds {} and 0", to_the_largest(first)),
            _ => format!("seeds {} and 0 to {last}", to_the_largest(first)),
        }
    }

    /// The command that gives the same figures again.
    pub fn command(&self) -> String {
        let mut words = vec![format!("nexus demo --seed {}", self.seed_first)];
        if let Some(path) = &self.args.trace {
            words.push(format!("--trace {}", quoted(&path.display().to_string())));
        }
        if let Some(format) = self.args.input_format.and_then(|format| format.to_possible_value()) {
            words.push(format!("--input-format {}", format.get_name()));
        }
        if self.server_count != SERVERS_DEFAULT {
            words.push(format!("--servers {}", self.server_count));
        }
        if self.args.seeds.is_some_and(|seeds| seeds != self.args.seeds_default()) {
            words.push(format!("--seeds {}", self.seed_count));
        }
        if self.args.levels {
            words.push("--levels".to_owned());
        }
        if !self.args.condition.is_empty() {
            let names: Vec<&str> = self.args.conditions().iter().map(|one| one.name()).collect();
            words.push(format!("--condition {}", names.join(",")));
        }
        if self.objective_s != OBJECTIVE_SECONDS_DEFAULT {
            words.push(format!("--objective {}", self.objective_s));
        }
        if self.strategies.len() < Strategy::value_variants().len() {
            let names: Vec<&str> = self.strategies.iter().map(|one| one.name()).collect();
            words.push(format!("--strategy {}", names.join(",")));
        }
        if self.speeds.len() < Speeds::value_variants().len() {
            words.push(format!("--speeds {}", self.speeds[0].name()));
        }
        if self.timing {
            words.push("--timing".to_owned());
        }
        words.join(" ")
    }
}

fn to_the_largest(first: u64) -> String {
    let largest = u64::MAX;
    if first == largest { first.to_string() } else { format!("{first} to {largest}") }
}

/// `named` in the order of their kind, each once; all of the kind if none is named.
fn chosen<T: ValueEnum + Copy + PartialEq>(named: &[T]) -> Vec<T> {
    let all = T::value_variants().iter().copied();
    all.filter(|one| named.is_empty() || named.contains(one)).collect()
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What was run and what came of it.
#[derive(Clone, Debug)]
pub struct Study {
    /// The requests.
    pub trace: Arc<Trace>,
    /// What was asked for.
    pub plan: Plan,
    /// One for each pool, in the order of the plan.
    pub panels: Vec<Panel>,
}

impl Study {
    /// See [`work::offered_load`].
    pub fn offered_load(&self) -> Option<f64> {
        work::offered_load(&self.trace, self.plan.server_count)
    }
}

/// One pool under every strategy.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The pool.
    pub speeds: Speeds,
    /// Strategies in the order of the plan, each with its means over the seeds.
    pub results: Vec<(Strategy, Figures)>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[track_caller]
    fn check_command(line: &[&str], expected: &str) {
        let cli = Cli::parse_from([&["nexus"], line].concat());
        let Command::Demo(args) = &cli.command else { panic!("not a demo") };
        assert_eq!(Plan::new(args, cli.common.seed).command(), expected);
    }

    #[track_caller]
    fn check_seeds(first: &str, count: &str, expected: &str) {
        let cli = Cli::parse_from(["nexus", "demo", "--seed", first, "--seeds", count]);
        let Command::Demo(args) = &cli.command else { panic!("not a demo") };
        assert_eq!(Plan::new(args, cli.common.seed).seeds_in_words(), expected);
    }

    #[test]
    fn seeds_beyond_the_largest_go_on_from_zero_and_say_so() {
        check_seeds("1", "8", "seeds 1 to 8");
        check_seeds("7", "1", "seed 7");
        check_seeds("18446744073709551615", "8", "seeds 18446744073709551615 and 0 to 6");
        check_seeds(
            "18446744073709551614",
            "3",
            "seeds 18446744073709551614 to 18446744073709551615 and 0",
        );
    }

    #[test]
    fn the_command_repeats_what_differs_from_the_default() {
        check_command(&["demo"], "nexus demo --seed 1");
        check_command(
            &["demo", "--strategy", "prequal", "random", "--speeds", "mixed", "--seed", "7"],
            "nexus demo --seed 7 --strategy random,prequal --speeds mixed",
        );
        check_command(
            &["demo", "--trace", "it's.csv", "--servers=5", "--seeds=2", "--objective=0.5"],
            r"nexus demo --seed 1 --trace 'it'\''s.csv' --servers 5 --seeds 2 --objective 0.5",
        );
    }
}
