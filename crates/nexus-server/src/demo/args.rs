//! What `nexus demo` can be told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::levels::Condition;
use super::{Speeds, Strategy};
use crate::trace::InputFormat;

/// Servers in a pool. A guess: ten times the largest pool we have a figure for.
pub const SERVERS_MAX: u32 = 10_000;
/// Seeds a mean is taken over. A guess: a thousand narrow an interval 30-fold.
pub const SEEDS_MAX: u32 = 1_000;
/// Seconds an objective may allow: about eleven days, beyond any request we know.
pub const OBJECTIVE_SECONDS_MAX: f64 = 1_000_000.0;

/// Servers in the pool unless told otherwise: the shipped trace loads them to 80 %.
pub const SERVERS_DEFAULT: u32 = 31;
/// Seeds unless told otherwise.
pub const SEEDS_DEFAULT: u32 = 8;
/// Seeds unless told otherwise where levels are compared.
pub const LEVELS_SEEDS_DEFAULT: u32 = 16;
/// Seconds within which a request should be answered unless told otherwise.
pub const OBJECTIVE_SECONDS_DEFAULT: f64 = 10.0;

const EXAMPLES: &str = "\
Examples:
  nexus demo
      the shipped hour of production requests, eight strategies, two pools
  nexus demo --trace mine.csv --servers 12
      your own requests; the header must name TIMESTAMP, ContextTokens, GeneratedTokens
  nexus demo --strategy random,least-connections --speeds mixed --seeds 32
      two strategies, compared more closely
  nexus demo --levels
      what learning and adaptation buy over the reactive level, with intervals
  nexus demo --levels --condition mixed,changing --timing
      under two conditions only, and what each level costs
  nexus demo --format json > rows.jsonl
      one row per strategy and pool, for scripts

One request takes (0.25 ms per context token + 20 ms per generated token) / speed.
With equal speeds every server has speed 1. With mixed speeds 7 of 31 servers have
speed 1.5 and 7 have 0.5 (the same shares, rounded, in a pool of another size), so
both pools can do the same work. No strategy sees speeds or generated tokens.";

/// Serve real requests under each balancing strategy, in virtual time
#[derive(Args, Debug, Clone)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Your own requests instead of the shipped hour: .csv, .jsonl or .json
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// The trace's format, if its ending does not say
    #[arg(long, value_name = "FORMAT", value_enum, requires = "trace")]
    pub input_format: Option<InputFormat>,
    /// Servers in the pool
    #[arg(long, value_name = "N", default_value_t = SERVERS_DEFAULT)]
    #[arg(value_parser = servers, allow_negative_numbers = true)]
    pub servers: u32,
    /// Runs to take means over, each with its own seed [default: 8; with --levels 16]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = seeds, allow_negative_numbers = true)]
    pub seeds: Option<u32>,
    /// Seconds within which a request should be answered
    #[arg(long, value_name = "SECONDS", default_value_t = OBJECTIVE_SECONDS_DEFAULT)]
    #[arg(value_parser = objective, allow_negative_numbers = true)]
    pub objective: f64,
    /// Strategies to compare [default: all]
    #[arg(long, value_name = "NAME", value_enum, num_args = 1.., value_delimiter = ',')]
    pub strategy: Vec<Strategy>,
    /// Pools to compare them in [default: both]
    #[arg(long, value_name = "SPEEDS", value_enum, num_args = 1.., value_delimiter = ',')]
    pub speeds: Vec<Speeds>,
    /// Compare the levels of intelligence instead of strategies, under each condition
    #[arg(long, conflicts_with_all = ["strategy", "speeds", "objective"])]
    pub levels: bool,
    /// Conditions to compare levels under [default: all]
    #[arg(long, value_name = "NAME", value_enum, num_args = 1.., value_delimiter = ',', requires = "levels")]
    pub condition: Vec<Condition>,
    /// Also measure the time of one balancing decision (runs one at a time)
    #[arg(long)]
    pub timing: bool,
    /// Where to write the HTML report [default: nexus-demo.html, here; where that cannot be
    /// written, a new file among the temporary ones]
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl DemoArgs {
    /// How many seeds, as it was said or by default.
    pub fn seeds(&self) -> u32 {
        self.seeds.unwrap_or(self.seeds_default())
    }

    /// How many unless it was said.
    pub fn seeds_default(&self) -> u32 {
        if self.levels { LEVELS_SEEDS_DEFAULT } else { SEEDS_DEFAULT }
    }

    /// The conditions that are named, each once and in their order, or all.
    pub fn conditions(&self) -> Vec<Condition> {
        let all = Condition::value_variants().iter().copied();
        all.filter(|one| self.condition.is_empty() || self.condition.contains(one)).collect()
    }
}

fn servers(text: &str) -> Result<u32, String> {
    count(text, SERVERS_MAX, "a pool needs at least 1 server")
}

fn seeds(text: &str) -> Result<u32, String> {
    count(text, SEEDS_MAX, "a mean needs at least 1 seed")
}

fn count(text: &str, max: u32, if_zero: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(0) => Err(format!("{if_zero}; give a whole number from 1 to {max}")),
        Ok(count) if count <= max => Ok(count),
        _ => Err(format!("give a whole number from 1 to {max}")),
    }
}

fn objective(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= OBJECTIVE_SECONDS_MAX => Ok(seconds),
        _ => Err(format!("give seconds above 0, at most {OBJECTIVE_SECONDS_MAX}")),
    }
}
