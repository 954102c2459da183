//! What users do wrong, and what they are told.

use std::sync::{Arc, OnceLock, Weak};

use nexus::{
    Accepts, Agent, AskError, Changed, Context, Crash, During, Handler, KEY_BYTES_MAX, KindSpec,
    NodeSpec, SpawnError, StartError, SupervisorId, System, TellError, WORKERS_MAX, encode,
};

use crate::support::{
    Echo, Note, Probe, assert_alive, assert_balanced, err, eventually, lock, note, probe,
    probe_kind, probes, says, start, test,
};

#[test]
fn nobody_of_that_name_is_found() {
    test(|| {
        let node = start(1);
        assert!(node.find::<Probe>("nobody").is_none());
        let ask = node.system().ask_by_name("probe", "nobody", "Echo", Vec::new());
        let error = err(node.block_on(ask));
        assert_eq!((&error, error.changed()), (&AskError::NotRunning, Changed::No));
        says(&error, "agent is not running on this node; nothing changed; look it up afresh");
    });
}

#[test]
fn a_handle_outlives_its_agent_and_reaches_the_next_one() {
    test(|| {
        let node = start(2);
        probes(&node);
        let handle = probe(&node, "p");
        handle.stop();
        eventually("it has stopped", || !handle.is_running());
        assert_eq!(node.block_on(handle.ask(Echo(1))), Err(AskError::NotRunning));
        let error = err(node.block_on(handle.tell(note("lost"))));
        says(&error, "agent is not running on this node; nothing changed; look it up afresh");
        assert!(matches!(&error, TellError::NotRunning(_)));
        assert_eq!(error.into_message(), note("lost"), "the message comes back");
        probe(&node, "p");
        assert!(handle.is_running());
        assert_eq!(node.block_on(handle.ask(Echo(2))), Ok(2));
        handle.stop();
        eventually("the handle stopped the one it reaches", || node.find::<Probe>("p").is_none());
    });
}

#[test]
fn a_message_the_kind_does_not_take_is_named() {
    test(|| {
        let node = start(1);
        probes(&node);
        probe(&node, "p");
        let by_name = |kind, message, bytes| {
            node.block_on(node.system().ask_by_name(kind, "p", message, bytes))
        };
        let error = err(by_name("probe", "Fly", Vec::new()));
        says(&error, "agents of kind probe do not accept the message Fly; nothing changed");
        assert!(matches!(error, AskError::WrongMessage { kind: "probe", .. }));

        let error = err(by_name("probe", "Echo", Vec::new()));
        assert!(matches!(error, AskError::Malformed { message: "Echo", .. }));
        let text = error.to_string();
        assert!(text.starts_with("message Echo could not be decoded: "), "{text}");
        assert!(text.ends_with("; nothing changed"), "{text}");

        let error = err(by_name("probe", "Note", vec![0xff; 20]));
        assert!(matches!(error, AskError::Malformed { message: "Note", .. }), "{error}");
        assert_eq!(by_name("unheard-of", "Echo", Vec::new()), Err(AskError::NotRunning));
        assert_eq!(by_name("probe", "Echo", encode(&Echo(7))), Ok(encode(&7u64)));
        assert_balanced(&node, "probe");
        assert_eq!(node.counts()["probe"].handled, 1);
    });
}

#[test]
fn keys_have_a_length() {
    test(|| {
        let node = start(1);
        probes(&node);
        let error = err(node.spawn::<Probe>(""));
        says(&error, "a key has 1 to 1024 bytes, this one has 0; nothing changed");
        let error = err(node.spawn::<Probe>(&"k".repeat(10_240)));
        says(&error, "a key has 1 to 1024 bytes, this one has 10240; nothing changed");
        assert_eq!(error, SpawnError::BadKey { bytes: 10_240 });
        assert_eq!(node.counts()["probe"].spawned, 0);
        let longest = "ü".repeat(KEY_BYTES_MAX / 2);
        let handle = probe(&node, &longest);
        assert_eq!(node.block_on(handle.ask(Echo(3))), Ok(3));
        assert!(node.find::<Probe>(&"k".repeat(10_240)).is_none());
    });
}

#[test]
fn a_name_belongs_to_one_agent() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        probe(&node, "p");
        let error = err(node.spawn::<Probe>("p"));
        says(&error, "probe/p is already running; nothing changed; use `find` to reach it");
        assert_eq!(shared.log(), ["made p"], "the second was not even made");
    });
}

