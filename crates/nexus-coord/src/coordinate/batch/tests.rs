//! Batches with agents that do what a table says, in virtual time.

use std::collections::BTreeMap;

use super::super::Unlearned;
use super::*;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Time {
    Time::from_nanos(seconds * SECOND)
}

fn ids(count: u128) -> Vec<AgentId> {
    (0..count).map(AgentId::from_u128).collect()
}

/// What an agent does with whatever it is given.
#[derive(Clone, Copy)]
enum Does {
    /// Answers after so many seconds for each unit of complexity.
    Answers(u64),
    /// May have run it, and does not answer, after a second.
    Crashes,
    /// Is not there.
    IsGone,
}

/// What became of the items: how often each was answered, may have run, and was given up.
#[derive(Default)]
struct Seen {
    answered: BTreeMap<usize, u32>,
    may_have_run: BTreeMap<usize, u32>,
    given_up: BTreeMap<usize, NotBegun>,
    /// Which agent answered.
    by: BTreeMap<usize, usize>,
}

/// Runs a batch to its end with one item in each hand.
fn run<P: Planner>(
    spec: BatchSpec,
    does: &[Does],
    items: Vec<Item>,
    planner: P,
) -> (Seen, Account) {
    let ids = ids(does.len() as u128);
    let mut batch = Batch::new(at(0), spec, ids, items.clone(), planner).expect("it makes sense");
    let (mut seen, mut now) = (Seen::default(), at(0));
    // When each end comes: by time, agent and item.
    let mut ends: Vec<(Time, usize, usize)> = Vec::new();
    loop {
        while let Some(effect) = batch.poll_effect() {
            match effect {
                Effect::Send { item, agent } => {
                    let size = items[item].features.complexity() as u64;
                    let seconds = match does[agent] {
                        Does::Answers(each) => each * size,
                        Does::Crashes => 1,
                        Does::IsGone => 0,
                    };
                    ends.push((Time::from_nanos(now.as_nanos() + seconds * SECOND), agent, item));
                }
                Effect::GiveUp { item, why } => {
                    assert!(seen.given_up.insert(item, why).is_none(), "{item} is given up twice");
                }
            }
        }
        ends.sort_unstable();
        let timeout = batch.next_timeout().unwrap_or(Time::MAX);
        match ends.first().copied() {
            Some((end, agent, item)) if end <= timeout => {
                ends.remove(0);
                now = end;
                let (run, count) = match does[agent] {
                    Does::Answers(_) => (Run::Done, &mut seen.answered),
                    Does::Crashes => (Run::Unknown, &mut seen.may_have_run),
                    Does::IsGone => (Run::No, &mut BTreeMap::new()),
                };
                *count.entry(item).or_default() += 1;
                if run == Run::Done {
                    seen.by.insert(item, agent);
                }
                assert!(batch.handle_ended(now, agent, item, Ended { run, leaves: None }));
            }
            _ if timeout < Time::MAX => {
                now = timeout;
                batch.handle_timeout(now);
            }
            _ => break,
        }
    }
    assert!(batch.is_over(), "nothing more happens, and it is not over");
    (seen, batch.account())
}

fn items(complexities: &[u32]) -> Vec<Item> {
    let item = |&complexity: &u32| {
        let features = crate::Features::new(f64::from(complexity), 0.5, 1.0);
        Item { features: features.expect("it is small"), is_repeatable: false }
    };
    complexities.iter().map(item).collect()
}

fn done(account: &Account) -> Vec<u64> {
    account.shares.iter().map(|share| share.done).collect()
}

#[track_caller]
fn check(
    level: CoordinationLevel,
    does: &[Does],
    complexities: &[u32],
    makespan: u64,
    did: &[u64],
) {
    let (seen, account) = run(BatchSpec::new(level), does, items(complexities), Unlearned);
    assert_eq!((account.makespan.as_secs(), &done(&account)[..]), (makespan, did));
    assert_eq!(seen.answered.len(), complexities.len());
    assert!(seen.answered.values().all(|&times| times == 1), "each is answered once");
}

const STEADY: Does = Does::Answers(1);

#[test]
fn at_the_basic_level_each_has_its_share_whoever_is_free() {
    let sizes = [9, 1, 9, 1, 9, 1];
    check(CoordinationLevel::Basic, &[STEADY; 2], &sizes, 27, &[3, 3]);
}

