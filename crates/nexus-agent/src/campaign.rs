//! Leader election on top of a lock: who has it leads.

use std::future::Future;
use std::time::Duration;

use nexus_base::Time;

use crate::lock::{Claim, Lock, LockError};
use crate::{Agent, Context, Fence};

/// A candidacy of an agent: part of its state, while it lives.
///
/// Of all who campaign for a name one leads. It is whoever asked first when nobody led; there
/// is no queue. Call [`Self::beat`] every [`Self::pause`]: it says what has come of it. Between
/// two beats [`Self::leads`] tells by the clock whether leadership is sure.
///
/// Its home is an agent of the node, one on each node that may lead: what lives on a shard is one in
/// the cluster anyway, and begins anew elsewhere without the alarm that [`Context::after`] has set.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use std::time::Duration;
///
/// use nexus::{Agent, Campaign, Context, Handler, Message, Turn};
///
/// struct Planner {
///     campaign: Campaign,
/// }
///
/// impl Agent for Planner {
///     const KIND: &'static str = "planner";
///     fn new(_key: &str) -> Planner {
///         Planner { campaign: Campaign::new("planner", Duration::from_secs(6)) }
///     }
/// }
///
/// #[derive(Message)]
/// struct Beat;
///
/// impl Handler<Beat> for Planner {
///     async fn handle(&mut self, _: Beat, cx: &mut Context<Planner>) {
///         match self.campaign.beat(cx).await {
///             Turn::Won(fence) => println!("leads from now on, with fence {fence}"),
///             Turn::Leads(_) => {}
///             Turn::Lost(fence) => println!("leads no more, with fence {fence}"),
///             Turn::Waits(why) => println!("does not lead: {why}"),
///         }
///         cx.after(self.campaign.pause(), Beat);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Campaign {
    name: String,
    ttl: Duration,
    claim: Option<Claim>,
    lock: Option<Lock>,
    /// Whether the last thing it asked was not answered, so that its claim may hold the lock.
    is_unsettled: bool,
}

/// What has come of a candidacy by now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It leads from now on. What it leads is to be shown this fence.
    Won(Fence),
    /// It leads as before.
    Leads(Fence),
    /// It led, and does not any more, or cannot be sure: it acts as one who does not.
    Lost(Fence),
    /// It does not lead, and why. It goes on to campaign.
    Waits(LockError),
}

impl Campaign {
    /// A candidacy for `name`. Who leads and is not heard of is replaced after `ttl`.
    pub fn new(name: impl Into<String>, ttl: Duration) -> Campaign {
        Campaign { name: name.into(), ttl, claim: None, lock: None, is_unsettled: false }
    }

    /// How long to wait between beats: a third of the time, so that one may fail.
    pub fn pause(&self) -> Duration {
        self.ttl / 3
    }

    /// The fence, if it leads for sure at `now`. What is done after a look may be late all the
    /// same; the fence keeps it out then.
    pub fn leads(&self, now: Time) -> Option<Fence> {
        self.lock.as_ref().filter(|lock| lock.is_held(now)).map(Lock::fence)
    }

