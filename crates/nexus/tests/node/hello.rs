//! The first things anybody does.

use nexus::prelude::*;

use crate::support::{start, test};

struct Counter(u64);

impl Agent for Counter {
    const KIND: &'static str = "counter";

    fn new(_key: &str) -> Counter {
        Counter(0)
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Add(u64);

impl Handler<Add> for Counter {
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Counter>) -> u64 {
        self.0 += by;
        self.0
    }
}

#[test]
fn an_agent_answers_and_remembers() {
    test(|| {
        let node = start(2);
        let visits = node.spawn::<Counter>("visits").expect("the key is free");
        node.block_on(visits.tell(Add(1))).expect("there is room");
        assert_eq!(node.block_on(visits.ask(Add(2))), Ok(3));
        let found = node.find::<Counter>("visits").expect("it runs");
        assert_eq!(node.block_on(found.ask(Add(0))), Ok(3));
        assert_eq!(format!("{found:?}"), "Handle(counter/visits)");
    });
}

#[test]
fn a_recipient_hides_what_kind_of_agent_it_is() {
    test(|| {
        let node = start(1);
        let recipient =
            node.spawn::<Counter>("visits").expect("the key is free").recipient::<Add>();
        assert_eq!(node.block_on(recipient.ask(Add(2))), Ok(2));
        assert_eq!(recipient.name(), "counter/visits");
    });
}

#[test]
fn asks_on_a_worker_are_answered_in_place() {
    test(|| {
        let node = start(1);
        let visits = node.spawn::<Counter>("visits").expect("the key is free");
        let last = node.run(async move {
            for _ in 0..99 {
                visits.ask(Add(1)).await.expect("it runs");
            }
            visits.ask(Add(1)).queued().await
        });
        assert_eq!(last, Ok(100));
        let counts = node.counts()["counter"];
        assert_eq!((counts.handled, counts.in_place), (100, 99));
    });
}

#[test]
fn ids_are_the_same_for_a_seed_and_differ_without() {
    test(|| {
        let id = |spec: nexus::NodeSpec| {
            let node = spec.workers(1).start().expect("one worker starts");
            node.spawn::<Counter>("visits").expect("the key is free").id()
        };
        let seeded = || nexus::NodeSpec::new().seed(7);
        assert_eq!(id(seeded()), id(seeded()));
        assert_ne!(id(nexus::NodeSpec::new()), id(nexus::NodeSpec::new()));
    });
}
