//! The local optimisations: what users see of them, on real threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nexus::{
    Agent, Context, Execution, Handler, KindSpec, Mapped, Message, Node, NodeSpec, PrewarmError,
    Settings, StartError, Switch,
};

use crate::support::{eventually, ms, now, test};

/// CPUs that this thread may use, as the kernel writes them; `None` where it does not.
fn own_cpus() -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

/// An agent that tells where it runs; `BLOCKING` on a thread of its own.
struct Where<const BLOCKING: bool>;

impl<const BLOCKING: bool> Agent for Where<BLOCKING> {
    const KIND: &'static str = if BLOCKING { "where-blocking" } else { "where" };
    const EXECUTION: Execution = if BLOCKING { Execution::Blocking } else { Execution::Worker };
    fn new(_key: &str) -> Where<BLOCKING> {
        Where
    }
}

#[derive(Message)]
#[message(reply = Option<String>)]
struct Cpus;

impl<const BLOCKING: bool> Handler<Cpus> for Where<BLOCKING> {
    async fn handle(&mut self, _: Cpus, _cx: &mut Context<Self>) -> Option<String> {
        own_cpus()
    }
}

#[test]
fn pinned_workers_stay_and_other_threads_do_not() {
    test(|| {
        let everywhere = own_cpus();
        let node = NodeSpec::new().workers(1).pin_workers(true).start().expect("one worker starts");
        let report = node.locality();
        if report.pin != Switch::On {
            // A system without such a call: refused, and it says so.
            return assert!(matches!(report.pin, Switch::Refused(_)), "{report:?}");
        }
        let place = report.places[0].cpu.to_string();
        let worker = node.spawn::<Where<false>>("worker").expect("a new name");
        assert_eq!(node.block_on(worker.ask(Cpus)), Ok(Some(place)));
        // Started by the pinned worker, which hands its CPU on to its children.
        let blocking = node.spawn::<Where<true>>("blocking").expect("a new name");
        let there = node.run(async move { blocking.ask(Cpus).await });
        assert_eq!(there, Ok(everywhere.clone()));
        #[allow(clippy::disallowed_methods, reason = "a thread of tokio's is what this is about")]
        let there = node.run(async { tokio::task::spawn_blocking(own_cpus).await });
        assert_eq!(there.expect("no panic"), everywhere);
        assert_eq!(own_cpus(), everywhere, "the thread that started the node is where it was");
    });
}

/// A folder that is gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-locality-{}-{serial}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder can be written to");
        Folder(path)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("the temporary folder can be written to");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This machine with each of its first two CPUs on a memory node of its own.
fn two_memory_nodes() -> Option<Folder> {
    let cpus = own_cpus()?;
    let numbers: Vec<u32> = cpus.split([',', '-']).map_while(|one| one.parse().ok()).collect();
    let (first, second) = (*numbers.first()?, *numbers.get(1)?);
    let folder = Folder::new();
    folder.write("devices/system/cpu/online", &format!("{first},{second}"));
    folder.write("devices/system/node/online", "0-1");
    folder.write("devices/system/node/node0/cpulist", &first.to_string());
    folder.write("devices/system/node/node1/cpulist", &second.to_string());
    Some(folder)
}

#[derive(Clone)]
struct Small(u64);