    /// Campaigns, or goes on to lead.
    pub fn beat<'a, A: Agent>(
        &'a mut self,
        cx: &Context<A>,
    ) -> impl Future<Output = Turn> + Send + use<'a, A> {
        let system = cx.step().cell().kind().system().clone();
        let claim = *self.claim.get_or_insert_with(|| cx.random(Claim::draw));
        // Until there is an answer it leads as before, even if nobody waits for that any more.
        let asked = match &self.lock {
            Some(lock) => cx.renew(lock),
            None => cx.lock_as(claim, &self.name, self.ttl),
        };
        // Longer than this there is nothing to wait for.
        let asked = asked.within(self.pause().max(Duration::from_millis(1)));
        self.is_unsettled = true;
        async move {
            let answer = asked.await;
            self.turn(answer, system.fresh_now())
        }
    }

    fn turn(&mut self, answer: Result<Lock, LockError>, now: Time) -> Turn {
        self.is_unsettled = matches!(answer, Err(LockError::Unknown));
        match (self.lock.take(), answer) {
            (led, Ok(lock)) => {
                let fence = lock.fence();
                self.lock = Some(lock);
                // The same fence means that nobody has led meanwhile.
                if led.is_some() { Turn::Leads(fence) } else { Turn::Won(fence) }
            }
            (led, Err(error)) => {
                if matches!(error, LockError::Lost { .. }) {
                    self.claim = None;
                }
                match led {
                    None => Turn::Waits(error),
                    Some(lock) if self.claim.is_some() && lock.is_held(now) => {
                        let fence = lock.fence();
                        self.lock = Some(lock);
                        Turn::Leads(fence)
                    }
                    Some(lock) => Turn::Lost(lock.fence()),
                }
            }
        }
    }

    /// Leads no more, so that another can at once. Who does not lead does nothing.
    ///
    /// # Errors
    /// As [`Context::unlock`]: it does not lead any more either way. [`LockError::Unknown`] as
    /// well if its last beat had no answer: it may have won by that, and then nobody else can
    /// until the lease ends.
    pub fn resign<'a, A: Agent>(
        &'a mut self,
        cx: &Context<A>,
    ) -> impl Future<Output = Result<(), LockError>> + Send + use<'a, A> {
        self.claim = None;
        let asked = self.lock.take().map(|lock| cx.unlock(lock));
        let is_unsettled = std::mem::take(&mut self.is_unsettled);
        async move {
            match asked {
                Some(asked) => asked.await,
                None if is_unsettled => Err(LockError::Unknown),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FENCE: Fence = Fence { term: 1, index: 1 };

    fn at(seconds: u64) -> Time {
        Time::ZERO.after(Duration::from_secs(seconds))
    }

    fn lock(until: u64) -> Lock {
        Lock::held("x", Claim(1), FENCE, at(until))
    }

    /// What a beat that was answered at so many seconds leads to.
    fn check(led: Option<Lock>, answer: Result<Lock, LockError>, now: u64) -> (Turn, Campaign) {
        let mut campaign = Campaign::new("x", Duration::from_secs(9));
        (campaign.claim, campaign.lock) = (Some(Claim(1)), led);
        (campaign.turn(answer, at(now)), campaign)
    }

    #[test]
    fn it_is_told_when_it_is_won_and_when_it_is_lost() {
        let lost = || Err(LockError::Lost { newest: None });
        let (won, campaign) = check(None, Ok(lock(9)), 1);
        assert_eq!(won, Turn::Won(FENCE));
        assert_eq!((campaign.leads(at(8)), campaign.leads(at(9))), (Some(FENCE), None));
        assert_eq!(check(Some(lock(9)), Ok(lock(12)), 3).0, Turn::Leads(FENCE));
        let (gone, campaign) = check(Some(lock(9)), lost(), 3);
        assert_eq!((gone, campaign.claim), (Turn::Lost(FENCE), None));
        assert_eq!(check(None, lost(), 3).0, Turn::Waits(LockError::Lost { newest: None }));
    }

    #[test]
    fn without_an_answer_it_leads_as_long_as_it_is_sure() {
        let unknown = || Err(LockError::Unknown);
        let (still, campaign) = check(Some(lock(9)), unknown(), 8);
        assert_eq!((still, campaign.leads(at(8))), (Turn::Leads(FENCE), Some(FENCE)));
        let (over, campaign) = check(Some(lock(9)), unknown(), 9);
        // With the same claim: it may hold the lock still, and finds out.
        assert_eq!((over, campaign.claim), (Turn::Lost(FENCE), Some(Claim(1))));
        assert_eq!(campaign.leads(at(8)), None);
        assert!(campaign.is_unsettled);
        assert!(!check(None, Err(LockError::Unreachable), 1).1.is_unsettled);
    }
}
