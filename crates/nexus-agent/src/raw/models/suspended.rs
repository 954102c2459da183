//! Handlers that wait while others stop, restart, kill and wake their agent.

use super::*;

#[test]
fn a_handler_suspended_in_place_is_woken() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        let (gate, runner) = (node.gate.clone(), node.runner());
        let waker = spawn(move || {
            gate.open();
            runner.run_next(1);
        });
        node.runner().run_next(2);
        waker.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(answer(asking), Ok(1));
        assert_eq!(node.notes.handled(), [1, 101]);
        assert_eq!(node.end().crashed, 0);
    });
}

/// What a waker's thread has done is seen by the poll that follows, even if
/// somebody else has woken the agent already.
#[test]
fn a_waker_publishes_what_its_thread_has_done() {
    check(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let (first, second) = (node.gate.waker(), node.gate.waker());
        let spurious = spawn(move || first.wake());
        let gate = node.gate.clone();
        let opener = spawn(move || {
            gate.open.store(true, Ordering::Relaxed);
            second.wake();
        });
        node.runner().run_next(2);
        spurious.join().unwrap();
        opener.join().unwrap();
        node.runner().run_all(3);
        assert_eq!(answer(asking), Ok(1));
        node.end();
    });
}

/// A handler suspended in place and woken, against `control`.
fn suspended_against(control: Control) {
    check_wide(move || {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        let agent = node.agent.clone();
        let controller = spawn(move || agent.cell().post_control(control));
        let gate = node.gate.clone();
        let waker = spawn(move || gate.open());
        node.runner().run_next(2);
        controller.join().unwrap();
        waker.join().unwrap();
        node.runner().run_all(3);
        let answer = answer(asking);
        let handled = node.notes.handled();
        match control {
            Control::Kill => assert_eq!(handled.contains(&101), answer.is_ok(), "{answer:?}"),
            _ => assert!(answer.is_ok() == handled.contains(&101), "{answer:?}"),
        }
        if handled.contains(&1) && control != Control::Kill {
            assert_eq!(answer, Ok(1), "a {control:?} waits for the handler");
        }
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn a_stop_waits_for_a_suspended_handler() {
    suspended_against(Control::Stop);
}

#[test]
fn a_restart_waits_for_a_suspended_handler() {
    suspended_against(Control::Restart);
}

#[test]
fn a_kill_does_not_wait_for_a_suspended_handler() {
    suspended_against(Control::Kill);
}

/// An asker that gives up, against the end of the handler it waits for.
fn given_up<const CANCEL: bool>() {
    check_wide(|| {
        let node = Node::<CANCEL>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let runner = node.runner();
        let canceller = spawn(move || {
            asking.cancel();
            runner.run_next(1);
            asking
        });
        let gate = node.gate.clone();
        let waker = spawn(move || gate.open());
        node.runner().run_next(2);
        let asking = canceller.join().unwrap();
        waker.join().unwrap();
        node.runner().run_all(3);
        let handled = node.notes.handled();
        let finished = handled.contains(&101);
        assert!(finished || CANCEL, "only who opted in is dropped");
        assert_eq!(node.agent.cell().phase_name(), "idle");
        // The task was killed: whether it had its answer is a matter of time.
        drop(asking);
        assert_eq!(node.end().crashed, 0);
    });
}

#[test]
fn a_handler_whose_asker_gave_up_runs_to_its_end() {
    given_up::<false>();
}

#[test]
fn a_handler_whose_asker_gave_up_is_dropped_if_it_opted_in() {
    given_up::<true>();
}

/// Giving up must get through even though a stop, which waits for the handler, came first.
#[test]
fn giving_up_goes_before_a_stop() {
    check(|| {
        let node = Node::<true>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let agent = node.agent.clone();
        let stopper = spawn(move || agent.cell().post_control(Control::Stop));
        asking.cancel();
        for _ in 0..8 {
            node.runner().run_next(2);
        }
        stopper.join().unwrap();
        for _ in 0..8 {
            node.runner().run_next(3);
        }
        assert!(node.agent.cell().is_closed(), "the handler was polled without end");
        drop(asking);
        assert_eq!(node.end().handled, 1);
    });
}

/// A waker may be used and dropped whenever: it keeps the memory, not the agent.
#[test]
fn a_waker_outlives_its_agent() {
    check_wide(|| {
        let node = Node::<false>::new(DEFAULT);
        let asking = node.ask(Wait(1));
        node.runner().run_next(3);
        let waker = node.gate.waker();
        node.gate.waker.lock().unwrap().take();
        let waking = spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        let agent = node.agent.clone();
        let killer = spawn(move || agent.cell().post_control(Control::Kill));
        node.runner().run_next(2);
        waking.join().unwrap();
        killer.join().unwrap();
        node.runner().run_all(3);
        assert!(answer(asking).is_err());
        assert_eq!(node.end().stopped, 1);
    });
}
