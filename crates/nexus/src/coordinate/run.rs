//! A batch on its way: what it says is asked, and it is told how that ended.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use nexus_agent::{Agent, Ask, AskError, Changed, Handle, Handler, Message, Sleep, System};
use nexus_base::Time;
use nexus_coord::coordinate::{Account, Batch, Effect, Ended, Run};

use super::sorts::Shared;
use super::{Agents, ItemError, Work};

/// A batch on its way. All its asks are in here, and are polled together: a handler
/// that coordinates others is the one who asks, with its deadline and its chain of calls.
pub(super) struct Running<'a, A: Agent, M: Message> {
    system: &'a Arc<System>,
    handles: &'a [Handle<A>],
    work: Work<M>,
    deadline: Time,
    batch: Batch<Shared>,
    asking: Vec<Asking<'a, M>>,
    outcomes: Vec<Option<Result<M::Reply, ItemError>>>,
    alarm: Option<(Time, Pin<Box<Sleep>>)>,
}

/// One item that is with an agent.
struct Asking<'a, M: Message> {
    item: usize,
    agent: usize,
    ask: Ask<'a, M>,
}

impl<'a, A: Handler<M>, M: Message + Clone> Running<'a, A, M> {
    pub(super) fn new(
        agents: &'a Agents<A>,
        work: Work<M>,
        deadline: Time,
        batch: Batch<Shared>,
    ) -> Running<'a, A, M> {
        let outcomes = work.items.iter().map(|_| None).collect();
        Running {
            system: &agents.system,
            handles: &agents.handles,
            work,
            deadline,
            batch,
            asking: Vec::new(),
            outcomes,
            alarm: None,
        }
    }

    /// Until nothing waits and nobody has anything.
    #[allow(clippy::type_complexity, reason = "a name would say less")]
    pub(super) async fn finish(mut self) -> (Vec<Result<M::Reply, ItemError>>, Account) {
        poll_fn(|poller| self.poll(poller)).await;
        let known = |outcome: Option<_>| outcome.expect("each item was asked or given up");
        (self.outcomes.into_iter().map(known).collect(), self.batch.account())
    }

    fn poll(&mut self, poller: &mut Poller<'_>) -> Poll<()> {
        loop {
            self.carry_out();
            if self.batch.is_over() {
                return Poll::Ready(());
            }
            let has_ended = self.poll_asks(poller);
            let is_time = self.poll_alarm(poller);
            if !has_ended && !is_time {
                return Poll::Pending;
            }
        }
    }

    fn now(&self) -> Time {
        self.system.driver().now()
    }

    fn carry_out(&mut self) {
        let now = self.now();
        while let Some(effect) = self.batch.poll_effect() {
            match effect {
                Effect::Send { item, agent } => {
                    let each = self.work.each_within.unwrap_or(A::DEADLINE);
                    let within = each.min(self.deadline.since(now));
                    let message = self.work.items[item].message.clone();
                    // Through the mailbox: in place it would run here and now, and the
                    // agents would take turns instead of working side by side.
                    let ask = self.handles[agent].ask(message).within(within).queued();
                    self.asking.push(Asking { item, agent, ask });
                }
                Effect::GiveUp { item, why } => {
                    let outcome = &mut self.outcomes[item];
                    let may_have_run = |outcome: &Result<_, ItemError>| matches!(outcome, Err(error) if error.changed() == Changed::Unknown);
                    if !outcome.as_ref().is_some_and(may_have_run) {
                        *outcome = Some(Err(ItemError::NotBegun(why)));
                    }
                }
                other => unreachable!("no effect like {other:?} is known here"),
            }
        }
    }

    /// Whether any ask has ended.
    fn poll_asks(&mut self, poller: &mut Poller<'_>) -> bool {
        let (mut index, before) = (0, self.asking.len());
        while index < self.asking.len() {
            match Pin::new(&mut self.asking[index].ask).poll(poller) {
                Poll::Pending => index += 1,
                Poll::Ready(reply) => {
                    let Asking { item, agent, .. } = self.asking.swap_remove(index);
                    self.handle_reply(item, agent, reply);
                }
            }
        }
        self.asking.len() < before
    }

    fn handle_reply(&mut self, item: usize, agent: usize, reply: Result<M::Reply, AskError>) {
        let ended = ended(&reply);
        let outcome = &mut self.outcomes[item];
        let may_have_run =
            matches!(outcome, Some(Err(error)) if error.changed() == Changed::Unknown);
        // An earlier attempt may have run, whatever is known of this one.
        if ended.run != Run::No || !may_have_run {
            *outcome = Some(reply.map_err(|error| ItemError::Asked { agent, error }));
        }
        let now = self.now();
        assert!(self.batch.handle_ended(now, agent, item, ended), "it was sent there");
    }

    /// Whether it was time to look again.
    fn poll_alarm(&mut self, poller: &mut Poller<'_>) -> bool {
        let Some(at) = self.batch.next_timeout() else {
            self.alarm = None;
            return false;
        };
        let now = self.now();
        if at <= now {
            self.batch.handle_timeout(now);
            return true;
        }
        if self.alarm.as_ref().is_none_or(|(set_to, _)| *set_to != at) {
            self.alarm = Some((at, Box::pin(self.system.sleep(at.since(now)))));
        }
        let (_, sleep) = self.alarm.as_mut().expect("it was set");
        let is_ready = sleep.as_mut().poll(poller).is_ready();
        if is_ready {
            self.alarm = None;
        }
        is_ready
    }
}

/// What an ask's end says about its item and its agent.
fn ended<R>(reply: &Result<R, AskError>) -> Ended {
    let Err(error) = reply else { return Ended { run: Run::Done, leaves: None } };
    let run = match error.changed() {
        Changed::No => Run::No,
        Changed::Unknown => Run::Unknown,
    };
    // One that crashed is made anew by its supervisor; one whose answer could not
    // be read is there as before.
    let stays = matches!(
        error,
        AskError::Crashed(_) | AskError::ReplyMalformed { .. } | AskError::ReplyUnencodable { .. }
    );
    Ended { run, leaves: (!stays).then(|| error.to_string()) }
}
