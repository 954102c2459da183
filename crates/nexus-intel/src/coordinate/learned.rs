//! What was learned over batches, and the plans it makes.

use nexus_base::{AgentId, Time};
use nexus_coord::balance::ServerIndex;
use nexus_coord::coordinate::{CoordinationLevel, Crew, Done, Item, Job, NoPlan, Plan, Planner};

#[cfg(feature = "adaptive")]
use super::by_speed::BySpeed;
use super::known::Known;
use super::longest_first::LongestFirst;
use super::waiting::Waiting;
use crate::learn::{Explanation, Reason, Source};
use crate::proactive::{Demand, Judge, Speeds, WorkModel, sane};

/// What items take and how fast agents are, learned from batches of one sort of work.
///
/// A plan needs a model that is trusted: one that learned from enough outcomes, was not
/// worse than the plain mean lately, and predicts amounts of work that are plausible. An
/// adaptive plan also needs to have met one of the agents at least, and speeds with
/// which predictions are not worse than without.
///
/// ```
/// use nexus_base::{AgentId, Time};
/// use nexus_coord::coordinate::{Batch, BatchSpec, CoordinationLevel, Item};
/// use nexus_intel::coordinate::Learned;
/// use nexus_intel::proactive::{EvenSpeeds, LearnedWork};
///
/// let mut learned = Learned::new(LearnedWork::new(), EvenSpeeds);
/// let spec = BatchSpec::new(CoordinationLevel::Intelligent);
/// let agents = vec![AgentId::from_u128(1)];
/// let batch = Batch::new(Time::ZERO, spec, agents, vec![Item::default()], &mut learned)?;
/// assert_eq!(
///     batch.account().reason(),
///     Some("predictions are not used: insufficient data: 0 outcomes, 100 are needed")
/// );
/// # Ok::<(), nexus_coord::coordinate::BatchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Learned<W, S> {
    work: W,
    speeds: S,
    judge: Judge,
    known: Known,
}

impl<W: WorkModel, S: Speeds> Learned<W, S> {
    /// What these have learned, and nothing of any agent.
    pub fn new(work: W, speeds: S) -> Learned<W, S> {
        Learned { work, speeds, judge: Judge::new(), known: Known::default() }
    }

    /// The model.
    pub fn work(&self) -> &W {
        &self.work
    }

    /// Why work is predicted as it is.
    pub fn explain(&self) -> Explanation {
        self.work.explain()
    }

    /// Work done in a second relative to an ordinary agent; none of an agent that has
    /// done nothing yet.
    pub fn speed(&self, agent: AgentId) -> Option<f64> {
        self.known.find(agent).map(|server| self.believed(server))
    }

    fn believed(&self, server: ServerIndex) -> f64 {
        match self.judge.speeds_fault() {
            None => sane(self.speeds.speed(server)),
            Some(_) => 1.0,
        }
    }

    /// Seconds of work to expect of each item.
    fn expect(&mut self, items: &[Item]) -> Result<Vec<f64>, NoPlan> {
        let mut refused = None;
        let mut is_any_modelled = items.is_empty();
        let mut expected_s = Vec::with_capacity(items.len());
        for item in items {
            let prediction = self.work.predict(&demand(item));
            match prediction.source {
                Source::Model => is_any_modelled = true,
                Source::Baseline(reason) => refused = refused.or(Some(reason)),
            }
            expected_s.push(self.judge.believed_s(&prediction));
        }
        self.check_work()?;
        match refused {
            // One that is implausible counts as the mean; if all are, that is a fault.
            Some(reason) if !is_any_modelled || is_of_all(&reason) => {
                Err(NoPlan::Untrusted { why: reason.to_string() })
            }
            _ => Ok(expected_s),
        }
    }

    fn check_work(&self) -> Result<(), NoPlan> {
        let fault = self.judge.work_fault();
        fault.map_or(Ok(()), |fault| Err(NoPlan::Untrusted { why: fault.to_string() }))
    }

    #[cfg(feature = "adaptive")]
    fn check_speeds(&self) -> Result<(), NoPlan> {
        let fault = self.judge.speeds_fault();
        fault.map_or(Ok(()), |fault| Err(NoPlan::NoSpeeds { why: fault.to_string() }))
    }

    #[cfg(feature = "adaptive")]
    fn speeds_of(&self, crew: &Crew) -> Vec<f64> {
        (0..crew.len()).map(|agent| self.speed(crew.id(agent)).unwrap_or(1.0)).collect()
    }

    #[cfg(feature = "adaptive")]
    fn plan_by_speed(&mut self, job: &Job<'_>) -> Result<LearnedPlan, NoPlan> {
        let mut ids = (0..job.crew.len()).map(|agent| job.crew.id(agent));
        if !ids.any(|id| self.known.find(id).is_some()) {
            let why = "none of these agents has been seen at work".to_owned();
            return Err(NoPlan::NoSpeeds { why });
        }
        self.check_speeds()?;
        let waiting = Waiting::new(self.expect(job.items)?, job.waiting);
        let plan = BySpeed::new(job.now, job.crew, waiting, self.speeds_of(job.crew));
        Ok(LearnedPlan { inner: Inner::BySpeed(plan) })
    }

