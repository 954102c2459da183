//! The outbox gate and the delivery hook, under threads.

use std::sync::{Arc, Mutex};

use nexus::{
    Agent, AgentId, AskError, Changed, Context, Delivery, DeliveryHook, Gate, Handle, Handler,
    KindSpec, Message, Node, StepOutput, Time, encode,
};

use crate::support::{
    Echo, Nap, Note, Probe, Shared, assert_balanced, eventually, lock, ms, note, probe, probe_kind,
    probes, start, test,
};

/// Keeps what steps emit until somebody says what becomes of it.
#[derive(Default)]
struct Shelf(Mutex<Vec<StepOutput>>);

impl Gate for Shelf {
    fn hold(&self, output: StepOutput) {
        lock(&self.0).push(output);
    }
}

impl Shelf {
    fn take(&self) -> Vec<StepOutput> {
        std::mem::take(&mut lock(&self.0))
    }
}

/// Emits a tell, a timer and a reply for each message.
struct Emitter;

impl Agent for Emitter {
    const KIND: &'static str = "emitter";

    fn new(_key: &str) -> Emitter {
        Emitter
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Emit(u64);

impl Handler<Emit> for Emitter {
    async fn handle(&mut self, Emit(number): Emit, cx: &mut Context<Emitter>) -> u64 {
        let probe: Handle<Probe> = cx.find("p").expect("it runs");
        probe.tell(note(format!("told {number}"))).await.expect("nobody refuses what is held");
        cx.after(ms(1), Later(number));
        number
    }
}

#[derive(Message)]
struct Later(u64);

impl Handler<Later> for Emitter {
    async fn handle(&mut self, Later(number): Later, cx: &mut Context<Emitter>) {
        let probe: Handle<Probe> = cx.find("p").expect("it runs");
        probe.tell(note(format!("later {number}"))).await.expect("nobody refuses what is held");
    }
}

fn emitter(node: &Node) -> (Arc<Shared>, Arc<Shelf>, Handle<Emitter>) {
    let (shared, shelf) = (probes(node), Arc::new(Shelf::default()));
    let spec = KindSpec::<Emitter>::default().gate(shelf.clone());
    node.register(spec).expect("nobody else has the kind");
    probe(node, "p");
    (shared, shelf, node.spawn("e").expect("the key is free"))
}

#[test]
fn nothing_leaves_a_step_before_its_gate_lets_it() {
    test(|| {
        let node = start(2);
        let (shared, shelf, emitter) = emitter(&node);
        let asks: Vec<_> = (0..3)
            .map(|number| {
                let emitter = emitter.clone();
                node.task(async move { emitter.ask(Emit(number)).await }).expect("it runs")
            })
            .collect();
        eventually("three steps are held", || lock(&shelf.0).len() == 3);
        assert_eq!(shared.log(), ["made p"], "nobody has heard of them");
        assert!(node.metrics().contains("nexus_alarms 3\n"), "three asks, no timer");
        let mut held = shelf.take();
        assert!(held.iter().all(|output| output.name() == "emitter/e" && output.outbox.len() == 3));
        // The second step comes to nothing: its disk failed, say.
        drop(held.remove(1));
        for output in held {
            output.outbox.release();
        }
        let answers: Vec<_> =
            asks.into_iter().map(|ask| node.block_on(ask).expect("it does not panic")).collect();
        let lost = Err(AskError::Stopped { changed: Changed::Unknown });
        let lost_at = answers.iter().position(|answer| *answer == lost).expect("one is lost");
        eventually("two timers have rung", || lock(&shelf.0).len() == 2);
        for output in shelf.take() {
            output.outbox.release();
        }
        eventually("the timers' tells are handled", || shared.lines("later ").len() == 2);
        let told: Vec<String> = (0..3).filter(|n| *n != lost_at).map(|n| n.to_string()).collect();
        let mut seen = shared.lines("told ");
        seen.sort_unstable();
        assert_eq!(seen, told);
        assert_balanced(&node, "emitter");
    });
}

/// Notes deliveries, and checks that it is asked by one thread at a time.
#[derive(Default)]
struct Recorder {
    deliveries: Mutex<Vec<Delivery>>,
    resumed: Mutex<Vec<(AgentId, Time)>>,
}

impl DeliveryHook for Recorder {
    fn delivered(&self, delivery: Delivery) {
        lock(&self.deliveries).push(delivery);
    }

    fn resumed(&self, id: AgentId, now: Time) {
        lock(&self.resumed).push((id, now));
    }
}

#[test]
fn the_hook_sees_what_enters_an_agent() {
    test(|| {
        let node = start(2);
        let (shared, recorder) = (Arc::new(Shared::default()), Arc::new(Recorder::default()));
        let spec = probe_kind(&shared).hook(recorder.clone());
        node.register(spec).expect("nobody else has the kind");
        let probe = probe(&node, "p");
        node.block_on(probe.ask(Echo(300))).expect("it runs");
        node.block_on(probe.tell(note("text"))).expect("there is room");
        let asker = probe.clone();
        assert_eq!(node.run(async move { asker.ask(Nap(2)).await }), Ok(2));
        let deliveries = lock(&recorder.deliveries).clone();
        let seen: Vec<_> = deliveries
            .iter()
            .map(|delivery| (&*delivery.name, delivery.message, delivery.bytes.clone()))
            .collect();
        let expected = [
            ("probe/p", "Echo", encode(&Echo(300))),
            ("probe/p", "Note", encode(&Note("text".to_owned()))),
            ("probe/p", "Nap", encode(&Nap(2))),
        ];
        assert_eq!(seen, expected);
        assert_eq!(node.counts()["probe"].in_place, 0, "what is recorded does not run in place");
        let resumed = lock(&recorder.resumed).clone();
        assert!(!resumed.is_empty(), "the nap was interrupted");
        let woken = resumed.last().expect("it is not empty");
        assert_eq!(woken.0, probe.id());
        assert!(woken.1.since(deliveries[2].now) >= ms(2));
    });
}
