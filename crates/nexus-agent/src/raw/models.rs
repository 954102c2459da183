//! Models of what threads may do to one cell, run by loom in every order.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p nexus-agent --lib models --release
//! ```

mod room;
mod suspended;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as StdOrdering};
use std::task::{Context as Poller, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, JoinHandle};
use nexus_base::{IdSecret, Rng, Time};

use super::mailbox::Mailbox;
use super::{Control, Envelope, Ready};
use crate::{
    Agent, Alarm, AlarmKey, AskError, Context, Counts, Driver, Handle, Handler, InPlace, KindSpec,
    MESSAGES_PER_RUN, MailboxSpec, Message, OnCancel, Overflow, System, Task, TellError,
    TimerWheel, Worker, WorkerSpec,
};

/// Preemptions in one execution of a model with two threads, at most, unless
/// `LOOM_MAX_PREEMPTIONS` says otherwise.
const PREEMPTIONS: usize = 4;
/// The same where there are more threads, which would take hours with four.
const PREEMPTIONS_WIDE: usize = 2;

/// Words of stack for a modelled thread: loom's own 4,096 are too few for a
/// panic inside a handler.
const STACK_WORDS: usize = 1 << 15;

/// Runs a model of two threads.
fn check(model: impl Fn() + Send + Sync + 'static) {
    check_bounded(PREEMPTIONS, model);
}

/// Runs a model of more threads.
fn check_wide(model: impl Fn() + Send + Sync + 'static) {
    check_bounded(PREEMPTIONS_WIDE, model);
}

fn check_bounded(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 100_000;
    let model = Arc::new(model);
    builder.check(move || {
        let model = model.clone();
        // On a thread of its own, for the stack.
        spawn(move || model()).join().expect("the model does not panic");
    });
}

fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(STACK_WORDS);
    builder.spawn(f).expect("loom has a thread left")
}

// ---- the modelled node --------------------------------------------------------

/// A driver that is nothing but a run queue.
struct Queue {
    ready: Mutex<VecDeque<Ready>>,
    /// Loom does not see this lock, and nothing it could see happens under it.
    alarms: std::sync::Mutex<TimerWheel<Alarm>>,
}

impl Queue {
    fn pop(&self) -> Option<Ready> {
        self.ready.lock().unwrap().pop_front()
    }
}

impl Driver for Queue {
    fn ready(&self, ready: Ready) {
        let mut queue = self.ready.lock().unwrap();
        let twice = queue.iter().any(|queued| queued.cell().is(ready.cell()));
        assert!(!twice, "an agent is in the run queue twice");
        queue.push_back(ready);
    }

    fn now(&self) -> Time {
        Time::ZERO
    }

    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey {
        AlarmKey { wheel: 0, key: self.alarms.lock().unwrap().insert(at, alarm) }
    }

    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm> {
        self.alarms.lock().unwrap().cancel(key.key)
    }
}

/// What handlers and drops have noted, in order. Not locked by loom: that
/// would order what the cell is to order.
#[derive(Default)]
struct Notes {
    handled: std::sync::Mutex<Vec<u8>>,
    made: AtomicU64,
    dropped: AtomicU64,
}

impl Notes {
    fn handled(&self) -> Vec<u8> {
        self.handled.lock().unwrap().clone()
    }
}

/// What a handler waits for. Opening it publishes no more than a waker does.
#[derive(Default)]
struct Gate {
    open: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn waker(&self) -> Waker {
        self.waker.lock().unwrap().clone().expect("the handler is suspended")
    }
}

struct Pass(Arc<Gate>);

impl Future for Pass {
    type Output = ();

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if self.0.open.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        // An executor's waker does not change: nothing but the waking itself
        // orders the polls after the first.
        let mut waker = self.0.waker.lock().unwrap();
        waker.get_or_insert_with(|| poller.waker().clone());
        drop(waker);
        if self.0.open.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The modelled agent: `inside` is loom's, so that two who run it at once, or
/// one who does not see what the one before did, are found.
struct Probe<const CANCEL: bool> {
    inside: UnsafeCell<u32>,
    notes: Arc<Notes>,
    gate: Arc<Gate>,
}

impl<const CANCEL: bool> Probe<CANCEL> {
    fn note(&mut self, number: u8) {
        self.inside.with_mut(|_| ());
        self.notes.handled.lock().unwrap().push(number);
    }
}

impl<const CANCEL: bool> Agent for Probe<CANCEL> {
    const KIND: &'static str = "probe";
    const ON_CANCEL: OnCancel = if CANCEL { OnCancel::Drop } else { OnCancel::Finish };

