//! Models of what threads may do to one cell, run by loom in every order.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p nexus-agent --lib models --release
//! ```

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

/// Preemptions tried in one execution, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
/// Two find every mutation listed above.
const PREEMPTIONS: usize = 2;

/// Words of stack for a modelled thread: loom's own 4,096 are too few for a
/// panic inside a handler.
const STACK_WORDS: usize = 1 << 15;

/// A model has as many threads as loom allows, so `model` itself may be one.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.max_branches = 100_000;
    let model = Arc::new(model);
    let count = std::sync::atomic::AtomicU64::new(0);
    builder.check(move || {
        let model = model.clone();
        let n = count.fetch_add(1, StdOrdering::Relaxed);
        if n.is_power_of_two() {
            eprintln!("iteration {n}");
        }
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
        assert!(system.close_all(&runner.worker(3)).is_empty());
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
    check(|| {
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
    check(|| {
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
    check(move || {
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
    check(|| {
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

// ---- suspended handlers ---------------------------------------------------------------

#[test]
fn a_handler_suspended_in_place_is_woken() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        let (gate, runner) = (node.gate.clone(), node.runner());
        let waker = spawn(move || {
            gate.open();
            runner.run_next(1);
        });
        node.runner().run_next(2);
        waker.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(answer(asking), Ok(1));
        assert_eq!(node.notes.handled(), [1, 101]);
        assert_eq!(node.end().crashed, 0);
    });
}

/// What a waker's thread has done is seen by the poll that follows, even if
/// somebody else has woken the agent already.
#[test]
fn a_waker_publishes_what_its_thread_has_done() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let (first, second) = (node.gate.waker(), node.gate.waker());
        let spurious = spawn(move || first.wake());
        let gate = node.gate.clone();
        let opener = spawn(move || {
            gate.open.store(true, Ordering::Relaxed);
            second.wake();
        });
        node.runner().run_next(2);
        spurious.join().unwrap();
        opener.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(answer(asking), Ok(1));
        node.end();
    });
}

/// A handler suspended in place and woken, against `control`.
fn suspended_against(control: Control) {
    check(move || {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        let agent = node.agent.clone();
        let controller = spawn(move || agent.cell().post_control(control));
        let gate = node.gate.clone();
        let waker = spawn(move || gate.open());
        node.runner().run_next(2);
        controller.join().unwrap();
        waker.join().unwrap();
        node.runner().run_all(3);
        let answer = answer(asking);
        let handled = node.notes.handled();
        match control {
            Control::Kill => assert_eq!(handled.contains(&101), answer.is_ok(), "{answer:?}"),
            _ => assert!(answer.is_ok() == handled.contains(&101), "{answer:?}"),
        }
        if handled.contains(&1) && control != Control::Kill {
            assert_eq!(answer, Ok(1), "a {control:?} waits for the handler");
        }
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn a_stop_waits_for_a_suspended_handler() {
    suspended_against(Control::Stop);
}

#[test]
fn a_restart_waits_for_a_suspended_handler() {
    suspended_against(Control::Restart);
}

#[test]
fn a_kill_does_not_wait_for_a_suspended_handler() {
    suspended_against(Control::Kill);
}

/// An asker that gives up, against the end of the handler it waits for.
fn given_up<const CANCEL: bool>() {
    check(|| {
        let node = Node::<CANCEL>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let runner = node.runner();
        let canceller = spawn(move || {
            asking.cancel();
            runner.run_next(1);
            asking
        });
        let gate = node.gate.clone();
        let waker = spawn(move || gate.open());
        node.runner().run_next(2);
        let asking = canceller.join().unwrap();
        waker.join().unwrap();
        node.runner().run_all(3);
        let handled = node.notes.handled();
        let finished = handled.contains(&101);
        assert!(finished || CANCEL, "only who opted in is dropped");
        assert_eq!(node.agent.cell().phase_name(), "idle");
        // The task was killed: whether it had its answer is a matter of time.
        drop(asking);
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn a_handler_whose_asker_gave_up_runs_to_its_end() {
    given_up::<false>();
}

#[test]
fn a_handler_whose_asker_gave_up_is_dropped_if_it_opted_in() {
    given_up::<true>();
}

/// Giving up must get through even though a stop, which waits for the handler, came first.
#[test]
fn giving_up_goes_before_a_stop() {
    check(|| {
        let node = Node::<true>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let agent = node.agent.clone();
        let stopper = spawn(move || agent.cell().post_control(Control::Stop));
        asking.cancel();
        for _ in 0..8 {
            node.runner().run_next(2);
        }
        stopper.join().unwrap();
        for _ in 0..8 {
            node.runner().run_next(3);
        }
        assert!(node.agent.cell().is_closed(), "the handler was polled without end");
        drop(asking);
        assert_eq!(node.end().handled, 1);
    });
}

/// A waker may be used and dropped whenever: it keeps the memory, not the agent.
#[test]
fn a_waker_outlives_its_agent() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let waker = node.gate.waker();
        node.gate.waker.lock().unwrap().take();
        let waking = spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        let agent = node.agent.clone();
        let killer = spawn(move || agent.cell().post_control(Control::Kill));
        node.runner().run_next(2);
        waking.join().unwrap();
        killer.join().unwrap();
        node.runner().run_all(3);
        assert!(answer(asking).is_err());
        assert_eq!(node.end().stopped, 1);
    });
}

// ---- room in the mailbox ----------------------------------------------------------------

const ONE_PLACE: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(1);

/// The entries of the run queue: first of all those of the tasks, as they were made.
fn entries<const CANCEL: bool>(node: &Node<CANCEL>) -> Vec<Ready> {
    std::iter::from_fn(|| node.queue.pop()).collect()
}

#[test]
fn a_sender_that_waits_for_room_gets_it() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let telling = node.tell(2);
        let [agent, sender] = entries(&node).try_into().ok().unwrap();
        let runner = node.runner();
        let sending = spawn(move || runner.run(1, sender));
        node.runner().run(2, agent);
        sending.join().unwrap();
        node.runner().run_all(3);
        assert!(matches!(outcome(telling), Ok(Ok(()))));
        assert_eq!(node.notes.handled(), [1, 2]);
        node.end();
    });
}

/// Senders that find no room take a place for a moment all the same: nobody
/// may be refused for that moment and then forgotten.
#[test]
fn two_senders_that_wait_for_room_get_it() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let telling = [2, 3].map(|number| node.tell(number));
        let [agent, first, second] = entries(&node).try_into().ok().unwrap();
        let senders = [(1, first), (2, second)].map(|(shard, sender)| {
            let runner = node.runner();
            spawn(move || runner.run(shard, sender))
        });
        node.runner().run(3, agent);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        assert!(telling.map(outcome).iter().all(|told| matches!(told, Ok(Ok(())))));
        assert_eq!(node.notes.handled().len(), 3);
        node.end();
    });
}

/// A place that a sender was woken for and does not take is the next one's.
#[test]
fn a_sender_that_leaves_the_line_passes_its_turn_on() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let agent = node.queue.pop().unwrap();
        let (first, second) = (node.tell(2), node.tell(3));
        node.runner().run_all(3);
        let runner = node.runner();
        let leaving = spawn(move || {
            first.cancel();
            runner.run_next(1);
            first
        });
        node.runner().run(2, agent);
        let first = leaving.join().unwrap();
        node.runner().run_all(3);
        assert!(matches!(outcome(second), Ok(Ok(()))));
        assert!(node.notes.handled().contains(&3));
        drop(first);
        node.end();
    });
}

