//! One call through a pool, from the desk to its end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nexus_agent::{Agent, AnyMessage, AnyReply, AskError, Changed, Handle, Handler, Message};
use nexus_base::{Level, Time};
use nexus_coord::Routed;
use nexus_coord::balance::{Outcome, Ticket};

use super::desk::{Placed, Sent};
use super::door::Door;
use super::hall::Wait;
use super::{CallSpec, HELD_MAX, PoolError};

/// A reply, and how it came about.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Served<R> {
    /// What the member replied.
    pub reply: R,
    /// Which routing level was asked for, which one served, and why not the former.
    pub routed: Routed,
    /// The level of the layers that placed it. Adaptive routing is *reactive* while no
    /// layer is up, or none is on in this block of their trial; it is then by least
    /// connections. Basic and optimized routing always are.
    pub level: Level,
    /// Index of the member that served: the number at the end of its key.
    pub member: usize,
}

impl<A: Agent> Door<A> {
    pub(super) async fn serve<M: Message>(
        &self,
        message: M,
        call: CallSpec,
    ) -> Result<Served<M::Reply>, PoolError>
    where
        A: Handler<M>,
    {
        let (routed, place, within) = self.find_member(&call).await?;
        let reply = place.sent().handle.ask(message).within(within).await;
        place.end(routed, reply)
    }

    /// A member for a call, awaited if need be, and what is left of the call's time.
    #[inline]
    async fn find_member(
        &self,
        call: &CallSpec,
    ) -> Result<(Routed, Place<'_, A>, Duration), PoolError> {
        let mut within = call.within.unwrap_or(A::DEADLINE);
        let now = self.now();
        let deadline = now.after(within);
        let (routed, mut place) = self.place(now, deadline, call)?;
        if let Stage::Held(ticket) = place.stage {
            place.wait(ticket, deadline).await?;
            within = deadline.since(self.now());
        }
        Ok((routed, place, within))
    }

    /// As [`Self::serve`], for a message whose type is known to the members' kind
    /// alone.
    pub(super) async fn serve_any(
        &self,
        message: &str,
        any: AnyMessage,
        call: CallSpec,
    ) -> Result<Served<AnyReply>, PoolError> {
        let (routed, place, within) = self.find_member(&call).await?;
        let key = place.sent().handle.key();
        let reply = self.system.ask_any(A::KIND, key, message, any, within).await;
        place.end(routed, reply)
    }

    #[inline]
    fn place(
        &self,
        now: Time,
        deadline: Time,
        call: &CallSpec,
    ) -> Result<(Routed, Place<'_, A>), PoolError> {
        let CallSpec { routing, features, .. } = *call;
        let placed = self.at_desk(|desk| desk.handle_call(now, routing, features, deadline));
        let (routed, placed) = placed.map_err(|error| self.explain(error))?;
        let stage = match placed {
            Placed::Sent(sent) => Stage::Sent(sent, Outcome::Cancelled),
            Placed::Held(ticket) => Stage::Held(ticket),
        };
        Ok((routed, Place { door: self, stage }))
    }

    /// A pool is without members, or without its hall, also where the node ends.
    #[cold]
    fn explain(&self, error: PoolError) -> PoolError {
        match error {
            PoolError::NoMember | PoolError::Stopped if self.system.is_shutting_down() => {
                PoolError::Ask(AskError::ShuttingDown)
            }
            error => error,
        }
    }
}

/// A call's place at the desk, given back however the call ends.
struct Place<'d, A: Agent> {
    door: &'d Door<A>,
    stage: Stage<Handle<A>>,
}

enum Stage<H> {
    Held(Ticket),
    /// How it ended, or *cancelled* while it has not.
    Sent(Sent<H>, Outcome),
}

impl<A: Agent> Place<'_, A> {
    /// Waits in the hall until the desk has a member for the call.
    #[cold]
    async fn wait(&mut self, ticket: Ticket, deadline: Time) -> Result<(), PoolError> {
        let door = self.door;
        let left = deadline.since(door.now());
        let mut sitting = pin!(door.hall.ask(Wait).within(left));
        let sent = poll_fn(|poller| {
            // By itself: the desk is free again when the hall is asked.
            let held = door.lock().poll_held(ticket, poller.waker());
            match held {
                Ok(Some(sent)) => Poll::Ready(Ok(sent)),
                Ok(None) => {
                    sitting.as_mut().poll(poller).map(|answer| Err(sat_in_vain(answer, deadline)))
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        });
        let sent = sent.await.map_err(|error| door.explain(error))?;
        self.stage = Stage::Sent(sent, Outcome::Cancelled);
        Ok(())
    }

    /// The member that has the call.
    #[inline]
    fn sent(&self) -> &Sent<Handle<A>> {
        match &self.stage {
            Stage::Sent(sent, _) => sent,
            Stage::Held(_) => unreachable!("a call that need not wait has been sent"),
        }
    }

    /// The call has come to this.
    #[inline]
    fn end<R>(
        mut self,
        routed: Routed,
        reply: Result<R, AskError>,
    ) -> Result<Served<R>, PoolError> {
        if let Stage::Sent(_, outcome) = &mut self.stage {
            *outcome = outcome_of(&reply);
        }
        let (member, level) = (self.sent().member, self.sent().level);
        drop(self);
        Ok(Served { reply: reply?, routed, level, member })
    }
}

impl<A: Agent> Drop for Place<'_, A> {
    #[inline]
    fn drop(&mut self) {
        let now = self.door.now();
        self.door.at_desk(|desk| match &self.stage {
            Stage::Held(ticket) => desk.handle_held_given_up(now, *ticket),
            Stage::Sent(sent, outcome) => desk.handle_finished(now, sent, *outcome),
        });
    }
}

/// Why a call left the hall without a member. Whatever became of the wait,
/// nothing was sent.
fn sat_in_vain(answer: Result<(), AskError>, deadline: Time) -> PoolError {
    match answer {
        Err(AskError::Expired { .. } | AskError::Deadline { .. }) => {
            PoolError::Ask(AskError::Expired { deadline })
        }
        Err(AskError::MailboxFull { .. }) => PoolError::HeldFull { held_max: HELD_MAX },
        Err(AskError::Cycle { path, .. }) => {
            PoolError::Ask(AskError::Cycle { path, changed: Changed::No })
        }
        Err(AskError::ShuttingDown) => PoolError::Ask(AskError::ShuttingDown),
        _ => PoolError::Stopped,
    }
}

/// What the end of a call says about the member.
fn outcome_of<R>(reply: &Result<R, AskError>) -> Outcome {
    match reply {
        Ok(_) => Outcome::Done,
        Err(
            AskError::Expired { .. }
            | AskError::Deadline { .. }
            | AskError::Cycle { .. }
            | AskError::ShuttingDown,
        ) => Outcome::Cancelled,
        Err(_) => Outcome::Failed,
    }
}
