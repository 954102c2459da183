//! `nexus sim shrink`: the same violation from less.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use nexus_sim::cluster::ClusterSpec;

use super::params::Params;
use super::row::{Row, command};
use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Runs that are tried at most.
const TRIES_MAX: u64 = 200;

const EXAMPLES: &str = "\
Examples:
  nexus sim shrink --seed 7
      fewer minutes, shards, nodes and families that break the promise that seed 7 breaks
  nexus sim shrink --seed 7 --world nodes --seconds 90
      the same of whole nodes, from a run that is short already
  nexus sim shrink --seed 7 --format json
      the row of the least run that was found; \"replay\" in it is the command that runs it

A seed that breaks no promise is run once, and there is nothing to shrink: the exit code is 0
then, and 1 if a promise is broken.";

/// Find a smaller run of a seed that still fails
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ShrinkArgs {
    #[command(flatten)]
    pub(super) params: Params,
}

/// Shrinks the run, and shows what is left of it.
pub(super) fn run(
    args: &ShrinkArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let spec = args.params.spec(common.seed);
    let progress = Progress::start(TRIES_MAX, "shrinking");
    let whole = Row::of(&spec, None);
    let Some(checker) = whole.violations.first().map(|first| first.checker.clone()) else {
        drop(progress);
        let text = match common.format {
            OutputFormat::Json => whole.json(),
            OutputFormat::Text => {
                whole.text() + &whole.verdict() + "  there is nothing to shrink\n"
            }
        };
        return output.print(&text).map_err(Failure::Output);
    };
    let least = shrink(spec, &checker, &progress);
    let row = Row::of(&least, None);
    drop(progress);
    let text = match common.format {
        OutputFormat::Json => row.json(),
        OutputFormat::Text => {
            row.text() + "  to see the events: " + &command("replay", &least) + "\n"
        }
    };
    output.print(&text).map_err(Failure::Output)?;
    Err(Failure::Check(format!("seed {} breaks {checker}", least.seed)))
}

/// The first promise that a run breaks.
fn broken_by(spec: &ClusterSpec) -> Option<String> {
    Row::of(spec, None).violations.into_iter().next().map(|first| first.checker)
}

/// Takes away whatever can be taken away while the same promise is broken, over and over.
fn shrink(spec: ClusterSpec, checker: &str, progress: &Progress) -> ClusterSpec {
    let families = spec.families.of(spec.kind);
    let mut least = ClusterSpec { families, ..spec };
    let mut tries = 0;
    loop {
        let smaller = candidates(&least).into_iter().find(|candidate| {
            tries += 1;
            progress.step();
            tries <= TRIES_MAX && broken_by(candidate).as_deref() == Some(checker)
        });
        match smaller {
            Some(smaller) => least = smaller,
            None => return least,
        }
    }
}

/// Runs that are smaller in one respect, those that save most first.
fn candidates(spec: &ClusterSpec) -> Vec<ClusterSpec> {
    let mut all = Vec::new();
    let seconds = spec.faults_for.as_secs();
    for less in [seconds / 4, seconds / 2, seconds * 3 / 4, seconds.saturating_sub(1)] {
        if less > 0 && less < seconds {
            all.push(ClusterSpec { faults_for: Duration::from_secs(less), ..spec.clone() });
        }
    }
    for shards in [1, spec.shards / 2] {
        if shards > 0 && shards < spec.shards {
            all.push(ClusterSpec { shards, ..spec.clone() });
        }
    }
    for nodes in [3, spec.nodes - 1] {
        if nodes >= 3 && nodes < spec.nodes {
            all.push(ClusterSpec { nodes, ..spec.clone() });
        }
    }
    for family in spec.families.iter() {
        all.push(ClusterSpec { families: spec.families.without(family), ..spec.clone() });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_smaller_and_the_least_run_has_none() {
        let spec = ClusterSpec::new(1);
        let size = |spec: &ClusterSpec| {
            let families = spec.families.iter().count() as u64;
            spec.faults_for.as_secs() + u64::from(spec.nodes + spec.shards) + families
        };
        assert!(candidates(&spec).iter().all(|one| size(one) < size(&spec)));
        let mut least = spec;
        while let Some(smaller) = candidates(&least).into_iter().next() {
            least = smaller;
        }
        assert_eq!((least.faults_for.as_secs(), least.nodes, least.shards), (1, 3, 1));
        assert_eq!(least.families.iter().count(), 0);
    }
}