    /// What was learned is told to the plan that is followed.
    #[cfg(feature = "adaptive")]
    fn tell(&self, plan: &mut LearnedPlan, done: &Done<'_>, is_anew: bool) -> Result<(), NoPlan> {
        let Inner::BySpeed(plan) = &mut plan.inner else { return Ok(()) };
        self.check_speeds()?;
        match is_anew {
            true => plan.set_speeds(self.speeds_of(done.crew)),
            false => {
                let speed = self.speed(done.crew.id(done.agent));
                plan.set_speed(done.agent, speed.unwrap_or(1.0));
            }
        }
        Ok(())
    }

    /// Learns from one item; whether speeds are learned anew from here on.
    fn learn(&mut self, done: &Done<'_>) -> bool {
        let prediction = self.work.predict(&demand(done.item));
        let expected_s = self.judge.believed_s(&prediction);
        let server = self.known.meet(done.crew.id(done.agent), &mut self.speeds);
        let speed = self.speeds.speed(server);
        let is_anew = self.judge.handle_served(expected_s, speed, done.service_s);
        if is_anew {
            self.speeds.forget();
        }
        if let Some(verdict) = self.work.handle_truth(&prediction, done.service_s) {
            self.judge.handle_verdict(verdict);
        }
        self.speeds.handle_served(server, expected_s, done.service_s);
        self.work.learn(&prediction, done.service_s);
        is_anew
    }
}

/// Whether no prediction of the model is used, whatever it is.
fn is_of_all(reason: &Reason) -> bool {
    matches!(reason, Reason::InsufficientData { .. } | Reason::Doubted(_))
}

fn demand(item: &Item) -> Demand {
    Demand { unread_tokens: 0, context_tokens: 0, features: item.features }
}

impl<W: WorkModel, S: Speeds> Planner for Learned<W, S> {
    type Plan = LearnedPlan;

    fn plan(&mut self, level: CoordinationLevel, job: &Job<'_>) -> Result<LearnedPlan, NoPlan> {
        match level {
            #[cfg(feature = "adaptive")]
            CoordinationLevel::Adaptive => self.plan_by_speed(job),
            CoordinationLevel::Intelligent => {
                let waiting = Waiting::new(self.expect(job.items)?, job.waiting);
                let plan = LongestFirst::new(waiting);
                Ok(LearnedPlan { inner: Inner::LongestFirst(plan) })
            }
            level => Err(NoPlan::NotBuilt { level }),
        }
    }

    fn handle_done(
        &mut self,
        plan: Option<&mut LearnedPlan>,
        done: &Done<'_>,
    ) -> Result<(), NoPlan> {
        let is_anew = self.learn(done);
        let Some(plan) = plan else { return Ok(()) };
        self.check_work()?;
        #[cfg(feature = "adaptive")]
        self.tell(plan, done, is_anew)?;
        #[cfg(not(feature = "adaptive"))]
        let _ = (plan, is_anew);
        Ok(())
    }
}

/// A plan made from what was learned.
#[derive(Clone, Debug)]
pub struct LearnedPlan {
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    LongestFirst(LongestFirst),
    #[cfg(feature = "adaptive")]
    BySpeed(BySpeed),
}

impl LearnedPlan {
    fn plan(&self) -> &dyn Plan {
        match &self.inner {
            Inner::LongestFirst(plan) => plan,
            #[cfg(feature = "adaptive")]
            Inner::BySpeed(plan) => plan,
        }
    }

    fn plan_mut(&mut self) -> &mut dyn Plan {
        match &mut self.inner {
            Inner::LongestFirst(plan) => plan,
            #[cfg(feature = "adaptive")]
            Inner::BySpeed(plan) => plan,
        }
    }
}

impl Plan for LearnedPlan {
    fn poll_next(&mut self, now: Time, crew: &Crew) -> Option<(usize, usize)> {
        self.plan_mut().poll_next(now, crew)
    }

    fn handle_back(&mut self, crew: &Crew, item: usize) {
        self.plan_mut().handle_back(crew, item);
    }

    fn handle_left(&mut self, crew: &Crew, agent: usize) {
        self.plan_mut().handle_left(crew, agent);
    }

    fn handle_ended(&mut self, now: Time, crew: &Crew, agent: usize) {
        self.plan_mut().handle_ended(now, crew, agent);
    }

    fn next_timeout(&self, crew: &Crew) -> Option<Time> {
        self.plan().next_timeout(crew)
    }

    fn handle_timeout(&mut self, now: Time, crew: &Crew) {
        self.plan_mut().handle_timeout(now, crew);
    }

    fn fault(&self) -> Option<NoPlan> {
        self.plan().fault()
    }

    fn replanned(&self) -> u64 {
        self.plan().replanned()
    }
}
