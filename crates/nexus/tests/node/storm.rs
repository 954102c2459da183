//! A storm of everything at once, after which the books balance.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Poller, Poll};

use nexus::{
    AskError, Handle, Intensity, MailboxSpec, Message, Node, Overflow, Rng, Strategy, SupervisorId,
    SupervisorSpec, Tell,
};

use crate::support::{
    Echo, Nap, Never, Panic, Probe, assert_alive, assert_balanced, eventually, ms, note,
    probe_kind, probes, relay, start, test,
};

const KEYS: u64 = 12;
const SENDERS: u64 = 6;
const STEPS: u64 = 1_500;

/// Some agent, if it runs.
fn somebody(node: &nexus::System, rng: &mut Rng) -> Option<Handle<Probe>> {
    let key = rng.below(KEYS).to_string();
    node.find(&key)
}

/// What one sender saw, to be compared with the books.
#[derive(Default, Debug)]
struct Seen {
    told: u64,
    answered: u64,
}

async fn step(node: &Arc<nexus::System>, rng: &mut Rng, seen: &mut Seen) {
    let Some(probe) = somebody(node, rng) else {
        drop(node.spawn::<Probe>(&rng.below(KEYS).to_string()));
        return;
    };
    let within = ms(rng.below(4));
    match rng.below(100) {
        0..40 => seen.told += u64::from(probe.try_tell(note("x")).is_ok()),
        40..60 => match probe.ask(Echo(7)).within(within).await {
            Ok(7) => seen.answered += 1,
            Ok(other) => panic!("7 was asked for, not {other}"),
            Err(error) => assert!(plausible(&error), "{error}"),
        },
        60..65 => seen.told += u64::from(look_once(probe.tell(note("x"))).await),
        65..75 => drop(probe.ask(Nap(rng.below(3))).within(within).await),
        75..80 => drop(probe.ask(Never).within(within).await),
        80..84 => drop(probe.ask(Panic("storm".to_owned())).within(within).await),
        84..90 => {
            let path = [rng.below(KEYS).to_string(), rng.below(KEYS).to_string()];
            drop(probe.ask(relay(&path.each_ref().map(String::as_str))).within(within).await);
        }
        90..94 => probe.stop(),
        94..97 => probe.kill(),
        _ => probe.restart(),
    }
}

/// Polls once and then loses interest; whether the tell was taken.
async fn look_once<M: Message>(mut tell: Tell<'_, M>) -> bool {
    let looked = |poller: &mut Poller<'_>| Poll::Ready(Pin::new(&mut tell).poll(poller));
    matches!(poll_fn(looked).await, Poll::Ready(Ok(())))
}

fn plausible(error: &AskError) -> bool {
    !matches!(
        error,
        AskError::ShuttingDown | AskError::Cycle { .. } | AskError::WrongMessage { .. }
    )
}

/// Many threads and tasks do random things; how each ends depends on chance and
/// on the machine, but nothing may be lost, and nothing may be left waiting.
#[track_caller]
fn check(overflow: Overflow) {
    test(move || {
        let node = start(2);
        let shared = Arc::new(crate::support::Shared::default());
        let spec = probe_kind(&shared).mailbox(MailboxSpec { len_max: 8, overflow });
        node.register(spec).expect("nobody else has the kind");
        let rng = Rng::new(2_026);
        let run = |sender: u64| {
            let (mut rng, system) = (rng.fork_index("sender", sender), node.system().clone());
            async move {
                let mut seen = Seen::default();
                for _ in 0..STEPS {
                    step(&system, &mut rng, &mut seen).await;
                }
                seen
            }
        };
        let tasks: Vec<_> = (0..SENDERS / 2).map(|sender| node.task(run(sender))).collect();
        let mut seen: Vec<Seen> = std::thread::scope(|scope| {
            let threads: Vec<_> = (SENDERS / 2..SENDERS)
                .map(|sender| (&node, run(sender)))
                .map(|(node, steps)| scope.spawn(move || node.block_on(steps)))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        });
        for task in tasks {
            let task = task.expect("it is running");
            seen.push(node.block_on(task).expect("it does not panic"));
        }
        settle(&node);
        let counts = node.counts()["probe"];
        assert_eq!(counts.accepted, counts.handled + counts.dropped + counts.dead, "{counts:?}");
        assert_eq!(counts.agents(), node.system().agent_count() as u64 - 8, "and the echoers");
        let sent: u64 = seen.iter().map(|seen| seen.told + seen.answered).sum();
        assert!(counts.accepted >= sent, "{counts:?} {seen:?}");
        let (made, dropped) = (shared.lines("made ").len(), shared.lines("dropped ").len());
        assert_eq!((made - dropped) as u64, counts.agents(), "every state is dropped once");
        let system = node.system().clone();
        let shutdown = node.shutdown(ms(5_000));
        assert!(shutdown.drained && shutdown.stuck.is_empty(), "{shutdown:?}");
        assert_eq!(system.kind_names(), [""; 0], "nothing is left");
        let counts = system.counts()["probe"];
        assert_eq!((counts.queued(), counts.agents()), (0, 0), "{counts:?}");
        assert_eq!(system.counts(), shutdown.counts);
    });
}

