//! What a handler can see and do besides its state and its message.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};
use std::time::Duration;

use nexus_base::{AgentId, EventName, Level, Rng, Time};

use crate::beside::{self, Beside};
use crate::driver::{Alarm, AlarmKey, AlarmKind};
use crate::post;
use crate::raw::{CellRef, Control, Envelope, Step, StepRef, TypedCell, with_worker};
use crate::watch::Down;
use crate::{Agent, Handle, Handler, Message, SpawnError, SupervisorId, System, Worker};

/// A handler's view of its agent and its node.
pub struct Context<A> {
    step: StepRef,
    agent: PhantomData<fn() -> A>,
}

impl<A: Agent> Context<A> {
    pub(crate) fn new(step: StepRef) -> Context<A> {
        Context { step, agent: PhantomData }
    }

    pub(crate) fn step(&self) -> &Step {
        &self.step
    }

    fn cell(&self) -> CellRef {
        self.step.cell().clone()
    }

    /// The time since the node (or the simulated world) started. It stands still
    /// between two `await`s.
    pub fn now(&self) -> Time {
        self.step.now()
    }

    /// When the answer has to be there, since the node (or the simulated world)
    /// started, as [`Context::now`] is; [`Time::MAX`] for tells.
    pub fn deadline(&self) -> Time {
        self.step.deadline()
    }

    /// Calls `f` with a generator that belongs to this message alone.
    pub fn random<R>(&self, f: impl FnOnce(&mut Rng) -> R) -> R {
        let seed = || with_worker(|worker| worker.map_or(0, Worker::draw_seed));
        self.step.with_rng(|| Rng::new(seed()), f)
    }

    /// The agent's key.
    pub fn key(&self) -> &str {
        self.step.cell().key()
    }

    /// The agent's identity.
    pub fn id(&self) -> AgentId {
        self.step.cell().id()
    }

    /// The level the agent is set to. Whether that level is there to serve is
    /// another question.
    pub fn level(&self) -> Level {
        self.step.cell().level()
    }

    /// What the agent's kind has beside itself, if it is a `T`; see
    /// [`Accepts::beside`](crate::Accepts::beside).
    pub fn beside<T: Beside>(&self) -> Option<&T> {
        beside::as_type(&**self.step.cell().kind().beside()?)
    }

    /// Counts an error of this agent, such as a request that was refused: lists
    /// of agents show how many there were.
    pub fn count_error(&self) {
        self.step.cell().count_error();
    }

    /// The agents of the node (or of the simulated world), and what drives them.
    pub fn system(&self) -> &Arc<System> {
        self.step.cell().kind().system()
    }

    /// A handle to the agent itself. It can be told things, but not asked.
    pub fn me(&self) -> Handle<A> {
        Handle::new(TypedCell::new(self.cell()).expect("a context is of its cell's type"))
    }

    /// Whether whoever asked has given up.
    pub fn is_cancelled(&self) -> bool {
        self.step.asker().is_some_and(|asker| asker.gave_up())
    }