    fn new(_key: &str) -> Self {
        unreachable!("made by its kind")
    }
}

impl<const CANCEL: bool> Drop for Probe<CANCEL> {
    fn drop(&mut self) {
        self.inside.with_mut(|_| ());
        self.notes.dropped.fetch_add(1, StdOrdering::Relaxed);
    }
}

/// Noted.
#[derive(Message)]
#[message(reply = u8)]
struct Note(u8);

impl<const CANCEL: bool> Handler<Note> for Probe<CANCEL> {
    async fn handle(&mut self, Note(number): Note, _: &mut Context<Self>) -> u8 {
        self.note(number);
        number
    }
}

/// Noted, then again with a hundred more when the gate is open.
#[derive(Message)]
#[message(reply = u8)]
struct Wait(u8);

impl<const CANCEL: bool> Handler<Wait> for Probe<CANCEL> {
    async fn handle(&mut self, Wait(number): Wait, _: &mut Context<Self>) -> u8 {
        self.note(number);
        Pass(self.gate.clone()).await;
        self.note(number + 100);
        number
    }
}

/// Panics, without a word on stderr.
#[derive(Message)]
#[message(reply = u8)]
struct Boom;

impl<const CANCEL: bool> Handler<Boom> for Probe<CANCEL> {
    async fn handle(&mut self, _: Boom, _: &mut Context<Self>) -> u8 {
        self.note(0);
        std::panic::resume_unwind(Box::new("boom"))
    }
}

type Plain = Probe<false>;

/// A node with one agent, and what became of it.
struct Node<const CANCEL: bool = false> {
    queue: Arc<Queue>,
    system: Arc<System>,
    agent: Handle<Probe<CANCEL>>,
    notes: Arc<Notes>,
    gate: Arc<Gate>,
}

/// The part of a node that a thread takes along.
#[derive(Clone)]
struct Runner {
    queue: Arc<Queue>,
    system: Arc<System>,
}

impl Runner {
    /// Runs one entry of the run queue, which a thread has taken or been given.
    fn run(&self, shard: usize, ready: Ready) {
        self.worker(shard).run(Time::ZERO, ready);
    }

    /// Runs what is next, if there is anything.
    fn run_next(&self, shard: usize) -> bool {
        let Some(ready) = self.queue.pop() else { return false };
        self.run(shard, ready);
        true
    }

    fn run_all(&self, shard: usize) {
        while self.run_next(shard) {}
    }

    fn worker(&self, shard: usize) -> Worker {
        let spec = WorkerSpec {
            shard,
            in_place: InPlace::Always,
            messages_per_run: MESSAGES_PER_RUN,
            checks_waits: false,
            stack_floor: 0,
        };
        Worker::new(self.system.clone(), spec, Rng::new(0))
    }
}

impl<const CANCEL: bool> Node<CANCEL> {
    fn new(mailbox: MailboxSpec) -> Node<CANCEL> {
        let ready = Mutex::new(VecDeque::new());
        let alarms = std::sync::Mutex::new(TimerWheel::new(Time::ZERO));
        let queue = Arc::new(Queue { ready, alarms });
        let system = System::new(queue.clone(), IdSecret::new(1, 2), 3);
        let (notes, gate) = (Arc::new(Notes::default()), Arc::new(Gate::default()));
        let (noted, passed) = (notes.clone(), gate.clone());
        let make = move |_: &str| {
            noted.made.fetch_add(1, StdOrdering::Relaxed);
            Probe { inside: UnsafeCell::new(0), notes: noted.clone(), gate: passed.clone() }
        };
        system.register(KindSpec::<Probe<CANCEL>>::from_fn(make).mailbox(mailbox)).unwrap();
        let agent = system.spawn("one").unwrap();
        Node { queue, system, agent, notes, gate }
    }

    fn runner(&self) -> Runner {
        Runner { queue: self.queue.clone(), system: self.system.clone() }
    }

    /// A task that asks the agent, not yet begun: an entry in the run queue.
    fn ask<M: Message<Reply = u8>>(&self, message: M) -> Asking
    where
        Probe<CANCEL>: Handler<M>,
    {
        let agent = self.agent.clone();
        self.system.task(async move { agent.ask(message).await }).unwrap()
    }

