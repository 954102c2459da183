//! All runs of the comparison, and what came of them.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_intel::measure::{Gain, PairedReplay};

use super::condition::{Condition, Setting};
use super::contender::Contender;
use super::watched::{Noticed, Seen, Step, Watcher};
use crate::demo::simulate::{PoolSpec, serve_by};
use crate::demo::{CampaignError, DemoArgs, Plan, runs};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::trace::Trace;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct LevelsPlan {
    settings: Vec<Setting>,
    /// Which setting, and who under it.
    cases: Vec<(usize, Contender)>,
    seed_first: u64,
    seed_count: u32,
    timing: bool,
    command: String,
}

impl LevelsPlan {
    /// The conditions that `args` name, or all.
    pub fn new(args: &DemoArgs, seed: u64, trace: Arc<Trace>) -> LevelsPlan {
        let settings: Vec<Setting> = args
            .conditions()
            .into_iter()
            .map(|condition| Setting::new(condition, &trace, args.servers))
            .collect();
        let of = |(index, setting): (usize, &Setting)| {
            let contenders = setting.condition.contenders(setting.server_count);
            contenders.into_iter().map(move |contender| (index, contender)).collect::<Vec<_>>()
        };
        let cases = settings.iter().enumerate().flat_map(of).collect();
        let (seed_first, seed_count) = (seed, args.seeds());
        let command = Plan::new(args, seed).command();
        LevelsPlan { settings, cases, seed_first, seed_count, timing: args.timing, command }
    }

    /// How many runs that makes.
    pub fn run_count(&self) -> usize {
        self.cases.len() * self.seed_count as usize
    }

    /// Seeds vary fastest.
    fn run(&self, index: usize) -> Result<Run, CampaignError> {
        let (case, seed_index) =
            (index / self.seed_count as usize, index % self.seed_count as usize);
        let (setting, contender) = (&self.settings[self.cases[case].0], self.cases[case].1);
        let seed = self.seed_first.wrapping_add(seed_index as u64);
        let watcher = Watcher::new(contender.level(), setting.watch(seed));
        let watcher = Arc::new(Mutex::new(watcher));
        let to_make = setting.clone();
        let spec = PoolSpec {
            strategy: Arc::new(move || contender.strategy(&to_make, seed)),
            speeds: &setting.speeds(seed),
            terms: setting.terms(contender),
            look: Some(watcher.clone()),
            timing: self.timing,
        };
        let served =
            serve_by(&setting.trace, &spec, seed).map_err(|source| CampaignError::Failed {
                strategy: contender.name(),
                speeds: setting.condition.name(),
                seed,
                source,
            })?;
        let seen = watcher.lock().unwrap_or_else(PoisonError::into_inner).seen().clone();
        Ok(Run { seconds: served.seconds_in_system, cost_ns: served.cost_ns, seen })
    }
}

/// What one run came to.
#[derive(Clone, Debug)]
struct Run {
    /// By number of the request; endless if it was refused.
    seconds: Vec<f64>,
    cost_ns: Option<f64>,
    seen: Seen,
}

/// Mean and p99 of a run over those served.
#[derive(Clone, Copy, Debug)]
struct Figures {
    mean_s: f64,
    p99_s: f64,
}

impl Figures {
    fn of(seconds: impl Iterator<Item = f64>) -> Figures {
        let mut served: Vec<f64> = seconds.filter(|one| one.is_finite()).collect();
        served.sort_unstable_by(f64::total_cmp);
        if served.is_empty() {
            return Figures { mean_s: 0.0, p99_s: 0.0 };
        }
        let rank = (served.len() * 99).div_ceil(100);
        Figures {
            mean_s: served.iter().sum::<f64>() / served.len() as f64,
            p99_s: served[rank - 1],
        }
    }
}

/// One contender under one condition.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The condition.
    pub condition: Condition,
    /// Servers in the pool.
    pub server_count: u32,
    /// Requests in a run.
    pub request_count: usize,
    /// Who.
    pub contender: Contender,
    /// Mean seconds from arrival to answer, of those served.
    pub mean_s: f64,
    /// Seconds within which 99 in 100 of those served had their answer.
    pub p99_s: f64,
    /// The mean against the reactive level's.
    pub mean: Gain,
    /// The p99 against the reactive level's.
    pub p99: Gain,
    /// Share of requests answered in time, and the share that was not against the
    /// reactive level's; where there is a deadline.
    pub in_time: Option<(f64, Gain)>,
    /// Nanoseconds that a request costs the balancer beyond the reactive level's;
    /// if measured.
    pub cost_ns: Option<f64>,
    /// Bytes for each server beyond the reactive level's.
    pub bytes: f64,
    /// When changes of speed were noticed.
    pub noticed: Vec<Noticed>,
    /// How it stepped down, if it is poisoned.
    pub fall: Option<Fall>,
}

/// How a poisoned layer stepped down.
#[derive(Clone, Debug)]
pub struct Fall {
    /// In how many seeds it did.
    pub seeds: u32,
    /// The most outcomes before it did.
    pub outcomes_max: u64,
    /// The most seconds before it did.
    pub seconds_max: f64,
    /// Mean of requests that arrived before, against the reactive level's.
    pub before: Gain,
    /// Mean of those that arrived after, against the reactive level's.
    pub after: Gain,
    /// p99 of those that arrived after, against the reactive level's.
    pub after_p99: Gain,
    /// What was said about it in the first seed.
    pub reason: Option<String>,
}

