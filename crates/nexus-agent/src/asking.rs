//! What a handler asks of the host and waits for: a message by name, a lock.

use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};
use std::time::Duration;

use nexus_base::Time;

use crate::driver::{Alarm, AlarmKey};
use crate::raw::outside;
use crate::slot::{Look, Slot};
use crate::{Agent, AskError, Changed, Context, Host, System};

/// A question under way. Dropping it gives up on the answer.
pub(crate) struct Asking<Q, R> {
    system: Arc<System>,
    within: Duration,
    handler_deadline: Time,
    state: State<Q, R>,
}

enum State<Q, R> {
    Refused(AskError),
    Unsent(Q),
    Waiting(Waiting<R>),
    Done,
}

struct Waiting<R> {
    slot: Arc<Slot<R>>,
    deadline: Time,
    /// Who is woken at the deadline, and by which alarm.
    alarm: Option<(AlarmKey, Waker)>,
}

impl<Q, R> Asking<Q, R> {
    /// Waits for `within`, and no longer than the handler of `cx` may take; or is refused.
    pub(crate) fn new<A: Agent>(
        cx: &Context<A>,
        within: Duration,
        what: Result<Q, AskError>,
    ) -> Asking<Q, R> {
        let system = cx.step().cell().kind().system().clone();
        let handler_deadline = cx.deadline();
        let state = what.map_or_else(State::Refused, State::Unsent);
        Asking { system, within, handler_deadline, state }
    }

    pub(crate) fn set_within(&mut self, limit: Duration) {
        self.within = limit;
    }

    pub(crate) fn system(&self) -> &Arc<System> {
        &self.system
    }

    /// The answer, once it is there. `put` puts the question to the host.
    pub(crate) fn poll(
        &mut self,
        poller: &Poller<'_>,
        put: impl FnOnce(&dyn Host, Q, Duration, Arc<Slot<R>>),
    ) -> Poll<Result<R, AskError>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Refused(why) => return self.done(Err(why)),
            State::Unsent(what) => match self.send(what, poller, put) {
                Ok(waiting) => self.state = State::Waiting(waiting),
                Err(why) => return self.done(Err(why)),
            },
            waiting => self.state = waiting,
        }
        let State::Waiting(waiting) = &mut self.state else {
            panic!("not polled after it was ready");
        };
        if let Look::Answer(answer) = waiting.slot.look(poller.waker()) {
            return self.done(answer);
        }
        let driver = self.system.driver();
        // By the driver's clock, which the alarm rings by.
        if self.system.is_closed() {
            return self.done(Err(AskError::Stopped { changed: Changed::Unknown }));
        }
        let deadline = waiting.deadline;
        if driver.now() >= deadline {
            return self.done(Err(AskError::Deadline { deadline }));
        }
        let same = |(_, waker): &(AlarmKey, Waker)| waker.will_wake(poller.waker());
        if !waiting.alarm.as_ref().is_some_and(same) {
            let waker = poller.waker().clone();
            let key = driver.set_alarm(deadline, Alarm::wake(waker.clone()));
            if let Some((before, _)) = waiting.alarm.replace((key, waker)) {
                driver.cancel_alarm(before);
            }
            if self.system.is_closed() {
                // Nobody rings alarms any more.
                poller.waker().wake_by_ref();
            }
        }
        crate::worker::note_leaf();
        Poll::Pending
    }

    /// Puts the question to the host.
    fn send(
        &self,
        what: Q,
        poller: &Poller<'_>,
        put: impl FnOnce(&dyn Host, Q, Duration, Arc<Slot<R>>),
    ) -> Result<Waiting<R>, AskError> {
        let now = self.system.fresh_now();
        let deadline = now.after(self.within).min(self.handler_deadline);
        if deadline <= now {
            return Err(AskError::Expired { deadline });
        }
        // On a node that is in no cluster there is nobody to look for it.
        let host = self.system.host().ok_or(AskError::NotRunning)?;
        let slot = Arc::new(Slot::queued(poller.waker().clone()));
        let within = deadline.since(now);
        outside(|| put(&*host, what, within, slot.clone()));
        Ok(Waiting { slot, deadline, alarm: None })
    }

    fn done(&mut self, answer: Result<R, AskError>) -> Poll<Result<R, AskError>> {
        self.forget();
        Poll::Ready(answer)
    }

    /// Waits for nothing any more.
    fn forget(&mut self) {
        if let State::Waiting(waiting) = std::mem::replace(&mut self.state, State::Done) {
            if let Some((alarm, _)) = waiting.alarm {
                self.system.driver().cancel_alarm(alarm);
            }
            waiting.slot.abandon();
        }
    }
}

impl<Q, R> Drop for Asking<Q, R> {
    fn drop(&mut self) {
        self.forget();
    }
}
