//! One agent that does what tests tell it, and ways to wait for things.

#[path = "../patience/mod.rs"]
mod patience;

use std::fmt::Debug;
use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::time::Duration;

use nexus::{
    Agent, AskError, Context, Handle, Handler, KindSpec, MailboxSpec, Message, Node, NodeSpec,
    StopReason,
};

pub use patience::{PATIENCE, eventually, now};

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Runs a test; one that hangs fails instead.
pub fn test(body: impl FnOnce() + Send + 'static) {
    let (done, finished) = channel();
    let thread = std::thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match finished.recv_timeout(2 * PATIENCE) {
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs"),
        _ => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

pub fn start(workers: usize) -> Node {
    NodeSpec::new().workers(workers).start().expect("a few workers can be started")
}

/// A door that is shut until somebody opens it, for good.
#[derive(Default)]
pub struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    /// Blocks the thread until the door is open.
    pub fn pass(&self) {
        let shut = |open: &mut bool| !*open;
        drop(self.opened.wait_while(lock(&self.open), shut));
    }

    pub fn open(&self) {
        *lock(&self.open) = true;
        self.opened.notify_all();
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the probes of one test have in common.
#[derive(Default)]
pub struct Shared {
    log: Mutex<Vec<String>>,
    errors: Mutex<Vec<AskError>>,
    /// Where probes that were told to [`Hold`] wait.
    pub door: Door,
    /// How many constructors to come panic.
    pub doomed: Mutex<u32>,
}

impl Shared {
    pub fn note(&self, line: impl Into<String>) {
        lock(&self.log).push(line.into());
    }

    pub fn log(&self) -> Vec<String> {
        lock(&self.log).clone()
    }

    pub fn has(&self, line: &str) -> bool {
        lock(&self.log).iter().any(|noted| noted == line)
    }

    #[track_caller]
    pub fn wait_for(&self, line: &str) {
        eventually(&format!("{line:?} is noted"), || self.has(line));
    }

    /// The lines that begin with `start`, without it.
    pub fn lines(&self, start: &str) -> Vec<String> {
        let log = self.log();
        log.iter().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
    }

    pub fn errors(&self) -> Vec<AskError> {
        lock(&self.errors).clone()
    }
}

/// Opens the door when the test ends, however it ends: nobody stays behind it.
pub struct Opener(pub Arc<Shared>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.door.open();
    }
}

/// An agent that does what it is told.
pub struct Probe {
    key: String,
    shared: Arc<Shared>,
}

impl Agent for Probe {
    const KIND: &'static str = "probe";

    fn new(key: &str) -> Probe {
        Probe { key: key.to_owned(), shared: Arc::default() }
    }

    fn stopping(&mut self, reason: &StopReason) {
        self.shared.note(format!("stopping {}: {reason}", self.key));
    }

    fn accepts(kind: &mut nexus::Accepts<Probe>) {
        kind.message::<Echo>().message::<Note>();
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.note(format!("dropped {}", self.key));
    }
}

/// Probes that note what happens to them in one place.
pub fn probe_kind(shared: &Arc<Shared>) -> KindSpec<Probe> {
    let shared = shared.clone();
    KindSpec::from_fn(move |key| {
        let mut doomed = lock(&shared.doomed);
        if *doomed > 0 {
            *doomed -= 1;
            panic!("no {key} today");
        }
        shared.note(format!("made {key}"));
        Probe { key: key.to_owned(), shared: shared.clone() }
    })
}

/// Registers probes on `node`.
pub fn probes(node: &Node) -> Arc<Shared> {
    let shared = Arc::new(Shared::default());
    node.register(probe_kind(&shared)).expect("nobody else has the kind");
    shared
}

/// Registers probes with another mailbox.
pub fn probes_with(node: &Node, mailbox: MailboxSpec) -> Arc<Shared> {
    let shared = Arc::new(Shared::default());
    node.register(probe_kind(&shared).mailbox(mailbox)).expect("nobody else has the kind");
    shared
}

pub fn probe(node: &Node, key: &str) -> Handle<Probe> {
    node.spawn(key).expect("the key is free")
}

/// A probe that is inside a handler and blocks its worker until the door opens.
pub fn held(node: &Node, shared: &Shared, key: &str) -> Handle<Probe> {
    let probe = probe(node, key);
    probe.try_tell(Hold).expect("the mailbox is empty");
    shared.wait_for(&format!("holding {key}"));
    probe
}

/// Answers with the number.
#[derive(Message)]
#[message(reply = u64)]
pub struct Echo(pub u64);

impl Handler<Echo> for Probe {
    async fn handle(&mut self, Echo(number): Echo, _cx: &mut Context<Probe>) -> u64 {
        number
    }
}

/// Notes the text.
#[derive(Message, Debug, PartialEq)]
pub struct Note(pub String);

pub fn note(text: impl ToString) -> Note {
    Note(text.to_string())
}

impl Handler<Note> for Probe {
    async fn handle(&mut self, Note(text): Note, _cx: &mut Context<Probe>) {
        self.shared.note(text);
    }
}

/// Blocks the thread until the door opens.
#[derive(Message)]
pub struct Hold;

impl Handler<Hold> for Probe {
    async fn handle(&mut self, _: Hold, _cx: &mut Context<Probe>) {
        self.shared.note(format!("holding {}", self.key));
        self.shared.door.pass();
    }
}

/// Never answers, without blocking anybody.
#[derive(Message)]
#[message(reply = u64)]
pub struct Never;

impl Handler<Never> for Probe {
    async fn handle(&mut self, _: Never, _cx: &mut Context<Probe>) -> u64 {
        self.shared.note(format!("never {}", self.key));
        std::future::pending().await
    }
}

/// Answers after some milliseconds.
#[derive(Message)]
#[message(reply = u64)]
pub struct Nap(pub u64);

impl Handler<Nap> for Probe {
    async fn handle(&mut self, Nap(milliseconds): Nap, cx: &mut Context<Probe>) -> u64 {
        cx.sleep(ms(milliseconds)).await;
        milliseconds
    }
}

/// Panics.
#[derive(Message)]
#[message(reply = u64)]
pub struct Panic(pub String);

impl Handler<Panic> for Probe {
    async fn handle(&mut self, Panic(text): Panic, _cx: &mut Context<Probe>) -> u64 {
        panic!("{text}")
    }
}

/// Asks each probe on the path to ask the next one. False if an ask failed; the
/// error is then among the shared ones.
#[derive(Message)]
#[message(reply = bool)]
pub struct Relay(pub Vec<String>);

impl Handler<Relay> for Probe {
    async fn handle(&mut self, Relay(mut path): Relay, cx: &mut Context<Probe>) -> bool {
        if path.is_empty() {
            return true;
        }
        let next: Handle<Probe> = cx.find(&path.remove(0)).expect("everybody on the path runs");
        match next.ask(Relay(path)).await {
            Ok(reached) => reached,
            Err(error) => {
                lock(&self.shared.errors).push(error);
                false
            }
        }
    }
}

pub fn relay(path: &[&str]) -> Relay {
    Relay(path.iter().map(ToString::to_string).collect())
}

/// Sees that the node still works: that a few agents answer, one after the other.
#[track_caller]
pub fn assert_alive(node: &Node) {
    for number in 0..8 {
        let key = number.to_string();
        let spawn = || node.spawn(&key).expect("the key is free");
        let echoer: Handle<Echoer> = node.find(&key).unwrap_or_else(spawn);
        assert_eq!(node.block_on(echoer.ask(Echo(number)).within(PATIENCE)), Ok(number));
    }
}

/// What [`assert_alive`] asks: nothing a test does to probes concerns it.
pub struct Echoer;

impl Agent for Echoer {
    const KIND: &'static str = "echoer";

    fn new(_key: &str) -> Echoer {
        Echoer
    }
}

impl Handler<Echo> for Echoer {
    async fn handle(&mut self, Echo(number): Echo, _cx: &mut Context<Echoer>) -> u64 {
        number
    }
}

/// Sees that the books of a kind agree with its mailboxes, once all is quiet.
#[track_caller]
pub fn assert_balanced(node: &Node, kind: &str) {
    eventually("every message is accounted for", || {
        node.counts()[kind].queued() == 0 && node.system().count_queued(kind) == 0
    });
    let counts = node.counts()[kind];
    assert_eq!(counts.accepted, counts.handled + counts.dropped + counts.dead, "{counts:?}");
}

/// A waker that only notes that it was called.
#[derive(Default)]
pub struct Woken(Mutex<bool>);

impl Woken {
    pub fn is(&self) -> bool {
        *lock(&self.0)
    }

    /// Polls by hand, with this as the waker.
    pub fn poll<F: Future + Unpin>(self: &Arc<Woken>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(self.clone());
        std::pin::Pin::new(future).poll(&mut Poller::from_waker(&waker))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        *lock(&self.0) = true;
    }
}

/// Compares an error's text with what a user should read.
#[track_caller]
pub fn says(error: &impl ToString, text: &str) {
    assert_eq!(error.to_string(), text);
}

/// The error, or a panic that shows what came instead.
#[track_caller]
pub fn err<T: Debug, E>(result: Result<T, E>) -> E {
    result.map(|value| panic!("an error was expected, not {value:?}")).unwrap_err()
}

/// Agents that keep every worker busy with short work, and on the move.
pub struct Churned;

impl Agent for Churned {
    const KIND: &'static str = "churned";

    fn new(_key: &str) -> Churned {
        Churned
    }
}

/// Handled over and over.
#[derive(Message)]
pub struct Churn;

impl Handler<Churn> for Churned {
    async fn handle(&mut self, _: Churn, cx: &mut Context<Churned>) {
        cx.me().try_tell(Churn).expect("there is room for one");
    }
}

/// Starts `count` of them; kill them to end it.
pub fn churn(node: &Node, count: u64) -> Vec<Handle<Churned>> {
    let start = |number: u64| {
        let churned: Handle<Churned> = node.spawn(&number.to_string()).expect("the key is free");
        churned.try_tell(Churn).expect("there is room");
        churned
    };
    (0..count).map(start).collect()
}