/// Claims the name of another kind.
struct Impostor;

impl Agent for Impostor {
    const KIND: &'static str = Probe::KIND;

    fn new(_key: &str) -> Impostor {
        Impostor
    }
}

impl Handler<Note> for Impostor {
    async fn handle(&mut self, _: Note, _cx: &mut Context<Impostor>) {}
}

#[test]
fn a_kind_name_belongs_to_one_type() {
    test(|| {
        let node = start(1);
        probes(&node);
        probe(&node, "p");
        let error = err(node.spawn::<Impostor>("q"));
        assert_eq!(error, SpawnError::KindTaken { kind: "probe" });
        let text = "kind probe is registered already, for another type; nothing changed; \
                    choose another name";
        says(&error, text);
        assert!(node.find::<Impostor>("p").is_none(), "a probe is no impostor");
    });
}

#[test]
fn a_constructor_that_panics_makes_no_agent() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        *lock(&shared.doomed) = 1;
        let error = err(node.spawn::<Probe>("p"));
        says(&error, "panic in constructor: no p today; nothing changed");
        let crash = Crash { during: During::Constructor, message: "no p today".into() };
        assert_eq!(error, SpawnError::Crashed(crash));
        assert!(node.find::<Probe>("p").is_none());
        assert_eq!(node.block_on(probe(&node, "p").ask(Echo(1))), Ok(1));
    });
}

#[test]
fn a_kind_is_registered_once_and_before_its_agents() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let error = err(node.register(probe_kind(&shared)));
        assert_eq!(error, SpawnError::KindRegistered { kind: "probe" });
        let text = "kind probe is registered already; nothing changed; \
                    register it once, before spawning";
        says(&error, text);
        let error = err(node.register(KindSpec::<Impostor>::default()));
        assert_eq!(error, SpawnError::KindTaken { kind: "probe" });
        assert_eq!(node.block_on(probe(&node, "p").ask(Echo(1))), Ok(1));
    });
}

/// Looks at its node while it is registered.
struct Curious;

static OF_CURIOUS: OnceLock<Weak<System>> = OnceLock::new();

impl Agent for Curious {
    const KIND: &'static str = "curious";

    fn new(_key: &str) -> Curious {
        Curious
    }

    fn accepts(_kind: &mut Accepts<Curious>) {
        let system = OF_CURIOUS.get().and_then(Weak::upgrade).expect("the test holds it");
        assert!(system.counts().contains_key("probe") && !system.counts().contains_key("curious"));
        assert!(system.kind_names().contains(&"probe"));
    }
}

#[test]
fn a_kind_may_look_at_its_node_while_it_is_registered() {
    test(|| {
        let node = start(1);
        probes(&node);
        OF_CURIOUS.set(Arc::downgrade(node.system())).expect("this test alone sets it");
        node.spawn::<Curious>("c").expect("it panics nowhere");
        assert!(node.counts().contains_key("curious"));
    });
}

/// Has a name that stands for something else where agents are named.
struct Slashed;

impl Agent for Slashed {
    const KIND: &'static str = "a/b";

    fn new(_key: &str) -> Slashed {
        Slashed
    }
}

mod other {
    /// Has the name of another message.
    #[derive(nexus::Message)]
    pub(super) struct Note;
}

/// Takes two messages of one name.
struct Doubled;

impl Agent for Doubled {
    const KIND: &'static str = "doubled";

    fn new(_key: &str) -> Doubled {
        Doubled
    }

    fn accepts(kind: &mut Accepts<Doubled>) {
        kind.message::<Note>().message::<Note>().message::<other::Note>();
    }
}

impl Handler<Note> for Doubled {
    async fn handle(&mut self, _: Note, _cx: &mut Context<Doubled>) {}
}

impl Handler<other::Note> for Doubled {
    async fn handle(&mut self, _: other::Note, _cx: &mut Context<Doubled>) {}
}

#[test]
fn names_that_would_not_be_found_are_refused() {
    test(|| {
        let node = start(1);
        let text = "kind \"a/b\": a kind's name has 1 to 128 letters, digits, `_`, `-` and `.`; \
                    nothing changed";
        says(&err(node.spawn::<Slashed>("s")), text);
        let text = "kind \"doubled\": two of its messages are called Note: name one differently; \
                    nothing changed";
        says(&err(node.spawn::<Doubled>("d")), text);
        assert_eq!(node.counts().len(), 0);
    });
}

