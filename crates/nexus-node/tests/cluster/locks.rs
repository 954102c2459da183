//! Locks of the cluster, as their users see them.

use std::time::Duration;

use nexus_agent::{Claim, Fence, LockError, LockReply, LockVerb, Tenure};

use nexus_node::LOCK_WITHIN_MAX;

use crate::holders::{Beat, Hold, Put, Resign, Tick, Ticks};
use crate::net::{LOCKS_MAX, Net};

const TTL: Duration = Duration::from_secs(3);

fn take_for(name: &str, claim: u128, ttl: Duration) -> LockVerb {
    LockVerb::Take { name: name.to_owned(), claim: Claim(claim), ttl }
}

fn take(claim: u128) -> LockVerb {
    take_for("x", claim, TTL)
}

fn renew(fence: Fence) -> LockVerb {
    LockVerb::Renew { name: "x".to_owned(), fence }
}

fn release(fence: Fence) -> LockVerb {
    LockVerb::Release { name: "x".to_owned(), fence }
}

fn look() -> LockVerb {
    LockVerb::Look { name: "x".to_owned() }
}

/// What was told to who holds a lock.
fn held(reply: LockReply) -> Tenure {
    reply.expect("it is answered").expect("it is held")
}

fn is_no_answer(reply: &LockReply) -> bool {
    matches!(reply, Err(LockError::Unknown | LockError::Unreachable))
}

fn running(nodes: usize) -> Net {
    let mut net = Net::new(nodes, 1);
    net.run_for(Duration::from_secs(3));
    net
}

#[test]
fn of_two_who_ask_one_has_it_and_then_the_other_with_a_higher_fence() {
    let mut net = running(3);
    let first = held(net.lock(0, take(1)));
    assert_eq!(net.lock(1, take(2)), Err(LockError::Held { fence: first.fence }));
    let seen = held(net.lock(2, look()));
    assert_eq!((seen.fence, seen.claim), (first.fence, Claim(1)));
    assert_eq!(net.lock(2, release(first.fence)), Ok(None));
    assert_eq!(net.lock(0, look()), Ok(None));
    let second = held(net.lock(1, take(2)));
    assert!(second.fence > first.fence);
    assert_eq!(
        net.lock(0, renew(first.fence)),
        Err(LockError::Lost { newest: Some(second.fence) })
    );
}

#[test]
fn asks_that_come_at_the_same_time_are_granted_to_one() {
    let mut net = running(3);
    let within = Duration::from_secs(5);
    let tickets: Vec<u64> =
        (0..30).map(|asker| net.begin_lock(asker % 3, take(asker as u128), within)).collect();
    net.run_for(Duration::from_secs(1));
    let replies = tickets.into_iter().map(|ticket| net.take_reply(ticket).expect("it has come"));
    let (granted, refused): (Vec<_>, Vec<_>) = replies.partition(Result::is_ok);
    assert_eq!((granted.len(), refused.len()), (1, 29));
    assert!(refused.iter().all(|reply| matches!(reply, Err(LockError::Held { .. }))));
}

#[test]
fn the_lock_of_a_node_that_died_is_free_after_its_lease_and_not_before() {
    let mut net = running(3);
    let holder = (net.steward() + 1) % 3;
    let other = (net.steward() + 2) % 3;
    let first = held(net.lock(holder, take(1)));
    net.kill(holder);
    let reply = loop {
        let asked = net.now();
        match net.lock(other, take(2)) {
            Err(LockError::Held { fence }) => assert_eq!(fence, first.fence),
            reply => break (reply, asked),
        }
        net.run_for(Duration::from_millis(50));
    };
    let (second, asked) = (held(reply.0), reply.1);
    assert!(second.fence > first.fence);
    assert!(net.now() >= first.until, "the holder was told that it has it until then");
    assert!(asked.since(first.until) < Duration::from_millis(300), "free at {asked}, late");
}

