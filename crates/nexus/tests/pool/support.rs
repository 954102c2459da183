//! Members that do what tests tell them, and ways to wait without sleeping.

#[path = "../patience/mod.rs"]
mod patience;

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Poller, Poll, Waker};
use std::time::Duration;

use nexus::{
    Agent, Context, Handler, KindSpec, Message, Node, NodeSpec, Pool, PoolCounts, PoolSpec,
};
use tokio::sync::Semaphore;

pub use patience::{PATIENCE, eventually};

/// Runs `body`; if it hangs, fails instead.
pub fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = channel();
    let thread = std::thread::spawn(move || done.send(body()));
    match finished.recv_timeout(3 * PATIENCE) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => unreachable!("it ended without a word"),
        },
    }
}

pub fn start() -> Node {
    NodeSpec::new().workers(2).seed(7).start().expect("two workers can be started")
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the members of one test share.
pub struct Shared {
    /// Lets as many through as it has been opened for.
    gate: Semaphore,
    /// The numbers handled, in order.
    pub handled: Mutex<Vec<u64>>,
    /// How many constructors to come panic.
    pub doomed: Mutex<u32>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared { gate: Semaphore::new(0), handled: Mutex::default(), doomed: Mutex::default() }
    }
}

impl Shared {
    /// Lets `count` more handlers end.
    pub fn let_through(&self, count: usize) {
        self.gate.add_permits(count);
    }

    async fn pass(&self) {
        self.gate.acquire().await.expect("it is never closed").forget();
    }
}

/// A member.
pub struct Server {
    shared: Arc<Shared>,
    served: u64,
}

impl Agent for Server {
    const KIND: &'static str = "server";

    fn new(_key: &str) -> Server {
        Server { shared: Arc::default(), served: 0 }
    }
}

/// Registers members that share one thing.
pub fn register(node: &Node) -> Arc<Shared> {
    let shared = Arc::new(Shared::default());
    let made = shared.clone();
    let spec = KindSpec::from_fn(move |_| {
        let mut doomed = lock(&made.doomed);
        if *doomed > 0 {
            *doomed -= 1;
            drop(doomed);
            panic!("no server today");
        }
        Server { shared: made.clone(), served: 0 }
    });
    node.register(spec).expect("nobody else has the kind");
    shared
}

/// A node with a pool called `p` of members that share one thing.
pub fn pool(count: usize, spec: PoolSpec) -> (Node, Arc<Shared>, Pool<Server>) {
    let node = start();
    let shared = register(&node);
    let pool = Pool::spawn(&node, "p", count, spec).expect("the names are free");
    (node, shared, pool)
}

/// Answers at once, with how many it has served.
#[derive(Message)]
#[message(reply = u64)]
pub struct Quick;

impl Handler<Quick> for Server {
    async fn handle(&mut self, _: Quick, _cx: &mut Context<Server>) -> u64 {
        self.served += 1;
        self.served
    }
}

/// Answers with its number when the gate lets it through.
#[derive(Message)]
#[message(reply = u64)]
pub struct Gated(pub u64);

impl Handler<Gated> for Server {
    async fn handle(&mut self, Gated(number): Gated, _cx: &mut Context<Server>) -> u64 {
        lock(&self.shared.handled).push(number);
        self.shared.pass().await;
        self.served += 1;
        number
    }
}

/// Panics.
#[derive(Message)]
pub struct Panic;

impl Handler<Panic> for Server {
    async fn handle(&mut self, _: Panic, _cx: &mut Context<Server>) {
        panic!("as told");
    }
}

/// Answers after some virtual milliseconds, with when that was.
#[derive(Message)]
#[message(reply = u64)]
pub struct Work(pub u64);

impl Handler<Work> for Server {
    async fn handle(&mut self, Work(millis): Work, cx: &mut Context<Server>) -> u64 {
        cx.sleep(Duration::from_millis(millis)).await;
        cx.now().as_nanos() / 1_000_000
    }
}

/// A future that has been begun, and is polled by hand.
pub struct Begun<'a, T>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

impl<T> Begun<'_, T> {
    /// Whether it is ready, and with what.
    pub fn poll(&mut self) -> Poll<T> {
        self.0.as_mut().poll(&mut Poller::from_waker(Waker::noop()))
    }

    /// Waits for it on this thread.
    pub fn finish(self, node: &Node) -> T {
        node.block_on(self.0)
    }
}

/// Begins `future`: it is not ready at once.
#[track_caller]
pub fn begin<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Begun<'a, T> {
    let mut begun = Begun(Box::pin(future));
    assert!(begun.poll().is_pending());
    begun
}

/// Sees that the counts of a pool agree with each other.
#[track_caller]
pub fn assert_adds_up(counts: &PoolCounts) {
    let open = (counts.in_flight + counts.held) as u64;
    let ended = counts.done + counts.failed + counts.cancelled + counts.too_late;
    assert_eq!(counts.placed, open + ended, "{counts:?}");
    assert_eq!(counts.placed, counts.levels.iter().map(|level| level.asked).sum::<u64>());
    assert_eq!(counts.placed, counts.levels.iter().map(|level| level.used).sum::<u64>());
    assert_eq!(counts.done, counts.members.iter().map(|member| member.done).sum::<u64>());
}
