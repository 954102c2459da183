//! Supervision, through the node.

use std::time::Duration;

use nexus::{
    AskError, EventName, Handle, Intensity, Node, NodeSpec, Strategy, SupervisorId, SupervisorSpec,
};

use crate::support::{
    Echo, Panic, Probe, Shared, assert_alive, assert_balanced, err, eventually, probe, probes,
    start, test,
};

fn crash(node: &Node, probe: &Handle<Probe>) {
    let error = err(node.block_on(probe.ask(Panic("oops".to_owned()))));
    assert!(matches!(error, AskError::Crashed(_)), "{error}");
}

fn supervisor(strategy: Strategy, restarts_max: u32) -> SupervisorSpec {
    let intensity = Intensity { restarts_max, within: Duration::from_secs(60) };
    SupervisorSpec { name: format!("{strategy:?}"), strategy, intensity }
}

/// A supervisor with three probes `a b c`.
fn family(node: &Node, parent: Option<SupervisorId>, spec: SupervisorSpec) -> Vec<Handle<Probe>> {
    let supervisor = node.supervisor(parent, spec).expect("the parent is there");
    let spawn = |key: &&str| node.spawn_under(supervisor, key).expect("the key is free");
    ["a", "b", "c"].iter().map(spawn).collect()
}

/// Crashes `b`; the epochs of `a b c` must become `expected`.
#[track_caller]
fn check(strategy: Strategy, expected: [u32; 3]) {
    test(move || {
        let node = start(2);
        probes(&node);
        let family = family(&node, None, supervisor(strategy, 5));
        crash(&node, &family[1]);
        let epochs = || family.iter().map(Handle::epoch).collect::<Vec<_>>();
        eventually(&format!("{strategy:?} is done"), || epochs() == expected);
        for probe in &family {
            assert_eq!(node.block_on(probe.ask(Echo(1))), Ok(1));
        }
        assert_eq!(epochs(), expected);
        assert_balanced(&node, "probe");
    });
}

#[test]
fn one_for_one_restarts_the_one_that_crashed() {
    check(Strategy::OneForOne, [0, 1, 0]);
}

#[test]
fn one_for_all_restarts_all() {
    check(Strategy::OneForAll, [1, 1, 1]);
}

#[test]
fn rest_for_one_restarts_those_that_started_later() {
    check(Strategy::RestForOne, [0, 1, 1]);
}

fn has_event(node: &Node, name: EventName, detail: &str) -> bool {
    node.events().iter().any(|event| event.name == name && event.detail.contains(detail))
}

#[test]
fn an_agent_without_a_supervisor_is_given_up_after_three_restarts() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let [lone, other] = ["lone", "other"].map(|key| probe(&node, key));
        for _ in 0..3 {
            crash(&node, &lone);
            assert_eq!(node.block_on(lone.ask(Echo(1))), Ok(1));
        }
        crash(&node, &lone);
        eventually("it is given up", || !lone.is_running());
        assert_eq!(node.block_on(lone.ask(Echo(1))), Err(AskError::NotRunning));
        assert!(has_event(&node, EventName::SupervisorGaveUp, "restarted too often"));
        assert_eq!(node.block_on(other.ask(Echo(1))), Ok(1), "the others are not concerned");
        let stopping = shared.lines("stopping ");
        assert_eq!(stopping, [""; 0], "a crashed state is not asked to stop");
        let counts = node.counts()["probe"];
        assert_eq!((counts.crashed, counts.restarted, counts.agents()), (4, 3, 1));
    });
}

