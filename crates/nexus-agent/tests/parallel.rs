//! Agents under the fire of many threads: whatever happens in whatever order,
//! nothing is lost, left over, answered twice or done by two at once.
//!
//! The models in `raw/models.rs` try every order of a few steps; here a great
//! many steps come in whatever order the machine makes of them. Run under
//! AddressSanitizer this also looks for memory that is used after its end, or
//! never given back; see CONTRIBUTING.md.

#![allow(clippy::disallowed_methods, reason = "real threads are what these tests are about")]

// The derives speak of `nexus`, the crate users import.
extern crate nexus_agent as nexus;

mod support;

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context as Poller, Poll, Waker};
use std::thread;
use std::time::Duration;

use nexus_agent::{
    Agent, AskError, Context, Counts, Handle, Handler, MailboxSpec, Message, OnCancel, Overflow,
    System, Task, Wire,
};
use nexus_base::Rng;
use support::{Census, Node, block_on, lock};

/// Longer than anything here takes on a busy machine under a sanitizer.
const LIMIT: Duration = Duration::from_secs(60);

/// The tests of this file count what is alive, so they go one by one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static STATES: Census = Census::new();
static TOKENS: Census = Census::new();
/// What went wrong inside a handler, where a panic would be the agent's affair.
static WRONG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn wrong(what: String) {
    lock(&WRONG).push(what);
}

/// Travels with every message and answer, and is counted.
struct Token(());

impl Default for Token {
    fn default() -> Token {
        TOKENS.born();
        Token(())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        TOKENS.died();
    }
}

/// What a handler is to do.
#[derive(Clone, Copy, Wire)]
enum What {
    Answer,
    Yield(u8),
    /// Waits for another thread.
    GoAbroad,
    Sleep,
    /// Asks the agent of this number.
    Ask(u8),
    Panic,
    PanicLater,
    Stop,
    Draw,
}

const NOBODY: u32 = 0;

#[derive(Message)]
#[message(reply = Answer)]
struct Job {
    what: What,
    /// Who sends it, and its how many-th it is; [`NOBODY`] keeps no order.
    sender: u32,
    number: u32,
    #[serde(skip)]
    _token: Token,
}

#[derive(Message)]
struct Usual {
    #[serde(skip)]
    _token: Token,
}

#[derive(Message)]
#[message(priority = 200)]
struct Urgent {
    #[serde(skip)]
    _token: Token,
}

#[derive(Wire)]
struct Answer {
    number: u32,
    #[serde(skip)]
    _token: Token,
}

fn job(what: What, sender: u32, number: u32) -> Job {
    Job { what, sender, number, _token: Token::default() }
}

/// A flag to be set, and whom to wake then.
type Call = (Arc<AtomicBool>, Waker);

/// The thread that handlers wait for: wakes whoever comes.
static ABROAD: Mutex<Option<Sender<Call>>> = Mutex::new(None);

struct Abroad {
    back: Arc<AtomicBool>,
    gone: bool,
}

impl Future for Abroad {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        // Relaxed on purpose: the wake-up has to carry it.
        if self.back.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut self.gone, true) {
            let journey = (self.back.clone(), poller.waker().clone());
            let sender = lock(&ABROAD).clone().expect("the other thread runs");
            sender.send(journey).expect("the other thread runs");
        }
        Poll::Pending
    }
}

struct Yield(u8);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        poller.waker().wake_by_ref();
        Poll::Pending
    }
}

/// One kind for each policy: what they do is the same.
struct Probe<const KIND: usize> {
    busy: AtomicBool,
    latest: BTreeMap<u32, u32>,
}

/// How many numbers of agents there are of each kind.
const KEYS: u64 = 6;

fn key(number: u8) -> String {
    (u64::from(number) % KEYS).to_string()
}

const REFUSE: usize = 0;
const WAIT: usize = 1;
const DROP_OLDEST: usize = 2;
const DROP_NEWEST: usize = 3;
const SHED_LOWEST: usize = 4;