#[test]
fn at_the_optimized_level_whoever_is_done_takes_the_next() {
    let sizes = [9, 1, 9, 1, 9, 1];
    check(CoordinationLevel::Optimized, &[STEADY; 2], &sizes, 19, &[3, 3]);
    check(CoordinationLevel::Optimized, &[STEADY, Does::Answers(5)], &[1; 6], 5, &[5, 1]);
}

#[test]
fn what_is_not_built_falls_level_by_level_and_says_so() {
    let spec = BatchSpec::new(CoordinationLevel::Emergent);
    let (_, account) = run(spec, &[STEADY], items(&[1]), Unlearned);
    let falls: Vec<_> =
        account.falls.iter().map(|fall| (fall.from, fall.why.as_str(), fall.placed)).collect();
    let expected = [
        (CoordinationLevel::Emergent, "emergent is not built", 0),
        (CoordinationLevel::Adaptive, "adaptive is not built", 0),
        (CoordinationLevel::Intelligent, "intelligent is not built", 0),
    ];
    assert_eq!(falls, expected);
    assert_eq!(account.used, CoordinationLevel::Optimized);
    assert_eq!(account.reason(), Some("emergent is not built"));
}

#[test]
fn what_may_have_run_is_not_run_again_and_the_rest_goes_on() {
    for level in [CoordinationLevel::Basic, CoordinationLevel::Optimized] {
        let does = [Does::Crashes, STEADY];
        let (seen, account) = run(BatchSpec::new(level), &does, items(&[1; 20]), Unlearned);
        assert_eq!(seen.may_have_run.len(), CRASHES_MAX as usize, "then it is given nothing more");
        assert!(seen.may_have_run.values().all(|&times| times == 1));
        assert_eq!(seen.answered.len(), 20 - CRASHES_MAX as usize);
        assert!(seen.may_have_run.keys().all(|item| !seen.answered.contains_key(item)));
        let left = account.shares[0].left.as_deref();
        assert_eq!(left, Some("it did not answer 3 items in a row"));
    }
}

#[test]
fn what_may_be_repeated_is_but_not_for_ever() {
    let repeatable: Vec<Item> =
        items(&[1; 4]).iter().map(|item| Item { is_repeatable: true, ..*item }).collect();
    let spec = BatchSpec::new(CoordinationLevel::Optimized);
    let (seen, _) = run(spec, &[Does::Crashes, STEADY], repeatable.clone(), Unlearned);
    assert_eq!(seen.answered.len(), 4);

    let (seen, _) = run(spec, &[Does::Crashes; 9], repeatable, Unlearned);
    assert!(seen.answered.is_empty() && !seen.may_have_run.is_empty());
    assert!(seen.may_have_run.values().all(|&times| times <= ATTEMPTS_MAX));
}

#[test]
fn what_has_surely_not_run_goes_to_somebody_else() {
    for level in [CoordinationLevel::Basic, CoordinationLevel::Optimized] {
        let does = [Does::IsGone, STEADY, Does::IsGone];
        let (seen, account) = run(BatchSpec::new(level), &does, items(&[1; 9]), Unlearned);
        assert_eq!((seen.answered.len(), done(&account)), (9, vec![0, 9, 0]));
        assert_eq!((account.shares[0].not_run, account.shares[2].not_run), (1, 1));
    }
}

#[test]
fn when_all_have_left_the_rest_is_given_up() {
    let spec = BatchSpec::new(CoordinationLevel::Basic);
    let (seen, _) = run(spec, &[Does::IsGone; 2], items(&[1; 5]), Unlearned);
    assert_eq!(seen.given_up.len(), 5);
    assert!(seen.given_up.values().all(|&why| why == NotBegun::NoAgent));
}

#[test]
fn what_has_not_begun_by_the_deadline_is_given_up_then() {
    for level in [CoordinationLevel::Basic, CoordinationLevel::Optimized] {
        let spec = BatchSpec { deadline: at(5), ..BatchSpec::new(level) };
        let (seen, account) = run(spec, &[STEADY], items(&[2; 9]), Unlearned);
        // Begun at 0, 2 and 4; the last is with its agent at the deadline.
        assert_eq!((seen.answered.len(), seen.given_up.len()), (3, 6));
        assert!(seen.given_up.values().all(|&why| why == NotBegun::Deadline));
        assert_eq!(account.makespan.as_secs(), 6);
    }
}