#[test]
fn senders_in_line_learn_of_the_end() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        node.agent.kill();
        let (telling, asking) = (node.tell(2), node.ask(Note(3)));
        let [agent, teller, asker] = entries(&node).try_into().ok().unwrap();
        let senders = [(1, teller), (2, asker)].map(|(shard, sender)| {
            let runner = node.runner();
            spawn(move || runner.run(shard, sender))
        });
        node.runner().run(3, agent);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        assert!(!matches!(outcome(telling), Err(_)));
        assert!(answer(asking).is_err());
        let counts = node.end();
        assert_eq!((counts.accepted, counts.handled), (counts.dead, 0));
    });
}

// ---- eviction -----------------------------------------------------------------------------

const NEWEST_ONLY: MailboxSpec = MailboxSpec::overflow(Overflow::DropOldest).len_max(1);

#[test]
fn eviction_and_the_owner_share_the_ready_list() {
    check(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
        let senders = [1, 2].map(|number| {
            let agent = node.agent.clone();
            spawn(move || agent.try_tell(Note(number)).unwrap())
        });
        node.runner().run_next(3);
        node.runner().run_next(3);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        let handled = node.notes.handled().len() as u64;
        let counts = node.end();
        assert_eq!((counts.accepted, counts.handled), (2, handled));
        assert_eq!(counts.dropped, 2 - handled);
        assert_eq!(counts.crashed, 0);
    });
}

