//! Agents that work as fast as a table says, and note what they begin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus::{
    Agent, Agents, Context, Features, Handle, Handler, KindSpec, Message, Node, NodeSpec, System,
    Work, WorkItem,
};

pub fn start() -> Node {
    NodeSpec::new().workers(2).seed(7).start().expect("two workers can be started")
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the agents of one test share.
#[derive(Clone, Default)]
pub struct Book {
    /// Numbers of the jobs begun, in order.
    begun: Arc<Mutex<Vec<u64>>>,
    /// Speeds by agent; 1 beyond.
    pub speeds: Arc<Mutex<Vec<f64>>>,
    /// Jobs during which whoever does them panics, each once.
    pub panics: Arc<Mutex<Vec<u64>>>,
}

impl Book {
    /// How often each of so many jobs was begun.
    pub fn begun(&self, jobs: usize) -> Vec<usize> {
        let begun = lock(&self.begun);
        (0..jobs as u64).map(|job| begun.iter().filter(|&&number| number == job).count()).collect()
    }
}

pub struct Hand {
    index: usize,
    book: Book,
}

impl Agent for Hand {
    const KIND: &'static str = "hand";

    fn new(_key: &str) -> Hand {
        Hand { index: 0, book: Book::default() }
    }
}

/// So many seconds of work at full speed. Answered with the number.
#[derive(Message, Clone)]
#[message(reply = u64)]
pub struct Job {
    pub number: u64,
    pub seconds: f64,
}

impl Handler<Job> for Hand {
    async fn handle(&mut self, job: Job, cx: &mut Context<Hand>) -> u64 {
        lock(&self.book.begun).push(job.number);
        let planned = lock(&self.book.panics).iter().position(|&number| number == job.number);
        if let Some(place) = planned {
            lock(&self.book.panics).remove(place);
            panic!("job {} is too much", job.number);
        }
        let speed = lock(&self.book.speeds).get(self.index).copied().unwrap_or(1.0);
        cx.sleep(Duration::from_secs_f64(job.seconds / speed)).await;
        job.number
    }
}

/// Agents that share a book, in whatever runs them.
pub fn hands(system: &Arc<System>, count: usize) -> (Vec<Handle<Hand>>, Book) {
    let book = Book::default();
    let inside = book.clone();
    let make = move |key: &str| {
        let number = key.rsplit('-').next().expect("there is a last part");
        Hand { index: number.parse().expect("a number"), book: inside.clone() }
    };
    system.register(KindSpec::from_fn(make)).expect("nobody else has the kind");
    let spawn = |index: usize| system.spawn(&index.to_string()).expect("the name is free");
    ((0..count).map(spawn).collect(), book)
}

pub fn agents(system: &Arc<System>, hands: &[Handle<Hand>]) -> Agents<Hand> {
    Agents::of_system(system, hands.iter().cloned())
}

/// Jobs of so many seconds each, that declare it.
pub fn work(seconds: &[f64]) -> Work<Job> {
    let jobs = seconds.iter().enumerate().map(|(number, &seconds)| {
        let features = Features::new(seconds, 0.5, 1.0).expect("it is small");
        WorkItem::new(Job { number: number as u64, seconds }).features(features)
    });
    jobs.collect()
}
