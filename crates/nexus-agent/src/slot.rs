//! Where an answer waits for its asker.

use std::collections::VecDeque;
use std::task::{Context as Poller, Poll, Waker};

use crate::AskError;
use crate::chain::Asker;
use crate::delivery::Delivered;
use crate::error::{drop_caught, wake_caught};
use crate::sync::{AtomicU32, Mutex, Ordering};

/// Wakers of one handler that watch for its asker to give up, at most: a
/// handler has one mostly. Beyond it the one that has watched longest is woken
/// and forgotten; if it still watches it comes again.
const WATCHERS_MAX: usize = 16;

/// Shared by an asker and whoever answers.
///
/// The phase goes from *queued* to *started* without the lock, which saves a
/// handler one; all other changes of it are made under the lock.
pub(crate) struct Slot<R> {
    phase: AtomicU32,
    inner: Mutex<Inner<R>>,
}

/// The handler has not started.
const QUEUED: u32 = 0;
/// The handler runs, or is suspended, and may watch for its asker to give up.
const STARTED: u32 = 1;
/// The answer is there.
const DONE: u32 = 2;
/// The asker has its answer.
const TAKEN: u32 = 3;
/// The asker gave up.
const ABANDONED: u32 = 4;

struct Inner<R> {
    /// Who is woken when the answer comes.
    waker: Option<Waker>,
    rare: Option<Box<Rare<R>>>,
    /// There while the phase is *done*.
    answer: Option<Result<R, AskError>>,
}

/// What few slots have.
struct Rare<R> {
    /// Who is woken when the asker gives up.
    watchers: VecDeque<Waker>,
    /// The asker is the host, which is told what comes of the message.
    delivered: Option<Delivered<R>>,
}

impl<R> Default for Rare<R> {
    fn default() -> Rare<R> {
        Rare { watchers: VecDeque::new(), delivered: None }
    }
}

impl<R> Rare<R> {
    /// Adds one; the one that makes room for it.
    fn add(&mut self, waker: &Waker) -> Option<Waker> {
        if self.watchers.iter().any(|known| known.will_wake(waker)) {
            return None;
        }
        self.watchers.push_back(waker.clone());
        if self.watchers.len() > WATCHERS_MAX { self.watchers.pop_front() } else { None }
    }
}

impl<R> Slot<R> {
    fn new(phase: u32, waker: Option<Waker>) -> Slot<R> {
        let inner = Inner { waker, rare: None, answer: None };
        Slot { phase: AtomicU32::new(phase), inner: Mutex::new(inner) }
    }

    /// A slot nobody awaits: the host is told what comes of the message.
    pub(crate) fn delivered(delivered: Delivered<R>) -> Slot<R> {
        let rare = Rare { watchers: VecDeque::new(), delivered: Some(delivered) };
        let inner = Inner { waker: None, rare: Some(Box::new(rare)), answer: None };
        Slot { phase: AtomicU32::new(QUEUED), inner: Mutex::new(inner) }
    }

    /// Takes out whom to tell in the asker's stead, if that is the host: what
    /// comes of the message is then no longer told by the slot.
    pub(crate) fn take_delivered(&self) -> Option<Delivered<R>> {
        self.lock().rare.as_mut()?.delivered.take()
    }

    /// A slot whose asker is woken by `waker`.
    pub(crate) fn queued(waker: Waker) -> Slot<R> {
        Slot::new(QUEUED, Some(waker))
    }

    pub(crate) fn started() -> Slot<R> {
        Slot::new(STARTED, None)
    }