#[test]
fn a_refused_ask_whose_frame_comes_twice_takes_nothing_later() {
    let mut net = running(3);
    net.doubles_one_of = 1;
    let asker = (net.steward() + 1) % 3;
    for round in 1..6 {
        let first = held(net.lock(asker, take(round)));
        assert_eq!(net.lock(asker, take(round + 10)), Err(LockError::Held { fence: first.fence }));
        assert_eq!(net.lock(asker, release(first.fence)), Ok(None));
        // The second copies have come by then.
        net.run_for(Duration::from_secs(2));
        assert_eq!(net.lock(asker, look()), Ok(None));
    }
}

#[test]
fn a_lease_ends_however_often_another_leads() {
    let mut net = running(5);
    let first = held(net.lock(0, take_for("x", 1, TTL * 2)));
    let begin = net.now();
    for _ in 0..3 {
        net.run_for(Duration::from_secs(4));
        let steward = net.steward();
        net.kill(steward);
        net.run_for(Duration::from_secs(1));
        net.start(steward);
    }
    // Each change costs what nobody has written down, and the time without a leader.
    let second = held(net.lock(0, take(2)));
    assert!(second.fence > first.fence && net.now() > first.until);
    assert!(net.now().since(begin) < Duration::from_secs(16));
}

#[test]
fn who_renews_keeps_it_and_who_does_not_has_lost_it() {
    let mut net = running(3);
    let first = held(net.lock(0, take(1)));
    let mut until = first.until;
    for _ in 0..5 {
        net.run_for(Duration::from_secs(2));
        let renewed = held(net.lock(0, renew(first.fence)));
        assert_eq!((renewed.fence, renewed.claim), (first.fence, first.claim));
        assert!(renewed.until > until);
        until = renewed.until;
        assert!(net.lock(1, take(2)).is_err());
    }
    net.run_for(TTL * 2);
    assert_eq!(net.lock(0, renew(first.fence)), Err(LockError::Lost { newest: None }));
    assert_eq!(net.lock(0, release(first.fence)), Err(LockError::Lost { newest: None }));
}

#[test]
fn who_is_cut_off_loses_it_and_its_fence_is_refused() {
    let mut net = running(5);
    let old = (net.steward() + 1) % 5;
    let other = (net.steward() + 2) % 5;
    let first = held(net.lock(old, take(1)));
    assert_eq!(net.ask(old, "vault", "main", Put(first.fence, 1)), Ok(1));
    net.cut_off(old, true);
    assert!(is_no_answer(&net.lock(old, renew(first.fence))));
    assert!(net.now() > first.until, "by its own clock it holds it no more");
    // Nor does a minority give locks.
    assert!(is_no_answer(&net.lock(old, take_for("y", 1, TTL))));
    let second = held(net.lock(other, take(2)));
    assert!(second.fence > first.fence);
    assert_eq!(net.ask(other, "vault", "main", Put(second.fence, 2)), Ok(2));
    net.cut_off(old, false);
    net.run_for(Duration::from_secs(2));
    assert_eq!(net.ask(old, "vault", "main", Put(first.fence, 3)), Ok(2), "refused as too old");
    let lost = net.lock(old, renew(first.fence));
    assert!(matches!(lost, Err(LockError::Lost { .. })), "{lost:?}");
}

#[test]
fn a_leader_that_is_cut_off_grants_nothing() {
    let mut net = running(3);
    let (old, other) = (net.steward(), (net.steward() + 1) % 3);
    net.cut_off(old, true);
    // It may not know yet that it is alone.
    let ticket = net.begin_lock(old, take(1), Duration::from_secs(10));
    net.run_for(Duration::from_secs(2));
    let second = held(net.lock(other, take(2)));
    net.run_for(Duration::from_secs(10));
    let reply = net.take_reply(ticket).expect("its deadline has passed");
    assert_eq!(reply, Err(LockError::Unknown));
    net.cut_off(old, false);
    net.run_for(Duration::from_secs(1));
    let third = held(net.lock(old, take(3)));
    assert!(third.fence > second.fence);
}

