//! Where an answer waits for its asker.

use std::task::{Context as Poller, Poll, Waker};

use crate::error::drop_caught;
use crate::sync::Mutex;
use crate::{AskError, Crash, During};

/// Shared by an asker and whoever answers.
pub(crate) struct Slot<R> {
    state: Mutex<State<R>>,
}

enum State<R> {
    /// The handler has not started.
    Queued(Option<Waker>),
    /// The handler runs, or is suspended.
    Started(Option<Waker>),
    /// The answer is there.
    Done(Result<R, AskError>),
    /// The asker has its answer.
    Taken,
    /// The asker gave up.
    Abandoned,
}

impl<R> Slot<R> {
    /// A slot whose asker is woken by `waker`.
    pub(crate) fn queued(waker: Waker) -> Slot<R> {
        Slot { state: Mutex::new(State::Queued(Some(waker))) }
    }

    pub(crate) fn started() -> Slot<R> {
        Slot { state: Mutex::new(State::Started(None)) }
    }

    /// Says that the handler starts; false if the asker has given up.
    pub(crate) fn start(&self) -> bool {
        let mut state = self.lock();
        match &mut *state {
            State::Queued(waker) => {
                *state = State::Started(waker.take());
                true
            }
            _ => false,
        }
    }

    /// Leaves the answer and wakes the asker. An answer nobody waits for is dropped.
    pub(crate) fn complete(&self, result: Result<R, AskError>) {
        let mut state = self.lock();
        let waker = match &mut *state {
            State::Queued(waker) | State::Started(waker) => waker.take(),
            State::Done(_) | State::Taken | State::Abandoned => {
                drop(state);
                return drop_caught(result);
            }
        };
        *state = State::Done(result);
        drop(state);
        if let Some(waker) = waker {
            let _ = Crash::catch(During::Handler, || waker.wake());
        }
    }

    /// The answer, if it is there; otherwise `poller` is woken when it comes.
    pub(crate) fn poll(&self, poller: &mut Poller<'_>) -> Poll<Result<R, AskError>> {
        match self.look(poller.waker()) {
            Look::Answer(answer) => Poll::Ready(answer),
            Look::Waits | Look::Moved => Poll::Pending,
        }
    }

    /// The answer, if it is there; otherwise `waker` is called when it comes.
    pub(crate) fn look(&self, waker: &Waker) -> Look<R> {
        let mut state = self.lock();
        match &mut *state {
            State::Queued(before) | State::Started(before) => {
                if before.as_ref().is_some_and(|before| before.will_wake(waker)) {
                    return Look::Waits;
                }
                *before = Some(waker.clone());
                Look::Moved
            }
            State::Done(_) => match std::mem::replace(&mut *state, State::Taken) {
                State::Done(result) => Look::Answer(result),
                _ => unreachable!("the state was matched under the lock"),
            },
            State::Taken | State::Abandoned => Look::Waits,
        }
    }

    /// Gives up waiting.
    pub(crate) fn abandon(&self) -> Abandoned {
        let mut state = self.lock();
        let was = std::mem::replace(&mut *state, State::Abandoned);
        drop(state);
        match was {
            State::Queued(_) => Abandoned::Unstarted,
            State::Started(_) => Abandoned::Started,
            State::Done(_) | State::Taken | State::Abandoned => Abandoned::Finished,
        }
    }

    /// Whether the asker gave up.
    pub(crate) fn gave_up(&self) -> bool {
        matches!(*self.lock(), State::Abandoned)
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = State<R>> + '_ {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a look for the answer found.
pub(crate) enum Look<R> {
    /// It is there.
    Answer(Result<R, AskError>),
    /// Not yet; who is woken when it comes is the same as before.
    Waits,
    /// Not yet, and who is woken when it comes is another than before.
    Moved,
}

/// How far the handler was when its asker gave up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Abandoned {
    /// It had not started and never will.
    Unstarted,
    /// It may have run.
    Started,
    /// The answer was there already.
    Finished,
}
