//! Tasks: futures that run on the workers as agents without a name.

use std::any::TypeId;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::raw::{CellRef, Control, Envelope};
use crate::slot::Slot;
use crate::{
    Agent, AskError, Changed, Context, Crash, During, Handler, MailboxSpec, Message, SpawnError,
    System, Wire, WireId,
};

/// The agent that is a task.
struct Tasker;

/// Whether agents of type `A` are tasks.
pub(crate) fn is_task<A: Agent>() -> bool {
    TypeId::of::<A>() == TypeId::of::<Tasker>()
}

impl Agent for Tasker {
    const KIND: &'static str = "nexus.task";
    const MAILBOX: MailboxSpec = MailboxSpec::DEFAULT.len_max(1);

    fn new(_key: &str) -> Tasker {
        Tasker
    }
}

/// The message that is a future. It stays where it is: it has no bytes.
struct Run<F: Future> {
    future: F,
    outcome: Outcome<F::Output>,
}

impl<F: Future> Serialize for Run<F> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("a task has no bytes"))
    }
}

impl<'de, F: Future> Deserialize<'de> for Run<F> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a task has no bytes"))
    }
}

impl<F> Wire for Run<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    const ID: WireId = WireId::named("nexus.task.run");
}

impl<F> Message for Run<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Reply = ();
    const NAME: &'static str = "nexus.task.run";
}

impl<F> Handler<Run<F>> for Tasker
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    async fn handle(&mut self, run: Run<F>, cx: &mut Context<Tasker>) {
        let Run { future, outcome } = run;
        let mut future = pin!(future);
        let poll = |poller: &mut Poller<'_>| match Crash::catch(During::Handler, || {
            future.as_mut().poll(poller)
        }) {
            Ok(polled) => polled.map(Ok),
            Err(crash) => Poll::Ready(Err(crash)),
        };
        match poll_fn(poll).await {
            Ok(output) => outcome.0.complete(Ok(output)),
            Err(crash) => {
                outcome.0.complete(Err(AskError::Crashed(crash.clone())));
                // From here on it is a crash like any agent's: counted and reported.
                resume_unwind(Box::new(crash.message.to_string()));
            }
        }
        cx.stop();
    }
}

/// Answers whoever awaits the task, even if the task panics or is killed.
struct Outcome<T>(Arc<Slot<T>>);

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        self.0.complete(Err(AskError::Stopped { changed: Changed::Unknown }));
    }
}

/// Whoever awaits a task, its type forgotten.
pub(crate) trait Awaited: Send + Sync {
    /// Says that the task will never end, if it has not.
    fn stop(&self);
}

impl<T: Send> Awaited for Slot<T> {
    fn stop(&self) {
        self.complete(Err(AskError::Stopped { changed: Changed::Unknown }));
    }
}

/// A running task. Dropping it lets the task run on.
pub struct Task<T> {
    cell: CellRef,
    slot: Arc<Slot<T>>,
}

impl<T> Task<T> {
    /// Drops the task's future at its next `await`.
    pub fn cancel(&self) {
        self.cell.post_control(Control::Kill);
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, AskError>;

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let polled = self.slot.poll(poller);
        if polled.is_pending() {
            crate::worker::note_leaf();
        }
        polled
    }
}

impl System {
    /// Runs `future` on the workers, where its asks can be answered in place.
    ///
    /// # Errors
    /// [`SpawnError::ShuttingDown`].
    pub fn task<F>(self: &Arc<System>, future: F) -> Result<Task<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.is_shutting_down() {
            return Err(SpawnError::ShuttingDown);
        }
        let key = self.next_task().to_string();
        let cell = self.open_unnamed(&key, Tasker)?.cell().clone();
        let slot = Arc::new(Slot::started());
        self.enter_task(&cell, slot.clone());
        let run = Run { future, outcome: Outcome(slot.clone()) };
        let entry = crate::post::enter(&cell, None);
        crate::post::deliver(&cell, entry, Envelope::tell::<Tasker, Run<F>>(run));
        if self.is_closed() {
            self.end_late(&cell);
        }
        Ok(Task { cell, slot })
    }
}
