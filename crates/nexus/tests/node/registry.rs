//! Finding and listing agents while they come and go.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus::{Handle, Listing, Metadata, Node, SupervisorSpec};

use crate::support::{Echoer, Probe, eventually, probe, probes, start, test};

/// All pages of `limit`, put together.
fn pages(node: &Node, kind: Option<&str>, limit: usize) -> Vec<Listing> {
    let mut all: Vec<Listing> = Vec::new();
    loop {
        let page = node.list(kind, all.last().map(|last| last.id), limit);
        assert!(page.len() <= limit);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[test]
fn pages_put_together_are_the_whole_list() {
    test(|| {
        let node = start(1);
        probes(&node);
        for number in 0..500 {
            probe(&node, &number.to_string());
            node.spawn::<Echoer>(&number.to_string()).expect("the key is free");
        }
        for limit in [1, 7, 100, 10_000] {
            let all = pages(&node, None, limit);
            assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "by rising id");
            assert_eq!(all.len(), 1_000);
            let probes = pages(&node, Some("probe"), limit);
            assert!(probes.iter().all(|listing| listing.kind == "probe"));
            let keys: BTreeSet<&str> = probes.iter().map(|listing| &*listing.key).collect();
            assert_eq!((probes.len(), keys.len()), (500, 500));
        }
        assert_eq!(node.list(None, None, 0), []);
        assert_eq!(node.list(Some("unheard-of"), None, 10), []);
        assert_eq!(node.system().agent_count(), 1_000);
    });
}

#[test]
fn pages_hold_all_who_stay_while_others_come_and_go() {
    test(|| {
        let node = start(2);
        probes(&node);
        for number in 0..300 {
            probe(&node, &format!("stays-{number}"));
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (node, done) = (&node, &done);
                scope.spawn(move || {
                    let mut number = 0;
                    while !done.load(Ordering::Relaxed) {
                        number += 1;
                        let handle = probe(node, &format!("goes-{thread}-{number}"));
                        handle.stop();
                        eventually("it is gone", || !handle.is_running());
                    }
                });
            }
            for _ in 0..100 {
                let all = pages(&node, Some("probe"), 50);
                let ids: BTreeSet<_> = all.iter().map(|listing| listing.id).collect();
                assert_eq!(ids.len(), all.len(), "nobody is listed twice");
                let stay = all.iter().filter(|listing| listing.key.starts_with("stays-"));
                assert_eq!(stay.count(), 300, "nobody who stays is missing");
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn metadata_is_listed_and_goes_with_its_agent() {
    test(|| {
        let node = start(1);
        probes(&node);
        let handle = probe(&node, "p");
        let metadata = |team: &str| Metadata::from([("team".to_owned(), team.to_owned())]);
        node.set_metadata(&handle, metadata("blue"));
        node.set_metadata(&handle, metadata("red"));
        assert_eq!(node.list(None, None, 1)[0].metadata, Some(metadata("red")));
        handle.stop();
        eventually("it is gone", || !handle.is_running());
        node.set_metadata(&handle, metadata("green"));
        let next = probe(&node, "p");
        assert_eq!(node.system().metadata(&next), None);
        assert_eq!(node.list(None, None, 1)[0].metadata, None);
    });
}

#[test]
fn one_of_many_that_spawn_the_same_name_wins() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        for round in 0..100 {
            let key = round.to_string();
            let spawned: Vec<Option<Handle<Probe>>> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..3).map(|_| scope.spawn(|| node.spawn(&key).ok())).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            assert_eq!(spawned.iter().flatten().count(), 1);
        }
        let made = shared.lines("made ").len();
        let dropped = shared.lines("dropped ").len();
        assert_eq!(made - dropped, 100, "the states of the others are dropped");
    });
}

#[test]
fn the_list_tells_what_agents_are_doing() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let handle = probe(&node, "p");
        let phase = || node.list(None, None, 1)[0].phase;
        assert_eq!(phase(), "idle");
        handle.try_tell(crate::support::Never).expect("there is room");
        handle.try_tell(crate::support::note("waits")).expect("there is room");
        shared.wait_for("never p");
        eventually("it is suspended", || phase() == "suspended");
        assert_eq!(node.list(None, None, 1)[0].mailbox_len, 1);
        handle.kill();
    });
}

#[test]
fn the_next_of_a_name_keeps_what_it_was_given_while_the_last_one_leaves() {
    test(|| {
        let node = start(1);
        probes(&node);
        let shop = node.supervisor(None, SupervisorSpec::default()).expect("there is room");
        // Forgetting so much takes a while, in which the name may be free already.
        let much: Metadata = (0..50_000).map(|name| (name.to_string(), String::new())).collect();
        let little = Metadata::from([("team".to_owned(), "blue".to_owned())]);
        for _ in 0..10 {
            let last = node.spawn_under::<Probe>(shop, "p").expect("it is free");
            node.set_metadata(&last, much.clone());
            last.stop();
            eventually("the name is free", || node.find::<Probe>("p").is_none());
            let next = node.spawn_under::<Probe>(shop, "p").expect("nobody holds its place");
            node.set_metadata(&next, little.clone());
            // The worker is done with the last one when it comes to the next.
            next.try_tell(crate::support::note("here")).expect("there is room");
            eventually("the last one is gone", || node.counts()["probe"].queued() == 0);
            assert_eq!(node.system().metadata(&next), Some(little.clone()));
            assert!(node.system().remove_supervisor(shop).is_err(), "it has a child");
            next.stop();
            eventually("the name is free again", || node.find::<Probe>("p").is_none());
        }
    });
}