#[test]
fn what_is_held_outlives_the_leader_that_granted_it() {
    for seed in 1..5 {
        let mut net = running(3);
        net.reseed(seed);
        let old = net.steward();
        let (holder, other) = ((old + 1) % 3, (old + 2) % 3);
        let first = held(net.lock(holder, take(1)));
        net.run_for(Duration::from_millis(400 * seed));
        net.kill(old);
        let renewed = held(net.lock(holder, renew(first.fence)));
        assert_eq!(renewed.fence, first.fence);
        net.start(old);
        net.run_for(Duration::from_secs(1));
        net.kill(net.steward());
        net.run_for(Duration::from_secs(1));
        // The new leader has seen all that was committed, and ends nothing early.
        while net.now() < renewed.until {
            for node in [holder, other, old].into_iter().filter(|node| *node != old) {
                if net.is_up(node) {
                    let reply = net.lock(node, take(2));
                    let is_held = matches!(reply, Err(LockError::Held { .. }));
                    assert!(is_held || net.now() >= renewed.until, "{reply:?} at {}", net.now());
                }
            }
            net.run_for(Duration::from_millis(100));
        }
        net.run_for(TTL * 2);
        let second = held(net.lock(old, take(3)));
        assert!(second.fence > first.fence);
    }
}

#[test]
fn what_clocks_say_ends_no_lease_early() {
    for walls in [[0, 60, 120], [120, 60, 0]] {
        let mut net = running(3);
        net.set_walls(walls.map(Duration::from_secs).to_vec());
        (0..3).for_each(|node| net.kill(node));
        (0..3).for_each(|node| net.start(node));
        net.run_for(Duration::from_secs(3));
        let old = net.steward();
        let (holder, other) = ((old + 1) % 3, (old + 2) % 3);
        let first = held(net.lock(holder, take_for("x", 1, Duration::from_secs(20))));
        net.kill(old);
        net.run_for(Duration::from_secs(2));
        // Whatever it asks for brings the time of the new leader into the log.
        held(net.lock(other, take_for("y", 2, TTL)));
        let reply = net.lock(other, take(2));
        assert_eq!(reply, Err(LockError::Held { fence: first.fence }), "by {walls:?}");
    }
}

#[test]
fn a_lease_counts_from_when_it_was_asked_for_and_a_little_less() {
    let mut net = running(3);
    let holder = (net.steward() + 1) % 3;
    let asked = net.now();
    let first = held(net.lock(holder, take(1)));
    assert!(net.now() > asked);
    assert_eq!(first.until, asked.after(TTL * 99 / 100));
    net.run_for(Duration::from_secs(1));
    let asked = net.now();
    assert_eq!(held(net.lock(holder, renew(first.fence))).until, asked.after(TTL * 99 / 100));
}

#[test]
fn all_nodes_die_and_what_was_held_is_held() {
    let mut net = running(3);
    let first = held(net.lock(0, take_for("x", 1, Duration::from_secs(60))));
    (0..3).for_each(|node| net.kill(node));
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.lock(1, take(2)), Err(LockError::Held { fence: first.fence }));
    assert_eq!(held(net.lock(2, renew(first.fence))).fence, first.fence);
    assert_eq!(net.lock(0, release(first.fence)), Ok(None));
    assert!(held(net.lock(0, take(2))).fence > first.fence);
}