    /// Ready when whoever asked gives up; never for a tell.
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled { step: &self.step }
    }

    /// Ready after `duration`. The agent handles nothing else meanwhile.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, Context, Down, Handle, Handler, Message};
    /// # use std::time::Duration;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # struct Retry;
    /// # impl Handler<Retry> for Cart {
    /// #     async fn handle(&mut self, _: Retry, cx: &mut Context<Cart>) {
    /// cx.sleep(Duration::from_millis(10)).await;
    /// #     }
    /// # }
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let system = self.step.cell().kind().system().clone();
        Sleep { system, at: self.now().after(duration), alarm: None }
    }

    /// Sends `message` to the agent itself after `duration`. It outlives the
    /// handler and a restart, not the agent: to one that has ended by then it is
    /// a dead letter. It stays in memory until it is due all the same, unless it
    /// is cancelled; [`crate::TIMERS_MAX`] bounds how many there may be.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, Context, Down, Handle, Handler, Message};
    /// # use std::time::Duration;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// #[derive(Message)]
    /// struct Remind;
    ///
    /// impl Handler<Remind> for Cart {
    ///     async fn handle(&mut self, _: Remind, cx: &mut Context<Cart>) {
    ///         println!("{} is still full", cx.key());
    ///         cx.after(Duration::from_secs(3_600), Remind);
    ///     }
    /// }
    /// ```
    pub fn after<M: Message>(&self, duration: Duration, message: M) -> Timer
    where
        A: Handler<M>,
    {
        let (cell, at) = (self.cell(), self.now().after(duration));
        let envelope = Envelope::tell::<A, M>(message);
        if cell.kind().is_gated() {
            let driver = cell.kind().system().clone();
            self.step.with_emitted(|emitted| {
                emitted.outbox.push(move || {
                    driver.driver().set_alarm(at, Alarm(AlarmKind::Mail(cell, envelope)));
                });
            });
            return Timer { cell: self.cell(), alarm: None };
        }
        let alarm = Alarm(AlarmKind::Mail(cell, envelope));
        let cell = self.cell();
        let key = cell.kind().system().driver().set_alarm(at, alarm);
        Timer { cell, alarm: Some(key) }
    }

    /// Makes an agent under the node's own supervision.
    ///
    /// # Errors
    /// As [`crate::System::spawn`].
    pub fn spawn<B: Agent>(&self, key: &str) -> Result<Handle<B>, SpawnError> {
        self.step.cell().kind().system().spawn(key)
    }

    /// Makes an agent under `supervisor`.
    ///
    /// # Errors
    /// As [`crate::System::spawn_under`].
    pub fn spawn_under<B: Agent>(
        &self,
        supervisor: SupervisorId,
        key: &str,
    ) -> Result<Handle<B>, SpawnError> {
        self.step.cell().kind().system().spawn_under(supervisor, key)
    }

    /// The agent of kind `B` called `key`, if it runs on this node.
    pub fn find<B: Agent>(&self, key: &str) -> Option<Handle<B>> {
        self.step.cell().kind().system().find(key)
    }

    /// Stops the agent when this message is done.
    pub fn stop(&self) {
        self.cell().post_control(Control::Stop);
    }

    /// Has a [`Down`] sent here when `other` goes down; at once if it has. Once,
    /// however often it is called before, and not after this agent's own end:
    /// there are never more such watches than pairs of running agents.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, Context, Down, Handle, Handler, Message};
    /// # use std::time::Duration;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # struct Till;
    /// # impl Agent for Till {
    /// #     const KIND: &'static str = "till";
    /// #     fn new(_key: &str) -> Till { Till }
    /// # }
    /// #[derive(Message)]
    /// struct CheckOut;
    ///
    /// impl Handler<CheckOut> for Cart {
    ///     async fn handle(&mut self, _: CheckOut, cx: &mut Context<Cart>) {
    ///         if let Some(till) = cx.find::<Till>("1") {
    ///             cx.monitor(&till);
    ///         }
    ///     }
    /// }
    ///
    /// impl Handler<Down> for Cart {
    ///     async fn handle(&mut self, down: Down, _cx: &mut Context<Cart>) {
    ///         println!("{} is down: {}", down.agent, down.reason);
    ///     }
    /// }
    /// ```
    pub fn monitor<B: Agent>(&self, other: &Handle<B>)
    where
        A: Handler<Down>,
    {
        let (me, other) = (self.cell(), other.current());
        let told = me.clone();
        let notify = move |down: Down| post::post_down(&told, Envelope::tell::<A, Down>(down));
        other.kind().system().monitor(&other, &me, Box::new(notify));
    }

    /// Ties this agent to `other`: if one goes down abnormally the other is stopped.
    pub fn link<B: Agent>(&self, other: &Handle<B>) {
        self.step.cell().kind().system().link(&self.cell(), &other.current());
    }

    /// Undoes [`Self::link`].
    pub fn unlink<B: Agent>(&self, other: &Handle<B>) {
        self.step.cell().kind().system().unlink(&self.cell(), &other.current());
    }

    /// Reports an event about this agent to whoever observes the node.
    pub fn observe(&self, name: EventName, detail: impl FnOnce() -> String) {
        self.step.cell().kind().system().observe(name, &self.cell(), detail);
    }
}

/// See [`Context::cancelled`].
#[must_use = "futures do nothing unless awaited"]
pub struct Cancelled<'a> {
    step: &'a StepRef,
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        match self.step.asker() {
            Some(asker) if asker.watch(poller.waker()) => return Poll::Ready(()),
            Some(_) => {}
            // The asker is below us on the stack. Once we have left that it
            // can give up, and there is something to watch.
            None if self.step.is_in_place() => poller.waker().wake_by_ref(),
            None => {}
        }
        crate::worker::note_leaf();
        Poll::Pending
    }
}

/// See [`Context::sleep`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    system: Arc<System>,
    at: Time,
    /// Who is woken, and by which alarm.
    alarm: Option<(AlarmKey, Waker)>,
}

impl System {
    /// Ready when `duration` has passed, by the driver's clock: for what waits beside
    /// the agents. In a handler there is [`Context::sleep`].
    pub fn sleep(self: &Arc<System>, duration: Duration) -> Sleep {
        Sleep { system: self.clone(), at: self.fresh_now().after(duration), alarm: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        let system = self.system.clone();
        // Once the alarm is set by the driver's clock: it rings by that, once,
        // while the step's own time may be from before.
        let now = if self.alarm.is_some() { system.driver().now() } else { system.now() };
        if now >= self.at {
            return Poll::Ready(());
        }
        let same = |(_, waker): &(AlarmKey, Waker)| waker.will_wake(poller.waker());
        if !self.alarm.as_ref().is_some_and(same) {
            let (waker, driver) = (poller.waker().clone(), system.driver());
            let key = driver.set_alarm(self.at, Alarm::wake(waker.clone()));
            if let Some((before, _)) = self.alarm.replace((key, waker)) {
                driver.cancel_alarm(before);
            }
        }
        crate::worker::note_leaf();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((alarm, _)) = self.alarm.take() {
            self.system.driver().cancel_alarm(alarm);
        }
    }
}

/// A message set for later; see [`Context::after`]. Dropping it changes nothing.
pub struct Timer {
    cell: CellRef,
    alarm: Option<AlarmKey>,
}

impl Timer {
    /// Takes the message back; false if it has been sent, or is held in an outbox.
    pub fn cancel(self) -> bool {
        let Some(key) = self.alarm else { return false };
        match self.cell.kind().system().driver().cancel_alarm(key) {
            Some(alarm) => {
                alarm.discard();
                true
            }
            None => false,
        }
    }
}
