//! Cycles: asks that would wait for each other are refused with the way round.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nexus::{
    Agent, AskError, Changed, Context, CyclePath, ErrorCode, Handle, Handler, MailboxSpec, Message,
    Overflow,
};
use nexus_sim::{World, check, seeds};

struct Friend;

impl Agent for Friend {
    const KIND: &'static str = "friend";
    fn new(_: &str) -> Friend {
        Friend
    }
}

/// Ask the first of these to ask the others in turn; whether the way was free.
#[derive(Message)]
#[message(reply = Result<(), String>)]
struct Along(Vec<String>, Duration);

impl Handler<Along> for Friend {
    async fn handle(
        &mut self,
        Along(mut names, pause): Along,
        cx: &mut Context<Self>,
    ) -> Result<(), String> {
        if names.is_empty() {
            return Ok(());
        }
        cx.sleep(pause).await;
        let next = cx.find::<Friend>(&names.remove(0)).expect("spawned by the scenario");
        match next.ask(Along(names, pause)).await {
            Ok(answer) => answer,
            Err(AskError::Cycle { path: CyclePath(path), .. }) => {
                assert_eq!(path.first(), path.last(), "a way round: {path:?}");
                Err(path.join(" "))
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn friends(world: &World, names: &str) -> Vec<Handle<Friend>> {
    names.split(' ').map(|name| world.spawn(name)).collect()
}

fn along(names: &str) -> Along {
    Along(names.split(' ').map(str::to_owned).collect(), Duration::ZERO)
}

#[test]
fn an_agent_that_asks_itself_is_told() {
    check(seeds(20), |world| {
        let friend = &friends(world, "a")[0];
        let path = "friend/a friend/a".to_owned();
        assert_eq!(world.ask(friend, along("a")), Ok(Err(path)));
        assert_eq!(world.now().as_nanos(), 0);
    });
}

#[test]
fn a_cycle_in_one_chain_is_told_with_the_whole_way() {
    check(seeds(40), |world| {
        let friends = friends(world, "a b c d");
        let path = "friend/b friend/c friend/d friend/b".to_owned();
        assert_eq!(world.ask(&friends[0], along("b c d b")), Ok(Err(path)));
        let (way_out, no_cycle) = (along("b c d"), Ok(Ok(())));
        assert_eq!(world.ask(&friends[0], way_out), no_cycle, "and all are free again");
        assert_eq!(world.now().as_nanos(), 0);
    });
}

#[test]
fn a_chain_survives_being_suspended() {
    check(seeds(40), |world| {
        let friends = friends(world, "a b c");
        let Along(names, _) = along("b c a");
        let path = "friend/a friend/b friend/c friend/a".to_owned();
        let slowly = Along(names, Duration::from_secs(1));
        assert_eq!(world.ask(&friends[0], slowly), Ok(Err(path)));
        assert_eq!(world.now().as_secs_f64(), 3.0);
    });
}

/// `count` chains start at once, each at one friend and on to the next, so that
/// the last to ask closes a cycle of which no chain sees more than a part.
fn crossing_chains(world: &mut World, count: usize) {
    let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    let friends: Vec<_> = names.iter().map(|name| world.spawn::<Friend>(name)).collect();
    let chains: Vec<_> = (0..count)
        .map(|number| {
            let friend = friends[number].clone();
            let next = names[(number + 1) % count].clone();
            let along = Along(vec![next], Duration::from_secs(1));
            world.task(async move { friend.ask(along).await }).expect("the node takes work")
        })
        .collect();
    let answers: Vec<_> = chains.into_iter().map(|chain| world.block_on(chain)).collect();
    let told = answers.iter().filter(|answer| matches!(answer, Ok(Ok(Err(_))))).count();
    assert!(told >= 1, "nobody was told of the cycle: {answers:?}");
    assert!(told < count, "one is enough: {answers:?}");
    assert_eq!(world.now().as_secs_f64(), 1.0, "found at once, not by a deadline");
    for answer in answers.into_iter().flatten().flatten() {
        if let Err(path) = answer {
            assert_eq!(path.split(' ').count(), count + 1, "the whole way: {path}");
        }
    }
}

#[test]
fn a_cycle_across_two_chains_is_found() {
    check(seeds(60), |world| crossing_chains(world, 2));
}

#[test]
fn a_cycle_across_three_chains_is_found() {
    check(seeds(60), |world| crossing_chains(world, 3));
}

#[test]
fn a_cycle_across_nine_chains_is_found() {
    check(seeds(20), |world| crossing_chains(world, 9));
}

#[test]
fn nothing_changed_where_the_handler_did_not_start() {
    check(seeds(20), |world| {
        let friend = friends(world, "a")[0].clone();
        let error = AskError::Cycle { path: CyclePath(Vec::new()), changed: Changed::No };
        assert_eq!(error.changed(), Changed::No);
        assert!(world.ask(&friend, along("a")).is_ok_and(|told| told.is_err()));
        let counts = world.system().counts()["friend"];
        assert_eq!((counts.accepted, counts.handled), (1, 1), "it was refused at once");
    });
}

/// A place with room for one, where others wait in line.
struct Booth;

impl Agent for Booth {
    const KIND: &'static str = "booth";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(1);
    fn new(_: &str) -> Booth {
        Booth
    }
}

/// After a second, asks the friend.
#[derive(Message)]
#[message(reply = Result<(), String>)]
struct AskFriend;

impl Handler<AskFriend> for Booth {
    async fn handle(&mut self, _: AskFriend, cx: &mut Context<Self>) -> Result<(), String> {
        cx.sleep(Duration::from_secs(1)).await;
        let friend = cx.find::<Friend>("a").expect("spawned by the scenario");
        let asked = friend.ask(Along(Vec::new(), Duration::ZERO)).await;
        asked.map(|_| ()).map_err(|error| error.to_string())
    }
}

#[derive(Message)]
#[message(reply = Result<(), String>)]
struct AskBooth;

impl Handler<AskBooth> for Friend {
    async fn handle(&mut self, _: AskBooth, cx: &mut Context<Self>) -> Result<(), String> {
        let booth = cx.find::<Booth>("b").expect("spawned by the scenario");
        booth.ask(AskFriend).queued().await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

#[test]
fn a_cycle_through_a_place_in_line_is_found() {
    check(seeds(40), |world| {
        let friend = friends(world, "a").remove(0);
        let booth = world.spawn::<Booth>("b");
        // One is handled, one takes the only place.
        let first = booth.clone();
        let first = world.task(async move { first.ask(AskFriend).await });
        world.run_for(Duration::from_millis(1));
        booth.try_tell(AskFriend).expect("there is room");
        let asking = world.task(async move { friend.ask(AskBooth).await });
        let first = world.block_on(first.expect("the node takes work"));
        let cycle = "asking would wait for itself: booth/b -> friend/a -> booth/b; nothing changed";
        assert_eq!(first, Ok(Ok(Err(cycle.to_owned()))));
        assert_eq!(world.now().as_secs_f64(), 1.0, "found at once, not by a deadline");
        drop(asking);
    });
}

/// Asks the friend of that name and does not wait for the answer.
#[derive(Message)]
struct AskAndGo(String);

impl Handler<AskAndGo> for Friend {
    async fn handle(&mut self, AskAndGo(name): AskAndGo, cx: &mut Context<Self>) {
        let other = cx.find::<Friend>(&name).expect("spawned by the scenario");
        let me = vec![cx.key().to_owned()];
        let mut ask = pin!(other.ask(Along(me, Duration::from_secs(1))));
        poll_fn(|poller| {
            assert!(ask.as_mut().poll(poller).is_pending(), "it takes a second");
            Poll::Ready(())
        })
        .await;
        // The other has started meanwhile, and is not done.
        cx.sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn who_has_stopped_waiting_is_on_no_cycle() {
    check(seeds(40), |world| {
        let friends = friends(world, "a b");
        world.ask(&friends[0], AskAndGo("b".to_owned())).expect("it runs");
        world.run_until_idle();
        let counts = world.system().counts()["friend"];
        assert_eq!(counts.handled, 3, "b was free to ask a: {counts:?}");
        let cycles = world.system().error_counts();
        let cycles = cycles.iter().find(|(code, _)| *code == ErrorCode::Cycle);
        assert_eq!(cycles.map(|(_, count)| *count).unwrap_or_default(), 0);
    });
}