#[test]
fn an_ask_that_is_asked_again_comes_to_the_same() {
    let mut net = running(3);
    let first = held(net.lock(0, take(1)));
    net.run_for(Duration::from_secs(2));
    let again = held(net.lock(1, take(1)));
    assert_eq!((again.fence, again.claim), (first.fence, first.claim));
    assert!(again.until > first.until, "it is renewed");
    assert_eq!(net.lock(0, release(first.fence)), Ok(None));
    assert_eq!(net.lock(1, release(first.fence)), Ok(None));
    // What comes late does not take it again.
    assert_eq!(net.lock(2, take(1)), Err(LockError::Lost { newest: None }));
    assert_eq!(net.lock(2, look()), Ok(None));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut net = running(3);
    let is_refused = |reply| matches!(reply, Err(LockError::Refused { .. }));
    assert!(is_refused(net.lock(0, take_for("", 1, TTL))));
    assert!(is_refused(net.lock(0, take_for(&"x".repeat(257), 1, TTL))));
    assert!(is_refused(net.lock(0, take_for("x", 1, Duration::ZERO))));
    assert!(is_refused(net.lock(0, take_for("x", 1, Duration::MAX))));
    assert_eq!(net.lock(1, look()), Ok(None));
    for number in 0..LOCKS_MAX {
        held(net.lock(number % 3, take_for(&number.to_string(), 1, TTL)));
    }
    assert!(is_refused(net.lock(0, take(1))), "as many as there may be");
    net.run_for(TTL * 2);
    let last = held(net.lock(0, take_for(&"x".repeat(256), 1, TTL)));
    assert!(last.until > net.now());
}

#[test]
fn as_many_locks_may_be_held_as_the_first_leader_says_whatever_the_others_say() {
    let mut net = running(3);
    (0..3).for_each(|node| net.kill(node));
    net.locks_max = vec![2, 3, 4];
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    let most = net.steward() + 2;
    let long = Duration::from_secs(600);
    let mut number = 0;
    let mut take_next = |net: &mut Net, node| {
        number += 1;
        net.lock(node, take_for(&number.to_string(), number, long))
    };
    let is_refused = |reply| matches!(reply, Err(LockError::Refused { .. }));
    for node in 0..most {
        held(take_next(&mut net, node % 3));
    }
    assert!(is_refused(take_next(&mut net, 0)), "{most} are held");
    for _ in 0..3 {
        let old = net.steward();
        net.kill(old);
        net.run_for(Duration::from_secs(2));
        assert!(is_refused(take_next(&mut net, (old + 1) % 3)), "{most} are held");
        net.start(old);
        net.run_for(Duration::from_secs(2));
        assert!((0..3).all(|node| net.locks(node) == net.locks(0)), "all keep the same");
    }
    assert_eq!(net.locks(0).limits().locks_max, most);
}

#[test]
fn an_ask_that_is_tried_again_while_its_entry_is_written_is_one_entry() {
    let mut net = running(3);
    let asker = (net.steward() + 1) % 3;
    // Several tries.
    net.sync = Duration::from_millis(1_800);
    let asked = net.now();
    let first = held(net.lock(asker, take(1)));
    assert!(net.now().since(asked) > Duration::from_millis(1_700), "it is slow");
    assert_eq!(first.until, asked.after(TTL * 99 / 100), "it counts from the first try");
    net.sync = Duration::from_millis(2);
    let second = held(net.lock(asker, take_for("y", 2, TTL)));
    // Time may have gone on between them, by one entry; three tries more would be three.
    let entries = second.fence.index - first.fence.index;
    assert!(entries <= 2, "{entries} entries");
}

#[test]
fn an_ask_waits_no_longer_than_its_bound() {
    let mut net = running(3);
    net.cut_off(0, true);
    let ticket = net.begin_lock(0, take(1), Duration::MAX);
    net.run_for(LOCK_WITHIN_MAX - Duration::from_secs(1));
    assert_eq!(net.take_reply(ticket), None);
    net.run_for(Duration::from_secs(1));
    assert!(is_no_answer(&net.take_reply(ticket).expect("its time is over")));
}

#[test]
fn frames_lost_and_doubled_give_no_lock_to_two() {
    for seed in 1..9 {
        check_chaos(seed);
    }
}