    /// Says that the handler starts, if it has not been said; false if the
    /// asker has given up.
    pub(crate) fn start(&self) -> bool {
        let started =
            self.phase.compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire);
        matches!(started, Ok(_) | Err(STARTED))
    }

    /// Leaves the answer and wakes the asker. An answer nobody waits for is dropped.
    pub(crate) fn complete(&self, result: Result<R, AskError>) {
        let mut inner = self.lock();
        // Whoever completes is the one who starts, so nobody starts meanwhile.
        if !matches!(self.phase.load(Ordering::Acquire), QUEUED | STARTED) {
            drop(inner);
            return drop_caught(result);
        }
        let (waker, mut rare) = (inner.waker.take(), inner.rare.take());
        self.phase.store(DONE, Ordering::Release);
        if let Some(delivered) = rare.as_mut().and_then(|rare| rare.delivered.take()) {
            drop(inner);
            delivered.settle(result);
        } else {
            inner.answer = Some(result);
            drop(inner);
        }
        if let Some(waker) = waker {
            wake_caught(waker);
        }
        if rare.is_some() {
            drop_caught(rare);
        }
    }

    /// Whether whoever waited has given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.phase.load(Ordering::Acquire) == ABANDONED
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
        let mut inner = self.lock();
        match self.phase.load(Ordering::Acquire) {
            QUEUED | STARTED => {
                if inner.waker.as_ref().is_some_and(|before| before.will_wake(waker)) {
                    return Look::Waits;
                }
                inner.waker = Some(waker.clone());
                Look::Moved
            }
            DONE => {
                self.phase.store(TAKEN, Ordering::Release);
                inner.answer.take().map_or(Look::Waits, Look::Answer)
            }
            _ => Look::Waits,
        }
    }

    /// Gives up waiting.
    pub(crate) fn abandon(&self) -> Abandoned {
        let mut inner = self.lock();
        // A handler may start meanwhile: it comes before this, or finds it.
        let was = self.phase.swap(ABANDONED, Ordering::AcqRel);
        let (waker, rare) = (inner.waker.take(), inner.rare.take());
        let answer = inner.answer.take();
        drop(inner);
        drop((waker, answer));
        let watchers = rare.map(|rare| rare.watchers).unwrap_or_default();
        watchers.into_iter().for_each(wake_caught);
        match was {
            QUEUED => Abandoned::Unstarted,
            STARTED => Abandoned::Started,
            _ => Abandoned::Finished,
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Inner<R>> + '_ {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<R: Send> Asker for Slot<R> {
    fn gave_up(&self) -> bool {
        self.is_abandoned()
    }

    fn watch(&self, waker: &Waker) -> bool {
        let mut inner = self.lock();
        match self.phase.load(Ordering::Acquire) {
            STARTED => {}
            phase => return phase == ABANDONED,
        }
        let pushed_out = inner.rare.get_or_insert_default().add(waker);
        drop(inner);
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

#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;
    use std::task::Waker;

    use loom::thread::spawn;

    use super::*;

    /// A handler starts and answers while its asker gives up: both agree on who
    /// came first, whatever the order.
    #[test]
    fn a_start_against_giving_up() {
        loom::model(|| {
            let slot = Arc::new(Slot::<u32>::queued(Waker::noop().clone()));
            let inner = slot.clone();
            let handler = spawn(move || {
                let started = inner.start();
                if started {
                    inner.complete(Ok(7));
                }
                started
            });
            let abandoned = slot.abandon();
            let started = handler.join().expect("it does not panic");
            assert_eq!(started, abandoned != Abandoned::Unstarted, "{abandoned:?}");
            assert!(slot.gave_up());
            assert!(matches!(slot.look(Waker::noop()), Look::Waits), "nobody gets the answer");
        });
    }

    /// A handler starts and answers while its asker looks: the answer is there
    /// once, or the waker of the look is called.
    #[test]
    fn an_answer_against_a_look() {
        loom::model(|| {
            let slot = Arc::new(Slot::<u32>::queued(Waker::noop().clone()));
            let inner = slot.clone();
            let handler = spawn(move || {
                assert!(inner.start());
                inner.complete(Ok(7));
            });
            let early = slot.look(Waker::noop());
            handler.join().expect("it does not panic");
            let late = slot.look(Waker::noop());
            let answers =
                [early, late].into_iter().filter(|look| matches!(look, Look::Answer(Ok(7))));
            assert_eq!(answers.count(), 1);
        });
    }
}
