//! Overflow: what a full mailbox does with one more message, and that it is counted.

use std::time::Duration;

use nexus::{
    Agent, AskError, Context, ErrorCode, Handle, Handler, KindSpec, MailboxSpec, Message, Overflow,
    TellError,
};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

/// How long the first message keeps the agent from the others.
const BUSY: Duration = Duration::from_secs(1);

struct Desk(Log);

impl Agent for Desk {
    const KIND: &'static str = "desk";
    fn new(_: &str) -> Desk {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Busy;

impl Handler<Busy> for Desk {
    async fn handle(&mut self, _: Busy, cx: &mut Context<Self>) {
        cx.sleep(BUSY).await;
    }
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Paper(u8);

impl nexus::Wire for Paper {
    const ID: nexus::WireId = nexus::WireId::named("test.paper");
}

impl Message for Paper {
    type Reply = u8;
    const NAME: &'static str = "Paper";
    /// Odd ones matter more.
    fn priority(&self) -> u8 {
        self.0 % 2
    }
}

impl Handler<Paper> for Desk {
    async fn handle(&mut self, Paper(number): Paper, _: &mut Context<Self>) -> u8 {
        self.0.push(number.to_string());
        number
    }
}

/// A desk with room for three, whose agent is busy.
fn busy_desk(world: &mut World, overflow: Overflow) -> (Handle<Desk>, Log) {
    let log = Log::default();
    let of_desk = log.clone();
    let mailbox = MailboxSpec::overflow(overflow).len_max(3);
    world.register(KindSpec::from_fn(move |_| Desk(of_desk.clone())).mailbox(mailbox));
    let desk = world.spawn::<Desk>("one");
    world.tell(&desk, Busy).expect("there is room");
    world.run_for(Duration::from_millis(1));
    (desk, log)
}

/// Papers 1 to 6 come; which are `handled`, how many are dropped and refused.
fn check_policy(overflow: Overflow, handled: &'static str, dropped: u64, refused: u64) {
    check(seeds(10), move |world| {
        let (desk, log) = busy_desk(world, overflow);
        for number in 1..=6 {
            match desk.try_tell(Paper(number)) {
                Ok(()) => {}
                Err(TellError::MailboxFull { message, len_max: 3 }) => {
                    assert_eq!(message.0, number, "the message comes back");
                }
                Err(other) => panic!("{other}"),
            }
            world.check_books();
        }
        world.run_until_idle();
        assert_eq!(log.take(), handled);
        let counts = world.system().counts()["desk"];
        assert_eq!((counts.dropped, counts.refused), (dropped, refused));
        assert_eq!(counts.accepted, counts.handled + counts.dropped);
    });
}

#[test]
fn refuse_gives_it_back() {
    check_policy(Overflow::Refuse, "1 2 3", 0, 3);
}

#[test]
fn wait_gives_it_back_to_those_who_cannot() {
    check_policy(Overflow::Wait, "1 2 3", 0, 3);
}

#[test]
fn drop_oldest_keeps_the_latest() {
    check_policy(Overflow::DropOldest, "4 5 6", 3, 0);
}

#[test]
fn drop_newest_keeps_the_first() {
    check_policy(Overflow::DropNewest, "1 2 3", 3, 0);
}

#[test]
fn shed_lowest_keeps_what_matters() {
    check_policy(Overflow::ShedLowest, "1 3 5", 3, 0);
}

#[test]
fn wait_has_the_sender_wait() {
    check(seeds(10), |world| {
        let (desk, log) = busy_desk(world, Overflow::Wait);
        for number in 1..=6 {
            let before = world.now();
            world.tell(&desk, Paper(number)).expect("it waits");
            assert_eq!(number > 3 && before < world.now(), number == 4, "only the fourth waits");
        }
        world.run_until_idle();
        assert_eq!(log.take(), "1 2 3 4 5 6");
        assert_eq!(world.system().counts()["desk"].refused, 0);
    });
}

#[test]
fn whoever_asked_learns_that_it_was_shed() {
    check(seeds(10), |world| {
        let (desk, log) = busy_desk(world, Overflow::DropOldest);
        let ask = world.task({
            let desk = desk.clone();
            async move { desk.ask(Paper(1)).await }
        });
        let ask = ask.expect("the node takes work");
        world.run_for(Duration::from_millis(1));
        for number in 2..=4 {
            desk.try_tell(Paper(number)).expect("it drops another");
        }
        assert_eq!(world.block_on(ask), Ok(Err(AskError::Shed)));
        world.run_until_idle();
        assert_eq!(log.take(), "2 3 4");
    });
}

#[test]
fn whoever_asks_a_full_mailbox_is_refused() {
    check(seeds(10), |world| {
        let (desk, _) = busy_desk(world, Overflow::Refuse);
        (1..=3).for_each(|number| desk.try_tell(Paper(number)).expect("there is room"));
        assert_eq!(world.ask(&desk, Paper(4)), Err(AskError::MailboxFull { len_max: 3 }));
        assert_eq!(world.system().counts()["desk"].refused, 1);
    });
}

/// Takes one message and never comes back to the next.
struct Hung;

impl Agent for Hung {
    const KIND: &'static str = "hung";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(1);
    const DEADLINE: Duration = Duration::from_secs(3);
    fn new(_: &str) -> Hung {
        Hung
    }
}

impl Handler<Paper> for Hung {
    async fn handle(&mut self, _: Paper, cx: &mut Context<Self>) -> u8 {
        cx.sleep(Duration::from_secs(1_000)).await;
        0
    }
}

/// What becomes of a tell to an agent that hangs, and how long that takes.
fn check_wait(within: Option<Duration>, expected: Duration) {
    check(seeds(10), move |world| {
        let hung = world.spawn::<Hung>("one");
        world.tell(&hung, Paper(1)).expect("there is room");
        world.run_for(Duration::from_millis(1));
        hung.try_tell(Paper(2)).expect("there is room");
        let before = world.now();
        let telling = async move {
            let tell = hung.tell(Paper(3));
            let told = match within {
                Some(limit) => tell.within(limit).await,
                None => tell.await,
            };
            told.map_err(|error| (error.code(), error.into_message().0))
        };
        let telling = world.task(telling).expect("the node takes work");
        let told = world.block_on(telling);
        assert_eq!(told, Ok(Err((ErrorCode::Deadline, 3))), "the message comes back");
        assert_eq!(world.now().since(before), expected);
        let counts = world.system().counts()["hung"];
        assert_eq!((counts.accepted, counts.refused), (2, 1));
        let errors = world.system().error_counts();
        assert!(errors.contains(&(ErrorCode::Deadline, 1)), "{errors:?}");
    });
}

#[test]
fn wait_ends_with_the_kinds_deadline() {
    check_wait(None, Hung::DEADLINE);
}

#[test]
fn wait_ends_with_the_senders_own_deadline() {
    check_wait(Some(Duration::from_secs(1)), Duration::from_secs(1));
    check_wait(Some(Duration::ZERO), Duration::ZERO);
}

/// Sends another of its kind when it goes, while there are any left.
#[derive(serde::Serialize, serde::Deserialize)]
struct Hydra {
    #[serde(skip)]
    desk: Option<Handle<Desk>>,
    left: u32,
}

impl nexus::Wire for Hydra {
    const ID: nexus::WireId = nexus::WireId::named("test.hydra");
}

impl Message for Hydra {
    type Reply = ();
    const NAME: &'static str = "Hydra";
}

impl Drop for Hydra {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take().filter(|_| self.left > 0) {
            let next = Hydra { desk: Some(desk.clone()), left: self.left - 1 };
            if let Err(error) = desk.try_tell(next) {
                error.into_message().desk = None;
            }
        }
    }
}

impl Handler<Hydra> for Desk {
    async fn handle(&mut self, _: Hydra, _: &mut Context<Self>) {
        unreachable!("the agent ends before it comes to it");
    }
}

#[test]
fn an_agent_that_ends_takes_nothing_more() {
    for overflow in [Overflow::Refuse, Overflow::DropOldest] {
        check(seeds(10), move |world| {
            let (desk, _) = busy_desk(world, overflow);
            desk.try_tell(Hydra { desk: Some(desk.clone()), left: 500 }).expect("there is room");
            desk.kill();
            world.run_until_idle();
            assert!(!desk.is_running());
            assert_eq!(world.system().counts()["desk"].dead, 1);
        });
    }
}