/// Six claims at a time ask for one lock, hold it for a while, and let it go or not.
fn check_chaos(seed: u64) {
    let mut net = running(3);
    net.reseed(seed);
    (net.loses_one_of, net.doubles_one_of) = (6, 4);
    let (mut claim, mut asked, mut last) = (0, Vec::new(), None::<Tenure>);
    let mut grants = 0;
    for round in 0..200 {
        while asked.len() < 6 {
            claim += 1;
            let within = Duration::from_millis(700);
            let ttl = Duration::from_millis(800);
            asked.push(net.begin_lock(claim as usize % 3, take_for("x", claim, ttl), within));
        }
        if round % 40 == 20 {
            let steward = net.steward();
            net.kill(steward);
            net.run_for(Duration::from_secs(1));
            net.start(steward);
            // Who asked there is told nothing.
            asked.clear();
        }
        net.run_for(Duration::from_millis(60));
        for ticket in std::mem::take(&mut asked) {
            match net.take_reply(ticket) {
                None => asked.push(ticket),
                Some(Err(_)) => {}
                Some(Ok(tenure)) => {
                    let new = tenure.expect("it is held");
                    if let Some(old) = last {
                        assert!(new.fence > old.fence, "seed {seed}: {new:?} after {old:?}");
                        // Answers are looked at within a round of their coming.
                        assert!(net.now() >= old.until, "seed {seed}: {new:?} beside {old:?}");
                    }
                    (last, grants) = (Some(new), grants + 1);
                }
            }
        }
    }
    assert!(grants >= 4, "seed {seed}: only {grants} were granted");
}

#[test]
fn agents_take_renew_and_release_locks() {
    let mut net = running(3);
    let done = "Ok(7) true true Ok(())".to_owned();
    assert_eq!(net.ask(0, "holder", "a", Hold { seconds: 4, value: 7 }), Ok(done.clone()));
    assert_eq!(net.ask(1, "holder", "b", Hold { seconds: 0, value: 7 }), Ok(done));
    let name = "vault".to_owned();
    let claim = Claim(9);
    held(net.lock(2, LockVerb::Take { name, claim, ttl: Duration::from_secs(60) }));
    let words = net.ask(0, "holder", "a", Hold { seconds: 0, value: 8 }).expect("it answers");
    assert!(words.contains("somebody else holds the lock"), "{words}");
}

#[test]
fn of_those_who_campaign_one_leads_and_another_when_it_resigns_or_is_gone() {
    let mut net = running(3);
    let beat = |net: &mut Net, key: &str| net.ask(0, "planner", key, Beat).expect("it answers");
    let (word, first) = beat(&mut net, "a");
    assert_eq!(word, "won");
    assert_eq!(beat(&mut net, "b"), ("waits".to_owned(), None));
    net.run_for(Duration::from_secs(1));
    assert_eq!(beat(&mut net, "a"), ("leads".to_owned(), first));
    assert_eq!(net.ask(1, "planner", "a", Resign), Ok(true));
    let (word, second) = beat(&mut net, "b");
    assert_eq!(word, "won");
    assert!(second > first);
    assert_eq!(beat(&mut net, "a"), ("waits".to_owned(), None));
    // It does not beat for longer than its lease.
    net.run_for(Duration::from_secs(4));
    let (word, third) = beat(&mut net, "a");
    assert_eq!(word, "won");
    assert!(third > second);
    assert_eq!(beat(&mut net, "b"), ("lost".to_owned(), second));
    assert_eq!(beat(&mut net, "b"), ("waits".to_owned(), None));
}

#[test]
fn a_singleton_works_by_itself_wherever_its_shard_is_led() {
    let mut net = running(3);
    for _ in 0..3 {
        assert_eq!(net.ask(0, "ticker", "main", Tick), Ok(()));
    }
    let mut ticks = net.ask(0, "ticker", "main", Ticks).expect("it answers");
    for node in 0..3 {
        net.kill(node);
        net.run_for(Duration::from_secs(10));
        let other = (node + 1) % 3;
        let now = net.ask(other, "ticker", "main", Ticks).expect("it answers");
        assert!((now - ticks) >= 7 && now - ticks <= 11, "{ticks} and ten seconds later {now}");
        ticks = now;
        net.start(node);
        net.run_for(Duration::from_secs(2));
        ticks = net.ask(other, "ticker", "main", Ticks).expect("it answers").max(ticks);
    }
}
