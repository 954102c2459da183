//! `nexus sim mutants`: bugs planted on purpose, each to be found by a checker.

use clap::Args;

#[cfg(feature = "mutants")]
pub(super) use planted::run;
#[cfg(not(feature = "mutants"))]
pub(super) use without::run;

use super::params::Params;

/// Seeds tried for each bug unless told otherwise.
const SEEDS: u64 = 200;

const EXAMPLES: &str = "\
Examples:
  nexus sim mutants --minutes 2 --shards 4
      each bug there is, until a checker finds it; two virtual minutes a seed
  nexus sim mutants --minutes 2 --shards 4 votes-twice learners-count
      these two alone; a name that there is not is answered with all that there are
  nexus sim mutants --world nodes --minutes 2 --shards 4
      the bugs of whole nodes alone
  nexus sim mutants --minutes 2 --shards 4 --format json
      one row for each

A bug is in groups or in whole nodes, and is run there. To have bugs to plant, the command must be
built with them: cargo run --release --package nexus-server --features mutants -- sim mutants";

/// Plant bugs, and see how many seeds it takes to find each
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code, reason = "there are no bugs to plant"))]
pub struct MutantsArgs {
    #[command(flatten)]
    pub(super) params: Params,
    /// Seeds to try for each bug, from --seed on
    #[arg(long, value_name = "N", default_value_t = SEEDS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) seeds: u64,
    /// Bugs to plant [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[cfg(not(feature = "mutants"))]
mod without {
    use std::io::Write;

    use super::MutantsArgs;
    use crate::cli::Common;
    use crate::failure::Failure;
    use crate::output::Output;

    /// Says how to get a command that can.
    pub fn run(_: &MutantsArgs, _: &Common, _: &mut Output<impl Write>) -> Result<(), Failure> {
        Err(Failure::NoMutants)
    }
}

#[cfg(feature = "mutants")]
mod planted {
    use std::io::Write;

    use nexus_sim::cluster::{ClusterSpec, Kind, Planted};
    use serde::Serialize;

    use super::MutantsArgs;
    use crate::cli::{Common, OutputFormat};
    use crate::failure::Failure;
    use crate::output::Output;
    use crate::progress::Progress;
    use crate::sim;

    /// What came of one planted bug.
    #[derive(Serialize)]
    struct Row {
        mutant: String,
        caught: bool,
        checker: Option<String>,
        seeds: u64,
        replay_seed: Option<u64>,
    }

    impl Row {
        fn text(&self) -> String {
            match &self.checker {
                Some(checker) => {
                    format!("{}: caught by {checker} after {} seeds\n", self.mutant, self.seeds)
                }
                None => format!("{}: NOT caught in {} seeds\n", self.mutant, self.seeds),
            }
        }
    }

    /// Plants each bug, and runs seeds until a checker finds it.
    pub fn run(
        args: &MutantsArgs,
        common: &Common,
        output: &mut Output<impl Write>,
    ) -> Result<(), Failure> {
        let all = chosen(&args.names, args.params.world)?;
        let progress = Progress::start(all.len() as u64, "planting");
        let mut missed = 0;
        for planted in &all {
            let row = hunt(args, common.seed, *planted);
            missed += u64::from(!row.caught);
            progress.step();
            let json = common.format == OutputFormat::Json;
            let text = if json {
                serde_json::to_string(&row).expect("a row has only names and numbers") + "\n"
            } else {
                row.text()
            };
            progress.hidden(|| output.print(&text)).map_err(Failure::Output)?;
        }
        match missed {
            0 => Ok(()),
            _ => Err(Failure::Check(format!("{missed} of {} bugs were not found", all.len()))),
        }
    }

    fn hunt(args: &MutantsArgs, first: u64, planted: Planted) -> Row {
        let mutant = planted.name();
        for tried in 0..args.seeds {
            let seed = first + tried;
            let (kind, spec) = (planted.kind(), args.params.spec(seed));
            let spec = ClusterSpec { kind, planted: Some(planted), ..spec };
            let row = sim::row::Row::of(&spec, None);
            if let Some(violation) = row.violations.into_iter().next() {
                let checker = Some(violation.checker);
                let (seeds, replay_seed) = (tried + 1, Some(seed));
                return Row { mutant, caught: true, checker, seeds, replay_seed };
            }
        }
        Row { mutant, caught: false, checker: None, seeds: args.seeds, replay_seed: None }
    }

    /// The bugs of these names, or all; those of one world if one was asked for.
    fn chosen(names: &[String], world: Option<Kind>) -> Result<Vec<Planted>, Failure> {
        let there = |planted: &Planted| world.is_none_or(|world| planted.kind() == world);
        let all: Vec<Planted> = Planted::all().filter(there).collect();
        if names.is_empty() {
            return Ok(all);
        }
        let known = || all.iter().map(|planted| planted.name()).collect::<Vec<_>>().join(", ");
        let find = |name: &String| all.iter().find(|planted| planted.name() == *name).copied();
        let what = match world {
            None => "planted bug",
            Some(Kind::Groups) => "planted bug of groups",
            Some(Kind::Nodes) => "planted bug of whole nodes",
        };
        let unknown = |asked: String| Failure::Unknown { what, asked, valid: known() };
        names.iter().map(|name| find(name).ok_or_else(|| unknown(name.clone()))).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_bugs_of_one_world_are_those_that_are_run_there() {
            let count = |world| chosen(&[], world).expect("all are known").len();
            assert_eq!(count(None), Planted::all().count());
            assert_eq!(count(Some(Kind::Groups)) + count(Some(Kind::Nodes)), count(None));
            let name = ["votes-twice".to_owned()];
            assert!(chosen(&name, Some(Kind::Groups)).is_ok_and(|found| found.len() == 1));
            let refused = chosen(&name, Some(Kind::Nodes)).expect_err("it is one of groups");
            let told = refused.chain();
            assert!(told.contains("no planted bug of whole nodes") && told.contains("shard-seal"));
        }
    }
}