    fn tell(&self, number: u8) -> Task<Result<(), TellError<Note>>> {
        let agent = self.agent.clone();
        self.system.task(async move { agent.tell(Note(number)).await }).unwrap()
    }

    /// Runs what is left and shuts down; then the books must balance and
    /// nothing be left over.
    #[track_caller]
    fn end(self) -> Counts {
        let Node { queue, system, agent, notes, gate } = self;
        let runner = Runner { queue: queue.clone(), system: system.clone() };
        runner.run_all(3);
        let waits = agent.cell().phase_name();
        assert!(matches!(waits, "idle" | "suspended" | "closed"), "the agent is left {waits}");
        let counts = system.counts()["probe"];
        assert_eq!(counts.queued(), u64::from(agent.cell().mailbox_len()), "{counts:?}");
        assert!(system.close_all(&runner.worker(3)).stuck.is_empty());
        let stray = queue.pop();
        assert!(stray.is_none(), "an agent is ready though all have ended");
        drop((agent, runner, gate.waker.lock().unwrap().take()));
        let alarms = queue.alarms.lock().unwrap().len();
        assert_eq!(alarms, 0, "an alarm is left");
        assert_eq!(Arc::strong_count(&system), 1, "a cell is left in memory");
        assert_eq!(Arc::strong_count(&gate), 1, "a state or a handler is left in memory");
        let [made, dropped] =
            [&notes.made, &notes.dropped].map(|count| count.load(StdOrdering::Relaxed));
        assert_eq!(made, dropped, "a state was not dropped, or twice");
        counts
    }
}

type Asking = Task<Result<u8, AskError>>;

/// What a task came to; it must have ended.
#[track_caller]
fn outcome<T>(mut task: Task<T>) -> Result<T, AskError> {
    match Pin::new(&mut task).poll(&mut Poller::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a task was forgotten"),
    }
}

/// What an ask in a task came to.
#[track_caller]
fn answer(task: Asking) -> Result<u8, AskError> {
    outcome(task).expect("the task has ended")
}

const DEFAULT: MailboxSpec = MailboxSpec::DEFAULT;

// ---- mailbox -------------------------------------------------------------------

struct Shared(Mailbox);

// SAFETY: as for a cell; one thread takes, all push.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn push(&self, number: u8) -> bool {
        self.0.push(envelope(number))
    }

    /// # Safety
    /// Only one thread may.
    unsafe fn pop(&self) -> Option<u8> {
        // SAFETY: passed on from the caller.
        unsafe { self.0.pop() }.map(|envelope| number(&envelope))
    }
}

#[test]
fn a_mailbox_loses_nothing_and_keeps_each_senders_order() {
    check_wide(|| {
        let mailbox = Arc::new(Shared(Mailbox::new()));
        let producers: Vec<_> = [10, 20]
            .into_iter()
            .map(|first| {
                let mailbox = mailbox.clone();
                spawn(move || {
                    let posts = [first, first + 1].map(|number| mailbox.push(number));
                    posts.into_iter().filter(|post| *post).count()
                })
            })
            .collect();
        let mut seen = Vec::new();
        // SAFETY: this thread is the only owner.
        let mut pop = || unsafe { mailbox.pop() }.map(|number| seen.push(number));
        while pop().is_some() {}
        let posts: usize = producers.into_iter().map(|producer| producer.join().unwrap()).sum();
        while pop().is_some() {}
        assert!(posts > 0, "nobody was told of mail");
        let from = |first: u8| seen.iter().copied().filter(move |number| number / 10 == first / 10);
        assert_eq!(from(10).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(from(20).collect::<Vec<_>>(), [20, 21]);
        assert_eq!(seen.len(), 4);
    });
}

fn envelope(number: u8) -> Envelope {
    Envelope::tell::<Plain, Note>(Note(number))
}

fn number(envelope: &Envelope) -> u8 {
    let (.., bytes) = envelope.encoded();
    crate::decode::<Note>(&bytes).expect("a note").0
}

// ---- the run flag -----------------------------------------------------------------

#[test]
fn every_told_message_is_handled_by_one_runner_at_a_time() {
    check_wide(|| {
        let node = Node::<false>::new(DEFAULT);
        let tellers: Vec<_> = [1, 2]
            .into_iter()
            .map(|number| {
                let (agent, runner) = (node.agent.clone(), node.runner());
                spawn(move || {
                    agent.try_tell(Note(number)).unwrap();
                    runner.run_next(usize::from(number));
                })
            })
            .collect();
        node.runner().run_next(3);
        tellers.into_iter().for_each(|teller| teller.join().unwrap());
        node.runner().run_all(3);
        let mut handled = node.notes.handled();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2]);
        node.end();
    });
}