impl Agent for Small {
    const KIND: &'static str = "small";
    fn new(_key: &str) -> Small {
        Small(0)
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Add(u64);

impl Handler<Add> for Small {
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Self>) -> u64 {
        self.0 += by;
        self.0
    }
}

/// Makes agents from outside and from workers, asks them, ends half of them,
/// and makes these anew.
fn agents_come_and_go(node: &Node) {
    let half = |from: usize| (from..2_000).step_by(2);
    for key in half(0) {
        node.spawn::<Small>(&key.to_string()).expect("a new name");
    }
    for round in 1..4u64 {
        let system = node.system().clone();
        node.run(async move {
            for key in half(1) {
                system.spawn::<Small>(&key.to_string()).expect("a free name");
            }
            for key in 0..2_000 {
                let agent = system.find::<Small>(&key.to_string()).expect("spawned above");
                let expected = if key % 2 == 0 { round } else { 1 };
                assert_eq!(agent.ask(Add(1)).await, Ok(expected));
            }
            for key in half(1) {
                system.find::<Small>(&key.to_string()).expect("spawned above").stop();
            }
        });
        eventually("half of them have ended", || node.system().agent_count() == 1_000);
    }
}

#[test]
fn agents_live_on_two_memory_nodes() {
    test(|| {
        let Some(folder) = two_memory_nodes() else { return };
        let spec = NodeSpec::new().workers(2).numa(true).system_folder(&folder.0);
        let node = spec.clone().start().expect("two workers start");
        let report = node.locality();
        assert_eq!((report.memory_nodes, report.numa), (2, Switch::On));
        assert_eq!(node.system().memory_nodes(), 2);
        node.prewarm::<Small>(10_000).expect("there is memory");
        agents_come_and_go(&node);
        drop(node);
        let both = spec.pin_workers(true).start().expect("two workers start");
        agents_come_and_go(&both);
    });
}

#[test]
fn four_memory_nodes_we_do_not_have_stop_nobody() {
    test(|| {
        let folder = Folder::new();
        folder.write("devices/system/cpu/online", "900-915");
        folder.write("devices/system/node/online", "0-3");
        for node in 0..4 {
            let first = 900 + 4 * node;
            let cpus = format!("{first}-{}", first + 3);
            folder.write(&format!("devices/system/node/node{node}/cpulist"), &cpus);
        }
        let spec = NodeSpec::new().workers(2).numa(true).pin_workers(true);
        let node = spec.system_folder(&folder.0).start().expect("two workers start");
        let why = node.locality().topology.expect("these CPUs are not ours");
        assert!(why.contains("may use none of these CPUs"), "{why}");
        agents_come_and_go(&node);
    });
}

#[test]
fn a_node_without_a_message_pool_works_the_same() {
    test(|| {
        let node = NodeSpec::new().workers(2).message_pool(false).start().expect("it starts");
        assert!(!node.locality().message_pool);
        agents_come_and_go(&node);
        let agent = node.spawn::<Small>("queued").expect("a new name");
        let last = node.run(async move {
            for _ in 0..999 {
                agent.ask(Add(1)).queued().await.expect("it answers");
            }
            agent.ask(Add(1)).queued().await
        });
        assert_eq!(last, Ok(1_000));
    });
}

/// An agent of which few fit.
struct Huge([u8; 1 << 16]);

impl Agent for Huge {
    const KIND: &'static str = "huge";
    fn new(_key: &str) -> Huge {
        Huge([0; 1 << 16])
    }
}

#[test]
fn room_is_made_for_as_many_as_are_asked_for() {
    test(|| {
        let node = NodeSpec::new().workers(1).prewarm(5_000).start().expect("it starts");
        node.register(KindSpec::<Small>::default()).expect("registered once");
        let warm = node.prewarm::<Small>(5_000).expect("there is memory");
        assert_eq!((warm.agents, warm.bytes), (5_000, 0), "registering has made the room");
        let more = node.prewarm::<Small>(50_000).expect("there is memory");
        // Where freed memory goes back to the allocator, none is taken beforehand.
        assert!(
            cfg!(nexus_no_pool)
                || more.bytes >= 45_000 * node.system().cell_bytes::<Small>().expect("a kind")
        );
        agents_come_and_go(&node);
        // Those who are there are found in the larger table.
        node.prewarm::<Small>(100_000).expect("there is memory");
        for key in (0..2_000).step_by(2) {
            assert!(node.find::<Small>(&key.to_string()).is_some());
        }
        assert_eq!(node.list(Some("small"), None, 10_000).len(), 1_000);
        let error = node.prewarm::<Small>(usize::MAX).expect_err("nobody means that");
        assert!(matches!(error, PrewarmError::TooMany(usize::MAX)), "{error}");
        let error = node.prewarm::<Huge>(100_000_000).expect_err("six terabytes");
        assert!(matches!(error, PrewarmError::Memory { .. }), "{error}");
        assert_eq!(node.spawn::<Huge>("one").map(drop), Ok(()), "spawning is as it was");
        let huge = Huge::new("");
        assert_eq!(huge.0.len(), 1 << 16);
    });
}

/// An agent whose state is on a disk.
struct Archive(Mapped);

impl Agent for Archive {
    const KIND: &'static str = "archive";
    fn new(_key: &str) -> Archive {
        unreachable!("made by its kind's own function")
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Store(Vec<u8>);

impl Handler<Store> for Archive {
    async fn handle(&mut self, Store(bytes): Store, _cx: &mut Context<Self>) -> u64 {
        self.0.extend_from_slice(&bytes).expect("there is room");
        self.0.cool().expect("the disk works");
        self.0.iter().map(|byte| u64::from(*byte)).sum()
    }
}

#[test]
fn agents_keep_state_on_a_disk() {
    test(|| {
        let folder = Folder::new();
        let node = match NodeSpec::new().workers(1).mapped(&folder.0, 1 << 30).start() {
            Ok(node) => node,
            // A temporary folder that is on none of the file systems it takes.
            Err(StartError::Mapped(_)) => return,
            Err(error) => panic!("{error}"),
        };
        let disk = node.mapped_folder().expect("asked for").clone();
        let make = move |_: &str| Archive(disk.create().expect("there is room"));
        node.register(KindSpec::from_fn(make)).expect("registered once");
        let archive = node.spawn::<Archive>("one").expect("a new name");
        let sum = node.run(async move {
            archive.ask(Store(vec![1; 100_000])).await?;
            archive.ask(Store(vec![2; 100_000])).await
        });
        assert_eq!(sum, Ok(300_000));
        let used = node.locality().mapped.expect("asked for");
        assert!(used.stores == 1 && used.bytes >= 200_000, "{used:?}");
    });
}

#[test]
fn what_makes_no_sense_stops_the_start() {
    test(|| {
        let start = |spec: NodeSpec| spec.workers(1).start().map(drop);
        let error = start(NodeSpec::new().mapped("/nowhere/at/all", 1));
        assert!(matches!(error, Err(StartError::Mapped(_))), "{error:?}");
        let error = start(NodeSpec::new().tune_every(Some(ms(1))));
        assert!(matches!(error, Err(StartError::TuneEvery(_))), "{error:?}");
        let error = start(NodeSpec::new().prewarm(usize::MAX));
        assert!(matches!(error, Err(StartError::Prewarm(usize::MAX))), "{error:?}");
    });
}

#[test]
fn what_a_file_of_settings_says_is_what_the_node_does() {
    test(|| {
        let mut settings = Settings::default();
        settings.node.workers = 1;
        let report = NodeSpec::from_settings(&settings).start().expect("it starts").locality();
        assert_eq!((report.pin, report.numa), (Switch::Off, Switch::Off));
        assert_eq!((report.prewarm, report.message_pool), (0, true));
        assert_eq!((report.mapped, report.tune_every), (None, None));
        let asked = &mut settings.locality;
        (asked.pin, asked.numa, asked.prewarm, asked.message_pool) = (true, true, 10, false);
        asked.tune = ms(60_000);
        let report = NodeSpec::from_settings(&settings).start().expect("it starts").locality();
        // On or refused, as the machine has it.
        assert_ne!(report.pin, Switch::Off);
        assert_ne!(report.numa, Switch::Off);
        assert_eq!((report.prewarm, report.message_pool), (10, false));
        assert_eq!(report.tune_every, Some(ms(60_000)));
        settings.locality.mapped = Some("/nowhere/at/all".into());
        let error = NodeSpec::from_settings(&settings).start().map(drop);
        assert!(matches!(error, Err(StartError::Mapped(_))), "{error:?}");
    });
}

#[test]
fn a_busy_node_is_tuned_and_an_idle_one_is_not() {
    test(|| {
        let start = || NodeSpec::new().workers(1).tune_every(Some(nexus::TUNE_EVERY_MIN)).start();
        let (busy, idle) = (start().expect("it starts"), start().expect("it starts"));
        let agent = busy.spawn::<Small>("one").expect("a new name");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = busy.task(async move {
            while !stopped.load(Ordering::Relaxed) {
                agent.ask(Add(1)).await.expect("it answers");
            }
        });
        let is_trying = |node: &Node| node.tuning().is_some_and(|report| report.is_trying);
        eventually("a trial is under way", || is_trying(&busy));
        assert!(!is_trying(&idle));
        assert_eq!(idle.tuning().map(|report| report.trials.len()), Some(0));
        stop.store(true, Ordering::Relaxed);
        busy.block_on(work.expect("the node is running")).expect("no panic");
    });
}

#[test]
fn a_tuner_that_waits_holds_up_no_shutdown() {
    test(|| {
        let hour = Duration::from_secs(3_600);
        let node = NodeSpec::new().workers(1).tune_every(Some(hour)).start().expect("it starts");
        let start = now();
        assert!(node.shutdown(ms(1_000)).drained);
        assert!(start.elapsed() < ms(5_000));
    });
}
