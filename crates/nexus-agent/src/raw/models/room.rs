//! Room in the mailbox, eviction, and the end of an agent.

use super::*;

const ONE_PLACE: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(1);

/// The entries of the run queue: first of all those of the tasks, as they were made.
fn entries<const CANCEL: bool>(node: &Node<CANCEL>) -> Vec<Ready> {
    std::iter::from_fn(|| node.queue.pop()).collect()
}

#[test]
fn a_sender_that_waits_for_room_gets_it() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let telling = node.tell(2);
        let [agent, sender] = entries(&node).try_into().ok().unwrap();
        let runner = node.runner();
        let sending = spawn(move || runner.run(1, sender));
        node.runner().run(2, agent);
        sending.join().unwrap();
        node.runner().run_all(3);
        assert!(matches!(outcome(telling), Ok(Ok(()))));
        assert_eq!(node.notes.handled(), [1, 2]);
        node.end();
    });
}

/// Senders that find no room take a place for a moment all the same: nobody
/// may be refused for that moment and then forgotten.
#[test]
fn two_senders_that_wait_for_room_get_it() {
    check_wide(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let telling = [2, 3].map(|number| node.tell(number));
        let [agent, first, second] = entries(&node).try_into().ok().unwrap();
        let senders = [(1, first), (2, second)].map(|(shard, sender)| {
            let runner = node.runner();
            spawn(move || runner.run(shard, sender))
        });
        node.runner().run(3, agent);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        assert!(telling.map(outcome).iter().all(|told| matches!(told, Ok(Ok(())))));
        assert_eq!(node.notes.handled().len(), 3);
        node.end();
    });
}

/// A place that a sender was woken for and does not take is the next one's.
#[test]
fn a_sender_that_leaves_the_line_passes_its_turn_on() {
    check(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        let agent = node.queue.pop().unwrap();
        let (first, second) = (node.tell(2), node.tell(3));
        node.runner().run_all(3);
        let runner = node.runner();
        let leaving = spawn(move || {
            first.cancel();
            runner.run_next(1);
            first
        });
        node.runner().run(2, agent);
        let first = leaving.join().unwrap();
        node.runner().run_all(3);
        assert!(matches!(outcome(second), Ok(Ok(()))));
        assert!(node.notes.handled().contains(&3));
        drop(first);
        node.end();
    });
}

#[test]
fn senders_in_line_learn_of_the_end() {
    check_wide(|| {
        let node = Node::<false>::new(ONE_PLACE);
        node.agent.try_tell(Note(1)).unwrap();
        node.agent.kill();
        let (telling, asking) = (node.tell(2), node.ask(Note(3)));
        let [agent, teller, asker] = entries(&node).try_into().ok().unwrap();
        let senders = [(1, teller), (2, asker)].map(|(shard, sender)| {
            let runner = node.runner();
            spawn(move || runner.run(shard, sender))
        });
        node.runner().run(3, agent);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        assert!(!matches!(outcome(telling), Err(_)));
        assert!(answer(asking).is_err());
        let counts = node.end();
        assert_eq!((counts.accepted, counts.handled), (counts.dead, 0));
    });
}

// ---- eviction -----------------------------------------------------------------------------

const NEWEST_ONLY: MailboxSpec = MailboxSpec::overflow(Overflow::DropOldest).len_max(1);

#[test]
fn eviction_and_the_owner_share_the_ready_list() {
    check_wide(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
        let senders = [1, 2].map(|number| {
            let agent = node.agent.clone();
            spawn(move || agent.try_tell(Note(number)).unwrap())
        });
        node.runner().run_next(3);
        node.runner().run_next(3);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        node.runner().run_all(3);
        let handled = node.notes.handled().len() as u64;
        let counts = node.end();
        assert_eq!((counts.accepted, counts.handled), (2, handled));
        assert_eq!(counts.dropped, 2 - handled);
        assert_eq!(counts.crashed, 0);
    });
}

/// Whoever evicts moves others' messages on; an ask of theirs must not pass them.
#[test]
fn an_ask_never_overtakes_a_tell_that_was_moved_by_eviction() {
    check(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
        let agent = node.agent.clone();
        let sending = node.system.task(async move {
            agent.tell(Note(2)).await.unwrap();
            agent.ask(Note(3)).await
        });
        let other = node.agent.clone();
        let teller = spawn(move || other.try_tell(Note(1)).unwrap());
        node.runner().run_next(1);
        teller.join().unwrap();
        node.runner().run_all(3);
        let handled = node.notes.handled();
        let place = |number| handled.iter().position(|at| *at == number);
        if let (Some(told), Some(asked)) = (place(2), place(3)) {
            assert!(told < asked, "{handled:?}");
        }
        assert!(matches!(answer(sending.unwrap()), Ok(3) | Err(AskError::Shed)));
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn what_eviction_moves_at_the_end_is_buried() {
    check_wide(|| {
        let node = Node::<false>::new(NEWEST_ONLY);
        node.agent.kill();
        let agent = node.agent.clone();
        let sender = spawn(move || [1, 2].map(|number| agent.try_tell(Note(number)).is_ok()));
        node.runner().run_next(3);
        let told = sender.join().unwrap();
        let accepted = told.into_iter().filter(|told| *told).count() as u64;
        let counts = node.end();
        assert_eq!(counts.accepted, accepted);
        assert_eq!(counts.dead + counts.dropped, accepted, "{counts:?}");
    });
}

// ---- the end ----------------------------------------------------------------------------------

#[test]
fn the_last_reference_frees_a_closed_cell() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        node.agent.kill();
        let (agent, system) = (node.agent.clone(), node.system.clone());
        let finder = spawn(move || {
            drop(agent);
            drop(system.find::<Plain>("one"));
        });
        node.runner().run_next(2);
        finder.join().unwrap();
        node.end();
    });
}

#[test]
fn a_monitor_is_told_of_the_end_once() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        node.agent.kill();
        let told = Arc::new(AtomicU64::new(0));
        let (agent, telling) = (node.agent.clone(), told.clone());
        let monitor = spawn(move || {
            agent.on_down(move |_| {
                telling.fetch_add(1, StdOrdering::Relaxed);
            });
        });
        node.runner().run_next(2);
        monitor.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(told.load(StdOrdering::Relaxed), 1);
        node.end();
    });
}

/// At shutdown a queued agent is closed although a thread still has its entry.
fn closed_against(entry: fn(&Runner, Ready)) {
    check(move || {
        let node = Node::<false>::new(DEFAULT);
        node.agent.try_tell(Note(1)).unwrap();
        let (runner, ready) = (node.runner(), node.queue.pop().unwrap());
        let late = spawn(move || entry(&runner, ready));
        let stuck = node.system.close_all(&node.runner().worker(2)).stuck;
        late.join().unwrap();
        if !stuck.is_empty() {
            // It was running, and is its runner's.
            assert_eq!(node.notes.handled(), [1]);
            let cell = node.agent.cell().clone();
            assert!(node.system.close_all(&node.runner().worker(2)).stuck.is_empty());
            assert!(cell.is_closed());
        }
        assert!(node.queue.pop().is_none());
        let Node { system, agent, notes, .. } = node;
        drop(agent);
        assert_eq!(Arc::strong_count(&system), 1, "a cell is left in memory");
        assert_eq!(notes.dropped.load(StdOrdering::Relaxed), 1);
    });
}

#[test]
fn an_agent_closed_while_queued_is_not_run() {
    closed_against(|runner, ready| runner.run(1, ready));
}

#[test]
fn an_agent_closed_while_queued_is_freed_with_its_entry() {
    closed_against(|_, ready| drop(ready));
}