/// Cannot even say what it accepts.
struct Speechless;

impl Agent for Speechless {
    const KIND: &'static str = "speechless";

    fn new(_key: &str) -> Speechless {
        Speechless
    }

    fn accepts(_kind: &mut Accepts<Speechless>) {
        panic!("no words");
    }
}

#[test]
fn a_kind_that_panics_when_it_is_registered_is_not() {
    test(|| {
        let node = start(1);
        let error = err(node.spawn::<Speechless>("s"));
        says(&error, "panic in constructor: no words; nothing changed");
        assert!(!node.counts().contains_key("speechless"));
        assert_alive(&node);
    });
}

#[test]
fn a_supervisor_that_does_not_exist_takes_nobody() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let other = start(1);
        let elsewhere = other.supervisor(None, Default::default()).expect("the root is there");
        let error = err(node.spawn_under::<Probe>(elsewhere, "p"));
        assert_eq!(error, SpawnError::NoSupervisor);
        says(&error, "supervisor is gone; nothing changed; make a new one");
        assert!(node.find::<Probe>("p").is_none(), "nothing is left of it");
        assert_eq!(shared.log(), [""; 0], "nobody was even made");
        probe(&node, "p");
        let root = node.spawn_under::<Probe>(SupervisorId::ROOT, "q");
        assert!(root.is_ok());
    });
}

#[test]
fn a_node_has_a_sensible_number_of_workers() {
    test(|| {
        let refused = |workers| {
            let error = NodeSpec::new().workers(workers).start().map(drop);
            assert!(matches!(error, Err(StartError::Workers(named)) if named == workers));
            err(error).to_string()
        };
        assert_eq!(
            refused(0),
            "a node has 1 to 1024 workers, not 0; leave it out to use every CPU"
        );
        assert!(refused(WORKERS_MAX + 1).contains("not 1025"));
        assert!(refused(usize::MAX).contains("1 to 1024 workers"));
    });
}

#[test]
fn many_workers_start_and_stop() {
    test(|| {
        let node = start(100);
        assert_alive(&node);
        let done: Vec<_> =
            (0..500).map(|n| node.task(async move { n }).expect("it is running")).collect();
        for (number, task) in done.into_iter().enumerate() {
            assert_eq!(node.block_on(task), Ok(number));
        }
    });
}

#[test]
fn waiting_on_a_worker_is_refused_instead_of_hanging() {
    test(|| {
        let node = Arc::new(start(1));
        probes(&node);
        let handle = probe(&node, "p");
        let inner = node.clone();
        let task = node.task(async move { inner.block_on(handle.ask(Echo(1)).queued()) });
        let error = err(node.block_on(task.expect("it is running")));
        let AskError::Crashed(crash) = &error else { panic!("it crashed, not {error}") };
        assert_eq!(
            &*crash.message,
            "block_on in a handler stops its worker: use `.await`, or make the kind `Blocking`"
        );
        assert_alive(&node);
    });
}

/// Handles may be kept anywhere and used from any thread.
#[test]
fn handles_work_from_any_thread() {
    test(|| {
        let node = start(2);
        probes(&node);
        let handle = probe(&node, "p");
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (node, handle) = (&node, handle.clone());
                scope.spawn(move || {
                    assert_eq!(node.block_on(handle.ask(Echo(number))), Ok(number));
                });
            }
        });
    });
}

thread_local! {
    static FAREWELL: std::cell::OnceCell<Farewell> = const { std::cell::OnceCell::new() };
}

/// Sends when its thread ends.
struct Farewell(nexus::Handle<Probe>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.try_tell(note("farewell")).expect("there is room");
    }
}

#[test]
fn a_thread_may_send_until_the_very_last() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        let thread = std::thread::spawn(move || {
            // Made before anything of ours, it is dropped after.
            FAREWELL.with(|farewell| drop(farewell.set(Farewell(probe.clone()))));
            probe.try_tell(note("hello")).expect("there is room");
        });
        thread.join().expect("it does not panic");
        shared.wait_for("farewell");
        assert_eq!(shared.log(), ["made p", "hello", "farewell"]);
    });
}