/// Has a plan that gives nobody anything, or breaks after a while.
struct Lazy {
    breaks_after: u64,
}

struct LazyPlan(Line, bool);

impl Plan for LazyPlan {
    fn poll_next(&mut self, now: Time, crew: &Crew) -> Option<(usize, usize)> {
        if self.1 { self.0.poll_next(now, crew) } else { None }
    }

    fn handle_back(&mut self, crew: &Crew, item: usize) {
        self.0.handle_back(crew, item);
    }

    fn handle_left(&mut self, _: &Crew, _: usize) {}
}

impl Planner for Lazy {
    type Plan = LazyPlan;

    fn plan(&mut self, level: CoordinationLevel, job: &Job<'_>) -> Result<LazyPlan, NoPlan> {
        match level {
            CoordinationLevel::Intelligent => {
                Ok(LazyPlan(Line::new(job.waiting), self.breaks_after > 0))
            }
            level => Err(NoPlan::NotBuilt { level }),
        }
    }

    fn handle_done(&mut self, _: Option<&mut LazyPlan>, _: &Done<'_>) -> Result<(), NoPlan> {
        self.breaks_after = self.breaks_after.saturating_sub(1);
        match self.breaks_after {
            0 => Err(NoPlan::Untrusted { why: "a test".to_owned() }),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_plan_that_leaves_everybody_idle_is_left() {
    let spec = BatchSpec::new(CoordinationLevel::Intelligent);
    let (seen, account) = run(spec, &[STEADY; 2], items(&[1; 4]), Lazy { breaks_after: 0 });
    assert_eq!((seen.answered.len(), account.makespan.as_secs()), (4, 2));
    assert_eq!(account.used, CoordinationLevel::Optimized);
    assert_eq!(account.reason(), Some("the plan left everybody idle while something waited"));
}

#[test]
fn a_plan_that_loses_trust_on_the_way_is_left_there() {
    let spec = BatchSpec::new(CoordinationLevel::Adaptive);
    let (seen, account) = run(spec, &[STEADY; 2], items(&[1; 9]), Lazy { breaks_after: 3 });
    assert_eq!(seen.answered.len(), 9);
    let falls: Vec<_> = account.falls.iter().map(|fall| (fall.from, fall.placed)).collect();
    // Two are placed at first, and one after each of the first two ends.
    let expected = [(CoordinationLevel::Adaptive, 0), (CoordinationLevel::Intelligent, 4)];
    assert_eq!(falls, expected);
    assert_eq!(account.falls[1].why, "predictions are not used: a test");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |spec: BatchSpec, agents: Vec<AgentId>, count: usize| {
        Batch::new(at(0), spec, agents, vec![Item::default(); count], Unlearned).err()
    };
    let spec = BatchSpec::new(CoordinationLevel::Basic);
    assert_eq!(refused(spec, ids(2), 0), None);
    assert_eq!(refused(spec, Vec::new(), 1), Some(BatchError::Agents(0)));
    let many = AGENTS_MAX + 1;
    assert_eq!(refused(spec, ids(many as u128), 1), Some(BatchError::Agents(many)));
    let twice = vec![AgentId::from_u128(7), AgentId::from_u128(1), AgentId::from_u128(7)];
    assert_eq!(refused(spec, twice, 1), Some(BatchError::Twice(AgentId::from_u128(7))));
    assert_eq!(refused(spec, ids(1), ITEMS_MAX + 1), Some(BatchError::Items(ITEMS_MAX + 1)));
    let idle = BatchSpec { in_flight_each: 0, ..spec };
    assert_eq!(refused(idle, ids(1), 1), Some(BatchError::InFlight(0)));
}

#[test]
fn an_end_that_was_told_already_changes_nothing() {
    let spec = BatchSpec::new(CoordinationLevel::Optimized);
    let mut batch = Batch::new(at(0), spec, ids(2), items(&[1; 3]), Unlearned).expect("fine");
    let ended = Ended { run: Run::Done, leaves: None };
    assert!(batch.handle_ended(at(1), 0, 0, ended.clone()));
    let before = batch.account();
    assert!(!batch.handle_ended(at(2), 0, 0, ended.clone()), "it has it no more");
    assert!(!batch.handle_ended(at(2), 0, 1, ended.clone()), "somebody else has it");
    assert!(!batch.handle_ended(at(2), 9, 0, ended), "there is no such agent");
    assert_eq!(batch.account(), before);
}