#[test]
fn a_supervisor_that_restarts_too_often_hands_over_to_the_one_above() {
    test(|| {
        let node = start(2);
        probes(&node);
        let above = node.supervisor(None, supervisor(Strategy::OneForAll, 5)).expect("the root");
        let aunt: Handle<Probe> = node.spawn_under(above, "aunt").expect("the key is free");
        let family = family(&node, Some(above), supervisor(Strategy::OneForOne, 1));
        crash(&node, &family[0]);
        eventually("it is restarted alone", || family[0].epoch() == 1);
        assert_eq!((family[1].epoch(), aunt.epoch()), (0, 0));
        crash(&node, &family[0]);
        eventually("all under the one above are restarted", || {
            (aunt.epoch(), family[1].epoch(), family[2].epoch()) == (1, 1, 1)
        });
        assert!(has_event(&node, EventName::SupervisorEscalated, "from supervisor"));
        for probe in family.iter().chain([&aunt]) {
            assert_eq!(node.block_on(probe.ask(Echo(1))), Ok(1));
        }
    });
}

#[test]
fn a_root_that_gives_up_stops_what_is_under_it_and_no_more() {
    test(|| {
        let node = start(2);
        let shared: std::sync::Arc<Shared> = probes(&node);
        let lone = probe(&node, "lone");
        let family = family(&node, None, supervisor(Strategy::OneForOne, 0));
        // The root allows three; each crash here goes straight up to it.
        for _ in 0..4 {
            crash(&node, &family[0]);
        }
        eventually("all are stopped", || family.iter().all(|probe| !probe.is_running()));
        let gave_up = "the node's supervisor root restarted too often: it stopped the 3 agents";
        assert!(has_event(&node, EventName::SupervisorGaveUp, gave_up));
        shared.wait_for("stopping b: stopped by its supervisor");
        let later = node.supervisor(None, supervisor(Strategy::OneForOne, 0)).expect("the root");
        let later: Handle<Probe> = node.spawn_under(later, "later").expect("the key is free");
        crash(&node, &later);
        assert_eq!(node.block_on(later.ask(Echo(1))), Ok(1), "it is restarted");
        let again: Handle<Probe> = node.spawn("a").expect("the key is free again");
        assert_eq!(node.block_on(again.ask(Echo(1))), Ok(1));
        assert_eq!(node.block_on(lone.ask(Echo(1))), Ok(1));
        assert_alive(&node);
    });
}

#[test]
fn a_node_may_be_supervised_in_another_way() {
    test(|| {
        let once = Intensity { restarts_max: 1, within: Duration::from_secs(60) };
        let root = supervisor(Strategy::OneForAll, 2);
        let spec = NodeSpec::new().workers(1).supervision(root).lone_restarts(once);
        let node = spec.start().expect("one worker is fine");
        probes(&node);
        let lone = probe(&node, "lone");
        let [a, b]: [Handle<Probe>; 2] = ["a", "b"]
            .map(|key| node.spawn_under(SupervisorId::ROOT, key).expect("the key is free"));
        crash(&node, &lone);
        assert_eq!(node.block_on(lone.ask(Echo(1))), Ok(1));
        crash(&node, &lone);
        eventually("one restart was allowed", || !lone.is_running());
        for epoch in [1, 2] {
            crash(&node, &a);
            eventually("one for all", || (a.epoch(), b.epoch()) == (epoch, epoch));
        }
        crash(&node, &a);
        eventually("two restarts were allowed", || !a.is_running() && !b.is_running());
        let gave_up = "the node's supervisor OneForAll restarted too often";
        assert!(has_event(&node, EventName::SupervisorGaveUp, gave_up));
    });
}

#[test]
fn a_supervisor_can_be_taken_away_when_it_is_empty() {
    test(|| {
        let node = start(1);
        probes(&node);
        let supervisor = node.supervisor(None, SupervisorSpec::default()).expect("the root");
        let probe: Handle<Probe> = node.spawn_under(supervisor, "p").expect("the key is free");
        let system = node.system();
        assert!(system.remove_supervisor(supervisor).is_err(), "it has a child");
        probe.stop();
        eventually("its child is gone", || system.remove_supervisor(supervisor).is_ok());
        assert!(node.spawn_under::<Probe>(supervisor, "q").is_err());
    });
}