impl<const KIND: usize> Agent for Probe<KIND> {
    const KIND: &'static str = ["refuse", "wait", "drop-oldest", "drop-newest", "shed"][KIND];
    const MAILBOX: MailboxSpec = [
        MailboxSpec::overflow(Overflow::Refuse).len_max(64),
        MailboxSpec::overflow(Overflow::Wait).len_max(1),
        MailboxSpec::overflow(Overflow::DropOldest).len_max(2),
        MailboxSpec::overflow(Overflow::DropNewest).len_max(3),
        MailboxSpec::overflow(Overflow::ShedLowest).len_max(2),
    ][KIND];
    const ON_CANCEL: OnCancel =
        if KIND.is_multiple_of(2) { OnCancel::Drop } else { OnCancel::Finish };

    fn new(_key: &str) -> Self {
        STATES.born();
        Probe { busy: AtomicBool::new(false), latest: BTreeMap::new() }
    }
}

impl<const KIND: usize> Drop for Probe<KIND> {
    fn drop(&mut self) {
        STATES.died();
        if self.busy.load(Ordering::Relaxed) {
            wrong("a state was dropped under its handler".to_owned());
        }
    }
}

/// Held by a handler for as long as it is one.
struct Busy<'a>(&'a AtomicBool);

impl<'a> Busy<'a> {
    fn enter(busy: &'a AtomicBool) -> Busy<'a> {
        if busy.swap(true, Ordering::Relaxed) {
            wrong("two handlers in one agent".to_owned());
        }
        Busy(busy)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<const KIND: usize> Handler<Job> for Probe<KIND> {
    async fn handle(&mut self, job: Job, cx: &mut Context<Self>) -> Answer {
        let _busy = Busy::enter(&self.busy);
        if job.sender != NOBODY {
            let latest = self.latest.insert(job.sender, job.number).unwrap_or(0);
            if latest >= job.number {
                wrong(format!(
                    "{}: {} of sender {} after {latest}",
                    Self::KIND,
                    job.number,
                    job.sender
                ));
            }
        }
        match job.what {
            What::Answer => {}
            What::Yield(times) => Yield(times).await,
            What::GoAbroad => Abroad { back: Arc::default(), gone: false }.await,
            What::Sleep => cx.sleep(Duration::from_micros(3)).await,
            What::Ask(number) => {
                if let Some(other) = cx.find::<Self>(&key(number)) {
                    // Another may be asking us: then one of us is told so. Not if
                    // both wait for room, which only the deadline ends.
                    let job = self::job(What::Answer, NOBODY, 0);
                    let _ = other.ask(job).within(Duration::from_millis(1)).await;
                }
            }
            What::Panic => resume_unwind(Box::new("a panic that was asked for")),
            What::PanicLater => {
                Yield(1).await;
                resume_unwind(Box::new("a panic that was asked for"))
            }
            What::Stop => cx.stop(),
            What::Draw => {
                cx.random(|rng| rng.below(2));
            }
        }
        Answer { number: job.number, _token: Token::default() }
    }
}

/// Messages of the two ranks handled since the last look.
static USUAL: AtomicU64 = AtomicU64::new(0);
static URGENT: AtomicU64 = AtomicU64::new(0);

impl<const KIND: usize> Handler<Usual> for Probe<KIND> {
    async fn handle(&mut self, _: Usual, _: &mut Context<Self>) {
        let _busy = Busy::enter(&self.busy);
        USUAL.fetch_add(1, Ordering::Relaxed);
    }
}

impl<const KIND: usize> Handler<Urgent> for Probe<KIND> {
    async fn handle(&mut self, _: Urgent, _: &mut Context<Self>) {
        let _busy = Busy::enter(&self.busy);
        URGENT.fetch_add(1, Ordering::Relaxed);
    }
}

type Asking = Task<Result<Answer, AskError>>;

/// One thread that sends, and what it has under way.
struct Producer {
    system: Arc<System>,
    rng: Rng,
    sender: u32,
    number: u32,
    askings: Vec<Asking>,
    senders: Arc<AtomicU32>,
    monitors: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
}

impl Producer {
    fn act(&mut self) {
        match self.rng.below(5) as usize {
            REFUSE => self.act_on::<REFUSE>(),
            WAIT => self.act_on::<WAIT>(),
            DROP_OLDEST => self.act_on::<DROP_OLDEST>(),
            DROP_NEWEST => self.act_on::<DROP_NEWEST>(),
            _ => self.act_on::<SHED_LOWEST>(),
        }
    }

    fn what(&mut self) -> What {
        match self.rng.below(32) {
            0 => What::Panic,
            1 => What::PanicLater,
            2 => What::Stop,
            3..=5 => What::Sleep,
            6..=8 => What::GoAbroad,
            9..=11 => What::Yield(self.rng.below(4) as u8),
            12..=14 => What::Ask(self.rng.below(KEYS) as u8),
            15 => What::Draw,
            _ => What::Answer,
        }
    }

    fn job(&mut self) -> Job {
        self.number += 1;
        job(self.what(), self.sender, self.number)
    }

    fn act_on<const KIND: usize>(&mut self) {
        let key = key(self.rng.below(KEYS) as u8);
        let agent = match self.system.find::<Probe<KIND>>(&key) {
            Some(agent) => agent,
            None => match self.system.spawn(&key) {
                Ok(agent) => agent,
                Err(_) => return,
            },
        };
        match self.rng.below(100) {
            0..40 => drop(agent.try_tell(self.job())),
            40..58 => {
                let job = job(self.what(), NOBODY, 0);
                self.task(async move { agent.ask(job).await });
            }
            58..64 => self.burst(agent),
            64..70 => drop(block_on(agent.ask(self.job()), LIMIT)),
            70..74 => drop(block_on(agent.tell(self.job()), LIMIT)),
            74..78 => {
                // Asked and given up at once.
                let mut asking = pin!(agent.ask(self.job()));
                let _ = asking.as_mut().poll(&mut Poller::from_waker(Waker::noop()));
            }
            78..82 => {
                let job = job(self.what(), NOBODY, 0);
                let telling = self.system.task(async move { drop(agent.tell(job).await) });
                if let Ok(telling) = telling {
                    telling.cancel();
                }
            }
            82..86 => {
                let job = job(self.what(), NOBODY, 0);
                let within = Duration::from_micros(self.rng.below(4));
                self.task(async move { agent.ask(job).within(within).await });
            }
            86..89 => agent.stop(),
            89..91 => agent.kill(),
            91..94 => agent.restart(),
            94..97 => {
                self.monitors.fetch_add(1, Ordering::SeqCst);
                let told = self.told.clone();
                agent.on_down(move |_| {
                    told.fetch_add(1, Ordering::SeqCst);
                });
            }
            _ => drop(agent.recipient::<Job>().try_tell(self.job())),
        }
    }

    /// One sender of its own: two tells, then an ask, which must not overtake them.
    fn burst<const KIND: usize>(&mut self, agent: Handle<Probe<KIND>>) {
        let sender = self.senders.fetch_add(1, Ordering::Relaxed);
        let jobs = [1, 2, 3].map(|number| job(self.what(), sender, number));
        self.task(async move {
            let [first, second, third] = jobs;
            let _ = agent.tell(first).await;
            let _ = agent.tell(second).await;
            agent.ask(third).await
        });
    }

    fn task(&mut self, asking: impl Future<Output = Result<Answer, AskError>> + Send + 'static) {
        self.askings.extend(self.system.task(asking));
    }
}

/// Lets `producers` threads act `acts` times each; what they asked and was not
/// answered meanwhile, and how many ends were to be told of, and were.
fn fire(
    system: &Arc<System>,
    seed: u64,
    producers: u32,
    acts: u32,
) -> (Vec<Asking>, [Arc<AtomicU64>; 2]) {
    let senders = Arc::new(AtomicU32::new(1_000));
    let [monitors, told] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    let threads: Vec<_> = (1..=producers)
        .map(|sender| {
            let mut producer = Producer {
                system: system.clone(),
                rng: Rng::new(seed).fork_index("producer", u64::from(sender)),
                sender,
                number: 0,
                askings: Vec::new(),
                senders: senders.clone(),
                monitors: monitors.clone(),
                told: told.clone(),
            };
            thread::spawn(move || {
                (0..acts).for_each(|_| producer.act());
                producer.askings
            })
        })
        .collect();
    let askings = threads.into_iter().flat_map(|thread| thread.join().expect("no producer panics"));
    (askings.collect(), [monitors, told])
}

/// Starts the thread that handlers wait for. It ends with the returned guard.
fn abroad() -> impl Drop {
    struct Home(Option<thread::JoinHandle<()>>);
    impl Drop for Home {
        fn drop(&mut self) {
            *lock(&ABROAD) = None;
            let _ = self.0.take().map(thread::JoinHandle::join);
        }
    }
    let (sender, receiver) = channel::<(Arc<AtomicBool>, Waker)>();
    *lock(&ABROAD) = Some(sender);
    Home(Some(thread::spawn(move || {
        for (back, waker) in receiver {
            back.store(true, Ordering::Relaxed);
            waker.wake();
        }
    })))
}

/// At rest, every message that was taken has become something.
#[track_caller]
fn check_books(system: &System) -> BTreeMap<&'static str, Counts> {
    let books = system.counts();
    for (kind, counts) in &books {
        assert_eq!(system.count_queued(kind), 0, "{kind} at rest has mail");
        let Counts { accepted, handled, dropped, dead, .. } = *counts;
        assert_eq!(accepted, handled + dropped + dead, "{kind}: {counts:?}");
    }
    books
}

#[track_caller]
fn check_nothing_is_left(system: Arc<System>) {
    assert_eq!(*lock(&WRONG), [] as [String; 0]);
    assert_eq!(Arc::strong_count(&system), 1, "a cell or a task is left in memory");
    assert_eq!((STATES.alive(), TOKENS.alive()), (0, 0), "states and messages are left");
}

#[test]
fn whatever_comes_in_whatever_order_the_books_balance() {
    let _one = lock(&ONE_AT_A_TIME);
    for seed in 0..2 {
        let (home, node) = (abroad(), Node::start());
        let system = node.system.clone();
        let (askings, [monitors, told]) = fire(&system, seed, 3, 20_000);
        let answers = askings.into_iter().map(|asking| block_on(asking, LIMIT));
        let answered = answers.filter(|answer| matches!(answer, Ok(Ok(_)))).count();
        assert!(answered > 500, "hardly anybody was answered: {answered}");
        node.settle(LIMIT);
        let books = check_books(&system);
        let in_place: u64 = books.values().map(|counts| counts.in_place).sum();
        assert!(in_place > 100, "hardly anything ran in place: {in_place}");
        let (threads, stuck) = node.end();
        assert_eq!(stuck, []);
        drop((threads, home));
        let [monitors, told] = [monitors, told].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(monitors, told, "each end is told once to whoever asked for it");
        check_nothing_is_left(system);
    }
}

#[test]
fn a_shutdown_under_fire_leaves_nothing() {
    let _one = lock(&ONE_AT_A_TIME);
    for seed in 0..8 {
        let (home, node) = (abroad(), Node::start());
        let system = node.system.clone();
        let under_fire = system.clone();
        let firing = thread::spawn(move || fire(&under_fire, seed, 2, 400));
        // Some way into it, whatever the machine's pace.
        while system.counts().values().map(|counts| counts.accepted).sum::<u64>() < 100 {
            assert!(!firing.is_finished(), "over before it was shut down");
            thread::yield_now();
        }
        // Who is still being run is being closed, by the thread that just made it.
        let (threads, _) = node.end();
        let (askings, [monitors, told]) = firing.join().expect("no producer panics");
        drop(home);
        threads.clear();
        // Everybody has an answer, though it may be that there is none.
        askings.into_iter().for_each(|asking| drop(block_on(asking, LIMIT)));
        drop(threads);
        let [monitors, told] = [monitors, told].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(monitors, told, "each end is told once to whoever asked for it");
        check_nothing_is_left(system);
    }
}

/// Tells as its kind's policy has it.
fn tell<const KIND: usize, M: Message>(agent: &Handle<Probe<KIND>>, message: M)
where
    Probe<KIND>: Handler<M>,
{
    if KIND == WAIT {
        assert!(block_on(agent.tell(message), LIMIT).is_ok(), "a place comes up");
    } else {
        drop(agent.try_tell(message));
    }
}

/// Three threads tell one agent as fast as they can, every fourth time what is
/// urgent; its books, and how much of the usual and the urgent was handled.
fn overflow<const KIND: usize>(each: u32) -> (Counts, [u64; 2]) {
    let _one = lock(&ONE_AT_A_TIME);
    let node = Node::start();
    let system = node.system.clone();
    let agent = system.spawn::<Probe<KIND>>("one").expect("the only one");
    let tellers: Vec<_> = (0..3)
        .map(|_| {
            let agent = agent.clone();
            thread::spawn(move || {
                for number in 0..each {
                    match number % 4 {
                        0 => tell(&agent, Urgent { _token: Token::default() }),
                        _ => tell(&agent, Usual { _token: Token::default() }),
                    }
                }
            })
        })
        .collect();
    tellers.into_iter().for_each(|teller| teller.join().expect("no teller panics"));
    node.settle(LIMIT);
    let counts = check_books(&system)[Probe::<KIND>::KIND];
    let handled = [&USUAL, &URGENT].map(|count| count.swap(0, Ordering::Relaxed));
    assert_eq!(counts.handled, handled.iter().sum::<u64>());
    drop(agent);
    let (threads, stuck) = node.end();
    assert_eq!(stuck, []);
    drop(threads);
    check_nothing_is_left(system);
    (counts, handled)
}

const EACH: u32 = 100_000;
const ALL: u64 = 3 * EACH as u64;

#[test]
fn a_full_mailbox_that_refuses_hands_everything_back() {
    let (counts, _) = overflow::<REFUSE>(EACH);
    assert_eq!((counts.accepted + counts.refused, counts.dropped), (ALL, 0));
    assert_eq!(counts.handled, counts.accepted);
}

#[test]
fn a_full_mailbox_that_has_senders_wait_loses_nothing() {
    let (counts, _) = overflow::<WAIT>(EACH / 10);
    assert_eq!((counts.handled, counts.refused, counts.dropped), (ALL / 10, 0, 0));
}

#[test]
fn a_full_mailbox_that_drops_the_oldest_takes_everything() {
    let (counts, _) = overflow::<DROP_OLDEST>(EACH);
    assert_eq!((counts.accepted, counts.refused), (ALL, 0));
    assert_eq!(counts.handled + counts.dropped, ALL);
}

#[test]
fn a_full_mailbox_that_drops_the_newest_takes_everything() {
    let (counts, _) = overflow::<DROP_NEWEST>(EACH);
    assert_eq!((counts.accepted, counts.refused), (ALL, 0));
    assert_eq!(counts.handled + counts.dropped, ALL);
}

/// Of a quarter that is urgent a larger part must be handled than of the rest.
#[test]
fn a_full_mailbox_that_sheds_keeps_the_urgent() {
    let (counts, [usual, urgent]) = overflow::<SHED_LOWEST>(EACH);
    assert_eq!((counts.accepted, counts.refused), (ALL, 0));
    assert_eq!(counts.handled + counts.dropped, ALL);
    assert!(counts.dropped == 0 || urgent * 3 > usual, "urgent {urgent}, usual {usual}");
}