#[test]
fn an_ask_in_place_excludes_runners_and_loses_no_tell() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Note(1));
        let (agent, runner) = (node.agent.clone(), node.runner());
        let teller = spawn(move || {
            agent.try_tell(Note(2)).unwrap();
            runner.run_next(1);
        });
        node.runner().run_next(2);
        teller.join().unwrap();
        node.runner().run_all(3);
        let mut handled = node.notes.handled();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2]);
        assert_eq!(answer(asking), Ok(1));
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn an_ask_never_overtakes_a_tell_of_the_same_sender() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let agent = node.agent.clone();
        let sending = node.system.task(async move {
            agent.tell(Note(2)).await.unwrap();
            agent.ask(Note(3)).await
        });
        let other = node.agent.clone();
        let teller = spawn(move || other.try_tell(Note(1)).unwrap());
        node.runner().run_next(1);
        teller.join().unwrap();
        node.runner().run_all(3);
        let handled = node.notes.handled();
        let place = |number| handled.iter().position(|at| *at == number).expect("handled");
        assert!(place(2) < place(3), "{handled:?}");
        assert_eq!(answer(sending.unwrap()), Ok(3));
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn two_asks_in_place_take_turns() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let askings = [1, 2].map(|number| node.ask(Note(number)));
        let ready = node.queue.pop().unwrap();
        let runner = node.runner();
        let other = spawn(move || runner.run(1, ready));
        node.runner().run_next(2);
        other.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(askings.map(answer), [Ok(1), Ok(2)]);
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn a_panic_in_place_restarts_and_loses_no_tell() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Boom);
        let agent = node.agent.clone();
        let teller = spawn(move || agent.try_tell(Note(2)).unwrap());
        node.runner().run_next(2);
        teller.join().unwrap();
        node.runner().run_all(3);
        assert!(matches!(answer(asking), Err(AskError::Crashed(_))));
        assert!(node.notes.handled().contains(&2));
        let counts = node.end();
        assert_eq!((counts.crashed, counts.restarted, counts.handled), (1, 1, 2));
    });
}

// ---- control ------------------------------------------------------------------------

/// One message asked in place, if there is time, and one told, against `control`.
fn against(control: Control) {
    check_wide(move || {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Note(1));
        let agent = node.agent.clone();
        let teller = spawn(move || agent.try_tell(Note(2)).is_ok());
        let (agent, runner) = (node.agent.clone(), node.runner());
        let controller = spawn(move || {
            agent.cell().post_control(control);
            runner.run_next(1);
        });
        node.runner().run_next(2);
        let told = teller.join().unwrap();
        controller.join().unwrap();
        node.runner().run_all(3);
        let answer = answer(asking);
        let handled = node.notes.handled();
        assert_eq!(handled.contains(&1), answer.is_ok(), "{answer:?}");
        let closed = node.agent.cell().is_closed();
        assert_eq!(closed, control != Control::Restart);
        if control == Control::Restart {
            assert!(told && answer.is_ok(), "a restart keeps the mail: {answer:?}");
        }
        let accepted = u64::from(told) + u64::from(answer != Err(AskError::NotRunning));
        let counts = node.end();
        assert_eq!(counts.accepted, accepted);
        assert_eq!(counts.accepted, counts.handled + counts.dead);
        assert_eq!(counts.crashed, 0);
    });
}

#[test]
fn a_stop_buries_what_it_does_not_answer() {
    against(Control::Stop);
}

#[test]
fn a_kill_buries_what_it_does_not_answer() {
    against(Control::Kill);
}

#[test]
fn a_restart_answers_everything() {
    against(Control::Restart);
}

#[test]
fn two_senders_and_a_stop_bury_each_message_once() {
    check_wide(|| {
        let node = Node::<false>::new(DEFAULT);
        node.agent.stop();
        let senders = [1, 2].map(|number| {
            let agent = node.agent.clone();
            spawn(move || agent.try_tell(Note(number)).is_ok())
        });
        node.runner().run_next(3);
        let told = senders.into_iter().map(|sender| sender.join().unwrap());
        let accepted = told.filter(|told| *told).count() as u64;
        let counts = node.end();
        assert_eq!((counts.accepted, counts.dead, counts.stopped), (accepted, accepted, 1));
    });
}
