//! `nexus sim mutants`: bugs planted on purpose, each to be found by a checker.

use clap::Args;

#[cfg(feature = "mutants")]
pub(super) use planted::run;
#[cfg(not(feature = "mutants"))]
pub(super) use without::run;

use super::params::Params;

/// Seeds tried for each bug unless told otherwise.
const SEEDS: u64 = 200;

/// Plant bugs, and see how many seeds it takes to find each
#[derive(Args, Debug)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code, reason = "there are no bugs to plant"))]
pub struct MutantsArgs {
    #[command(flatten)]
    params: Params,
    /// Seeds to try for each bug, from --seed on
    #[arg(long, value_name = "N", default_value_t = SEEDS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
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

    use nexus_sim::cluster::{ClusterSpec, Planted};
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
        let all = chosen(&args.names)?;
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
            let seed = first.saturating_add(tried);
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

    fn chosen(names: &[String]) -> Result<Vec<Planted>, Failure> {
        if names.is_empty() {
            return Ok(Planted::all().collect());
        }
        let known = || Planted::all().map(Planted::name).collect::<Vec<_>>().join(", ");
        let find = |name: &String| Planted::all().find(|planted| planted.name() == *name);
        let unknown = |name: &String| Failure::Unknown {
            what: "planted bug",
            asked: name.clone(),
            valid: known(),
        };
        names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
    }
}
