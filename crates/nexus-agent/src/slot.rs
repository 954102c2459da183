//! Where an answer waits for its asker.

use std::collections::VecDeque;
use std::task::{Context as Poller, Poll, Waker};

use crate::AskError;
use crate::chain::Asker;
use crate::error::{drop_caught, wake_caught};
use crate::sync::Mutex;

/// Wakers of one handler that watch for its asker to give up, at most: a
/// handler has one mostly. Beyond it the one that has watched longest is woken
/// and forgotten; if it still watches it comes again.
const WATCHERS_MAX: usize = 16;

/// Shared by an asker and whoever answers.
pub(crate) struct Slot<R> {
    state: Mutex<State<R>>,
}

enum State<R> {
    /// The handler has not started.
    Queued(Option<Waker>),
    /// The handler runs, or is suspended, and may watch for its asker to give up.
    Started(Option<Waker>, Option<Box<Watchers>>),
    /// The answer is there.
    Done(Result<R, AskError>),
    /// The asker has its answer.
    Taken,
    /// The asker gave up.
    Abandoned,
}

/// Who is woken when the asker gives up.
#[derive(Default)]
struct Watchers {
    wakers: VecDeque<Waker>,
}

impl Watchers {
    /// Adds one; the one that makes room for it.
    fn add(&mut self, waker: &Waker) -> Option<Waker> {
        if self.wakers.iter().any(|known| known.will_wake(waker)) {
            return None;
        }
        self.wakers.push_back(waker.clone());
        if self.wakers.len() > WATCHERS_MAX { self.wakers.pop_front() } else { None }
    }
}

impl<R> Slot<R> {
    /// A slot whose asker is woken by `waker`.
    pub(crate) fn queued(waker: Waker) -> Slot<R> {
        Slot { state: Mutex::new(State::Queued(Some(waker))) }
    }

    pub(crate) fn started() -> Slot<R> {
        Slot { state: Mutex::new(State::Started(None, None)) }
    }

    /// Says that the handler starts, if it has not been said; false if the
    /// asker has given up.
    pub(crate) fn start(&self) -> bool {
        let mut state = self.lock();
        match &mut *state {
            State::Queued(waker) => {
                *state = State::Started(waker.take(), None);
                true
            }
            State::Started(..) => true,
            _ => false,
        }
    }

    /// Leaves the answer and wakes the asker. An answer nobody waits for is dropped.
    pub(crate) fn complete(&self, result: Result<R, AskError>) {
        let mut state = self.lock();
        let (waker, watchers) = match &mut *state {
            State::Queued(waker) => (waker.take(), None),
            State::Started(waker, watchers) => (waker.take(), watchers.take()),
            State::Done(_) | State::Taken | State::Abandoned => {
                drop(state);
                return drop_caught(result);
            }
        };
        *state = State::Done(result);
        drop(state);
        if let Some(waker) = waker {
            wake_caught(waker);
        }
        if watchers.is_some() {
            drop_caught(watchers);
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
            State::Queued(before) | State::Started(before, _) => {
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
            State::Started(_, watchers) => {
                let wakers = watchers.map(|watchers| watchers.wakers).unwrap_or_default();
                wakers.into_iter().for_each(wake_caught);
                Abandoned::Started
            }
            State::Done(_) | State::Taken | State::Abandoned => Abandoned::Finished,
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = State<R>> + '_ {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<R: Send> Asker for Slot<R> {
    fn gave_up(&self) -> bool {
        matches!(*self.lock(), State::Abandoned)
    }

    fn watch(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let State::Started(_, watchers) = &mut *state else {
            return matches!(*state, State::Abandoned);
        };
        let pushed_out = watchers.get_or_insert_default().add(waker);
        drop(state);
        if let Some(pushed_out) = pushed_out {
            pushed_out.wake();
        }
        false
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