/// Ends what never ends by itself, and waits until all is quiet.
fn settle(node: &Node) {
    eventually("nobody is at work", || {
        for busy in node.system().busy() {
            if let Some(stuck) = node.find::<Probe>(&busy.key).filter(|_| busy.kind == "probe") {
                stuck.kill();
            }
        }
        node.system().busy().is_empty() && node.counts()["probe"].queued() == 0
    });
    assert_alive(node);
    eventually("the mailboxes agree with the books", || node.system().count_queued("probe") == 0);
}

#[test]
fn refusing() {
    check(Overflow::Refuse);
}

#[test]
fn waiting() {
    check(Overflow::Wait);
}

#[test]
fn dropping_the_oldest() {
    check(Overflow::DropOldest);
}

#[test]
fn dropping_the_newest() {
    check(Overflow::DropNewest);
}

#[test]
fn shedding_the_lowest() {
    check(Overflow::ShedLowest);
}

/// Families under all strategies crash, are killed, stopped and spawned again
/// from all sides: at the end every end has been told exactly once.
#[test]
fn supervised() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let told = Arc::new(AtomicU64::new(0));
        let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
        let supervisors = strategies.map(|strategy| {
            let intensity = Intensity { restarts_max: 1_000_000, within: ms(60_000) };
            let spec = SupervisorSpec { name: format!("{strategy:?}"), strategy, intensity };
            node.supervisor(None, spec).expect("the root is there")
        });
        let watched: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (node, told) = (&node, told.clone());
                    let mut rng = Rng::new(thread);
                    scope.spawn(move || disturb(node, &supervisors, &mut rng, &told))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
        });
        eventually("all are gone", || {
            for listing in node.list(Some("probe"), None, 100) {
                if let Some(probe) = node.find::<Probe>(&listing.key) {
                    probe.kill();
                }
            }
            node.counts()["probe"].agents() == 0
        });
        eventually("every end was told", || told.load(Ordering::Relaxed) == watched);
        assert_alive(&node);
        assert_eq!(told.load(Ordering::Relaxed), watched, "and told once");
        assert_balanced(&node, "probe");
        assert_eq!(shared.lines("made ").len(), shared.lines("dropped ").len());
    });
}

/// Does a thousand random things to supervised probes; how many monitors it set.
fn disturb(
    node: &Node,
    supervisors: &[SupervisorId; 3],
    rng: &mut Rng,
    told: &Arc<AtomicU64>,
) -> u64 {
    let mut watched = 0;
    for _ in 0..1_000 {
        let (family, member) = (rng.below(3), rng.below(4));
        let key = format!("{family}-{member}");
        let Some(probe) = node.find::<Probe>(&key) else {
            drop(node.spawn_under::<Probe>(supervisors[family as usize], &key));
            continue;
        };
        match rng.below(10) {
            0..4 => drop(probe.try_tell(Panic("storm".to_owned()))),
            4 => probe.kill(),
            5 => probe.stop(),
            6 => probe.restart(),
            7 => {
                watched += 1;
                let told = told.clone();
                probe.on_down(move |_| {
                    told.fetch_add(1, Ordering::Relaxed);
                });
            }
            _ => drop(probe.try_tell(note("x"))),
        }
    }
    watched
}