/// Whoever evicts moves others' messages on; an ask of theirs must not pass them.
#[test]
fn an_ask_never_overtakes_a_tell_that_was_moved_by_eviction() {
    check(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
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
        let place = |number| handled.iter().position(|at| *at == number);
        if let (Some(told), Some(asked)) = (place(2), place(3)) {
            assert!(told < asked, "{handled:?}");
        }
        assert!(matches!(answer(sending.unwrap()), Ok(3) | Err(AskError::Shed)));
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn what_eviction_moves_at_the_end_is_buried() {
    check(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
        node.agent.kill();
        let senders = [1, 2].map(|number| {
            let agent = node.agent.clone();
            spawn(move || agent.try_tell(Note(number)).is_ok())
        });
        node.runner().run_next(3);
        let told = senders.into_iter().map(|sender| sender.join().unwrap());
        let accepted = told.filter(|told| *told).count() as u64;
        let counts = node.end();
        assert_eq!(counts.accepted, accepted);
        assert_eq!(counts.dead + counts.dropped, accepted, "{counts:?}");
    });
}

// ---- the end ----------------------------------------------------------------------------------

#[test]
fn the_last_reference_frees_a_closed_cell() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        node.agent.kill();
        let (agent, system) = (node.agent.clone(), node.system.clone());
        let finder = spawn(move || {
            drop(agent);
            drop(system.find::<Plain>("one"));
        });
        node.runner().run_next(2);
        finder.join().unwrap();
        node.end();
    });
}

#[test]
fn a_monitor_is_told_of_the_end_once() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        node.agent.kill();
        let told = Arc::new(AtomicU64::new(0));
        let (agent, telling) = (node.agent.clone(), told.clone());
        let monitor = spawn(move || {
            agent.on_down(move |_| {
                telling.fetch_add(1, StdOrdering::Relaxed);
            });
        });
        node.runner().run_next(2);
        monitor.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(told.load(StdOrdering::Relaxed), 1);
        node.end();
    });
}

/// At shutdown a queued agent is closed although a thread still has its entry.
fn closed_against(entry: fn(&Runner, Ready)) {
    check(move || {
        let node = Node::<false>::new(DEFAULT);
        node.agent.try_tell(Note(1)).unwrap();
        let (runner, ready) = (node.runner(), node.queue.pop().unwrap());
        let late = spawn(move || entry(&runner, ready));
        let stuck = node.system.close_all(&node.runner().worker(2));
        late.join().unwrap();
        if !stuck.is_empty() {
            // It was running, and is its runner's.
            assert_eq!(node.notes.handled(), [1]);
            let cell = node.agent.cell().clone();
            assert!(node.system.close_all(&node.runner().worker(2)).is_empty());
            assert!(cell.is_closed());
        }
        assert!(node.queue.pop().is_none());
        let Node { system, agent, notes, .. } = node;
        drop(agent);
        assert_eq!(Arc::strong_count(&system), 1, "a cell is left in memory");
        assert_eq!(notes.dropped.load(StdOrdering::Relaxed), 1);
    });
}

#[test]
fn an_agent_closed_while_queued_is_not_run() {
    closed_against(|runner, ready| runner.run(1, ready));
}

#[test]
fn an_agent_closed_while_queued_is_freed_with_its_entry() {
    closed_against(|_, ready| drop(ready));
}