/// What was run and what came of it.
#[derive(Clone, Debug)]
pub struct LevelsStudy {
    /// The first seed; the others follow it.
    pub seed_first: u64,
    /// How many seeds.
    pub seed_count: u32,
    /// The command that gives the same figures again.
    pub command: String,
    /// By condition, then by contender.
    pub compared: Vec<Compared>,
}

/// Carries out every run of `plan`.
///
/// # Errors
/// [`CampaignError`].
pub fn run(
    plan: LevelsPlan,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<LevelsStudy, CampaignError> {
    let plan = Arc::new(plan);
    let (to_run, count, timing) = (plan.clone(), plan.run_count(), plan.timing);
    let runs = runs::all(count, timing, progress, interrupt, move |index| to_run.run(index))?;
    let by_case: Vec<&[Run]> = runs.chunks(plan.seed_count as usize).collect();
    let base_of = |setting: usize| {
        let place = plan.cases.iter().position(|case| case.0 == setting);
        by_case[place.expect("every setting has a contender")]
    };
    let compared = plan.cases.iter().zip(&by_case).map(|(&(setting, contender), runs)| {
        compare(&plan.settings[setting], contender, base_of(setting), runs)
    });
    let compared = compared.collect();
    let (seed_first, seed_count, command) =
        (plan.seed_first, plan.seed_count, plan.command.clone());
    Ok(LevelsStudy { seed_first, seed_count, command, compared })
}

fn compare(setting: &Setting, contender: Contender, base: &[Run], runs: &[Run]) -> Compared {
    let figures =
        |runs: &[Run]| -> Vec<Figures> { runs.iter().map(|run| Figures::of(all(run))).collect() };
    let (base_figures, own) = (figures(base), figures(runs));
    let over = |of: fn(&Figures) -> f64| own.iter().map(of).sum::<f64>() / own.len() as f64;
    let against = |of: fn(&Figures) -> f64| paired(base_figures.iter().map(of), own.iter().map(of));
    Compared {
        condition: setting.condition,
        server_count: setting.server_count,
        request_count: setting.trace.requests().len(),
        contender,
        mean_s: over(|one| one.mean_s),
        p99_s: over(|one| one.p99_s),
        mean: against(|one| one.mean_s),
        p99: against(|one| one.p99_s),
        in_time: setting.deadline().map(|deadline| in_time(deadline.as_secs_f64(), base, runs)),
        cost_ns: cost_ns(base, runs),
        bytes: mean(runs.iter().map(|run| run.seen.size_bytes as f64))
            / f64::from(setting.server_count),
        noticed: runs.iter().flat_map(|run| run.seen.noticed.iter().copied()).collect(),
        fall: contender.poison().map(|_| fall(setting, base, runs)),
    }
}

fn all(run: &Run) -> impl Iterator<Item = f64> {
    run.seconds.iter().copied()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn paired(base: impl Iterator<Item = f64>, own: impl Iterator<Item = f64>) -> Gain {
    let mut replay = PairedReplay::new();
    for (base, own) in base.zip(own) {
        replay.record(base, own).expect("seconds and shares are amounts, seeds are few");
    }
    replay.gain()
}

/// The share answered in time, and that which was not against the base's.
fn in_time(deadline_s: f64, base: &[Run], runs: &[Run]) -> (f64, Gain) {
    let missed = |run: &Run| {
        let missed = run.seconds.iter().filter(|&&one| one > deadline_s).count();
        missed as f64 / run.seconds.len() as f64
    };
    let share = 1.0 - mean(runs.iter().map(missed));
    (share, paired(base.iter().map(missed), runs.iter().map(missed)))
}

fn cost_ns(base: &[Run], runs: &[Run]) -> Option<f64> {
    let of = |runs: &[Run]| -> Option<f64> {
        let costs: Option<Vec<f64>> = runs.iter().map(|run| run.cost_ns).collect();
        costs.map(|costs| mean(costs.into_iter()))
    };
    Some(of(runs)? - of(base)?)
}

/// How a poisoned layer fell. Requests before and after are told apart by when they
/// arrived, the same in both runs of a pair.
fn fall(setting: &Setting, base: &[Run], runs: &[Run]) -> Fall {
    let falls: Vec<Option<&Step>> = runs.iter().map(|run| run.seen.steps.first()).collect();
    let part = |run: &Run, index: usize, is_after: bool| {
        let at = falls[index].map(|step| step.at);
        let requests = setting.trace.requests().iter();
        let chosen = requests.map(|one| at.is_some_and(|at| one.arrival >= at) == is_after);
        let seconds = run.seconds.iter().zip(chosen).filter(|(_, is)| *is).map(|(one, _)| *one);
        Figures::of(seconds)
    };
    let against = |is_after: bool, of: fn(&Figures) -> f64| {
        let each = |runs: &[Run]| -> Vec<f64> {
            runs.iter().enumerate().map(|(at, run)| of(&part(run, at, is_after))).collect()
        };
        paired(each(base).into_iter(), each(runs).into_iter())
    };
    let fell = || falls.iter().flatten();
    Fall {
        seeds: fell().count() as u32,
        outcomes_max: fell().map(|step| step.outcomes).max().unwrap_or(0),
        seconds_max: fell().map(|step| step.at.as_secs_f64()).fold(0.0, f64::max),
        before: against(false, |one| one.mean_s),
        after: against(true, |one| one.mean_s),
        after_p99: against(true, |one| one.p99_s),
        reason: falls.first().and_then(|step| (*step)?.reason.clone()),
    }
}
