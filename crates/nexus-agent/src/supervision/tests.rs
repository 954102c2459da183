use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use nexus_base::{AgentId, Time};
use proptest::prelude::{Just, ProptestConfig, prop, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use super::{
    Action, DEPTH_MAX, Intensity, LONE_CRASHED_MAX, LoneAgents, Strategy, SupervisionError,
    SupervisionTree, SupervisorId, SupervisorSpec,
};

/// A tree whose agents and supervisors have names, driven line by line:
///
/// ```text
/// parent > name strategy restarts_max/seconds     adds a supervisor
/// parent > a b c                                  adds agents
/// 1s crash a                                      any time in seconds
/// remove a
/// ```
struct Scene {
    tree: SupervisionTree,
    names: Vec<String>,
    output: String,
}

impl Scene {
    fn new(root: &str) -> Scene {
        let tree = SupervisionTree::new(spec("root", root), Intensity::default());
        Scene { tree, names: vec!["root".into()], output: String::new() }
    }

    fn run(&mut self, line: &str) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [parent, ">", name, strategy, intensity] if intensity.contains('/') => {
                let spec = spec(name, &format!("{strategy} {intensity}"));
                let id = self.tree.add_supervisor(self.id(parent), spec).expect("a good parent");
                assert_eq!(id.as_u32() as usize, self.names.len());
                self.names.push(name.into());
            }
            [parent, ">", ref agents @ ..] => {
                for &name in agents {
                    self.tree.add_child(self.id(parent), agent(name)).expect("a good parent");
                }
            }
            [time, "crash", name] => {
                let seconds: f64 = time.trim_end_matches('s').parse().expect("a time");
                let now = Time::ZERO.after(Duration::from_secs_f64(seconds));
                self.tree.handle_crash(now, agent(name));
                self.write_actions(time);
            }
            ["remove", name] => {
                self.tree.remove_child(agent(name));
            }
            _ => panic!("cannot read {line:?}"),
        }
    }

    /// One line for one crash.
    fn write_actions(&mut self, time: &str) {
        write!(self.output, "{time}").expect("strings take everything");
        while let Some(action) = self.tree.poll_effect() {
            let text = match action {
                Action::Restart(id) => format!("restart {}", name(id)),
                Action::Stop(id) => format!("stop {}", name(id)),
                Action::Escalated { from, to } => {
                    format!("{} escalates to {}", self.name(from), self.name(to))
                }
                Action::GaveUp { stopped } => {
                    format!("{} gives up on {stopped}", self.name(SupervisorId::ROOT))
                }
                Action::GaveUpOn(id) => format!("give up on {}", name(id)),
            };
            write!(self.output, " {text};").expect("strings take everything");
        }
        self.output.push('\n');
    }

    fn id(&self, name: &str) -> SupervisorId {
        let index = self.names.iter().position(|known| known == name).expect("a supervisor");
        SupervisorId(index as u32)
    }

    fn name(&self, id: SupervisorId) -> &str {
        &self.tree.spec(id).expect("a supervisor").name
    }
}

fn spec(name: &str, rest: &str) -> SupervisorSpec {
    let (strategy, intensity) = rest.split_once(' ').expect("strategy and intensity");
    let (restarts_max, seconds) = intensity.split_once('/').expect("restarts_max/seconds");
    let strategy = match strategy {
        "one-for-one" => Strategy::OneForOne,
        "one-for-all" => Strategy::OneForAll,
        "rest-for-one" => Strategy::RestForOne,
        other => panic!("no strategy is called {other}"),
    };
    let intensity = Intensity {
        restarts_max: restarts_max.parse().expect("a number"),
        within: Duration::from_secs(seconds.parse().expect("a number")),
    };
    SupervisorSpec { name: name.into(), strategy, intensity }
}

fn agent(name: &str) -> AgentId {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    AgentId::from_u128(u128::from_be_bytes(bytes))
}

fn name(id: AgentId) -> String {
    let bytes = id.as_u128().to_be_bytes();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

fn check(root: &str, script: &str, expected: &str) {
    let mut scene = Scene::new(root);
    script.lines().for_each(|line| scene.run(line));
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(scene.output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn one_for_one_restarts_the_child_alone() {
    check(
        "one-for-one 3/5",
        "root > a b c
         1s crash b",
        "1s restart b;",
    );
}

#[test]
fn one_for_all_restarts_all_in_start_order() {
    check(
        "one-for-all 3/5",
        "root > c a b
         1s crash b",
        "1s restart c; restart a; restart b;",
    );
}

#[test]
fn rest_for_one_restarts_the_child_and_those_after_it() {
    check(
        "rest-for-one 9/5",
        "root > a b c
         1s crash b
         2s crash c
         3s crash a",
        "1s restart b; restart c;
         2s restart c;
         3s restart a; restart b; restart c;",
    );
}

#[test]
fn restarts_older_than_the_window_do_not_count() {
    check(
        "one-for-one 2/5",
        "root > a b
         0s crash a
         5s crash b
         5.1s crash a
         10s crash b",
        "0s restart a;
         5s restart b;
         5.1s restart a;
         10s stop b; stop a; root gives up on 2;",
    );
}

#[test]
fn too_many_restarts_stop_everything_in_reverse_order() {
    check(
        "one-for-one 0/5",
        "root > a
         root > left one-for-one 3/5
         left > b c
         root > d
         1s crash d",
        "1s stop d; stop c; stop b; stop a; root gives up on 4;",
    );
}

#[test]
fn a_restarted_supervisor_restarts_its_whole_subtree() {
    check(
        "one-for-one 3/5",
        "root > a
         root > left rest-for-one 1/5
         left > b
         left > deep one-for-one 3/5
         deep > c d
         left > e
         1s crash e
         2s crash e",
        "1s restart e;
         2s left escalates to root; restart b; restart c; restart d; restart e;",
    );
}

#[test]
fn the_parent_applies_its_own_strategy_to_an_escalation() {
    check(
        "rest-for-one 3/5",
        "root > a
         root > left one-for-one 0/5
         left > b c
         root > d
         1s crash b",
        "1s left escalates to root; restart b; restart c; restart d;",
    );
}

#[test]
fn a_restarted_supervisor_forgets_its_restarts() {
    check(
        "one-for-one 3/5",
        "root > left one-for-one 1/5
         left > a
         1s crash a
         1s crash a
         1s crash a
         1s crash a",
        "1s restart a;
         1s left escalates to root; restart a;
         1s restart a;
         1s left escalates to root; restart a;",
    );
}

#[test]
fn an_escalation_may_climb_to_the_root_at_once() {
    check(
        "one-for-one 0/5",
        "root > left one-for-one 0/5
         left > deep one-for-all 0/5
         deep > a b
         1s crash a
         2s crash b",
        "1s deep escalates to left; left escalates to root; stop b; stop a; root gives up on 2;
         2s",
    );
}

#[test]
fn a_removed_child_is_left_alone() {
    check(
        "one-for-all 3/5",
        "root > a b c
         remove b
         1s crash c",
        "1s restart a; restart c;",
    );
}

#[test]
fn a_lone_agent_is_given_up_by_itself() {
    check(
        "one-for-all 0/5",
        "root > a
         1s crash x
         2s crash x
         3s crash x
         4s crash y
         4s crash x
         5s crash x",
        "1s restart x;
         2s restart x;
         3s restart x;
         4s restart y;
         4s stop x; give up on x;
         5s restart x;",
    );
}

#[test]
fn what_cannot_be_added_or_removed_says_why() {
    let mut scene = Scene::new("one-for-one 0/5");
    scene.run("root > left one-for-one 3/5");
    scene.run("left > a");
    let (root, left) = (SupervisorId::ROOT, scene.id("left"));
    let tree = &mut scene.tree;
    let unknown = SupervisorId(9);
    assert_eq!(tree.add_child(unknown, agent("b")), Err(SupervisionError::Unknown(unknown)));
    let taken = Err(SupervisionError::AlreadySupervised(left));
    assert_eq!(tree.add_child(root, agent("a")), taken);
    assert_eq!(tree.remove_supervisor(left), Err(SupervisionError::InUse(left)));
    assert_eq!(tree.remove_supervisor(root), Err(SupervisionError::InUse(root)));
    assert_eq!(tree.remove_child(agent("a")), Some(left));
    assert_eq!(tree.remove_supervisor(left), Ok(()));
    assert_eq!(tree.remove_supervisor(left), Err(SupervisionError::Unknown(left)));
    assert_eq!(tree.add_child(root, agent("a")), Ok(()));
}

#[test]
fn a_root_that_gave_up_takes_in_others_and_forgets_what_was() {
    let mut scene = Scene::new("one-for-one 1/5");
    scene.run("root > left one-for-one 0/5");
    scene.run("left > a");
    let (root, left) = (SupervisorId::ROOT, scene.id("left"));
    let tree = &mut scene.tree;
    let actions = |tree: &mut SupervisionTree| std::iter::from_fn(|| tree.poll_effect()).count();
    tree.handle_crash(Time::ZERO, agent("a"));
    assert_eq!(actions(tree), 2, "escalated, restarted");
    tree.handle_crash(Time::ZERO, agent("a"));
    assert_eq!(actions(tree), 3, "escalated, stopped, gave up");
    tree.handle_crash(Time::ZERO, agent("a"));
    assert_eq!(actions(tree), 0, "it was told to stop already");
    let before = Err(SupervisionError::AlreadySupervised(left));
    assert_eq!(tree.add_child(root, agent("a")), before, "it has not left yet");
    assert_eq!(tree.remove_supervisor(left), Ok(()), "it has no children any more");
    assert_eq!(tree.remove_child(agent("a")), Some(left));
    assert_eq!(tree.add_child(root, agent("a")), Ok(()));
    tree.handle_crash(Time::ZERO, agent("a"));
    assert_eq!(tree.poll_effect(), Some(Action::Restart(agent("a"))));
}

#[test]
fn supervisors_nest_to_the_stated_depth() {
    let mut tree = SupervisionTree::new(SupervisorSpec::default(), Intensity::default());
    let mut parent = SupervisorId::ROOT;
    for _ in 1..DEPTH_MAX {
        parent = tree.add_supervisor(parent, SupervisorSpec::default()).expect("not too deep");
    }
    let deeper = tree.add_supervisor(parent, SupervisorSpec::default());
    assert_eq!(deeper, Err(SupervisionError::TooDeep));
}

#[test]
fn only_so_many_lone_crashes_are_remembered() {
    let mut lone = LoneAgents::new(Intensity::default());
    let ids = (0..2 * LONE_CRASHED_MAX as u128).map(AgentId::from_u128);
    for (id, nanos) in ids.zip(0..) {
        assert!(lone.admits_restart(Time::from_nanos(nanos), id));
        assert_eq!(lone.crashes.len(), lone.by_last.len());
    }
    assert_eq!(lone.crashes.len(), LONE_CRASHED_MAX);
    assert!(lone.crashes.contains_key(&AgentId::from_u128(2 * LONE_CRASHED_MAX as u128 - 1)));
    lone.admits_restart(Time::ZERO.after(Duration::from_secs(60)), AgentId::from_u128(0));
    assert_eq!(lone.crashes.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    AddSupervisor { parent: usize, strategy: Strategy, restarts_max: u32 },
    AddChild { parent: usize, agent: u128 },
    Remove { agent: u128 },
    Crash { agent: u128, later_ms: u64 },
}

fn steps() -> impl Generator<Value = Vec<Step>> {
    let strategy = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ];
    let step = prop_oneof![
        2 => (0..8usize, strategy, 0..4u32).prop_map(|(parent, strategy, restarts_max)| {
            Step::AddSupervisor { parent, strategy, restarts_max }
        }),
        5 => (0..8usize, 0..20u128).prop_map(|(parent, agent)| Step::AddChild { parent, agent }),
        1 => (0..20u128).prop_map(|agent| Step::Remove { agent }),
        6 => (0..24u128, 0..3_000u64).prop_map(|(agent, later_ms)| Step::Crash { agent, later_ms }),
    ];
    prop::collection::vec(step, 0..120)
}

/// Where everybody is, as the path of start numbers from the root: comparing
/// paths compares the order of starting.
#[derive(Default)]
struct Model {
    now: Time,
    supervisors: Vec<(SupervisorId, Vec<usize>)>,
    agents: BTreeMap<AgentId, Vec<usize>>,
    started: usize,
    /// Told to stop, and not gone yet.
    given_up: BTreeSet<AgentId>,
}

impl Model {
    fn path(&mut self, parent: usize) -> (SupervisorId, Vec<usize>) {
        let (id, mut path) = self.supervisors[parent % self.supervisors.len()].clone();
        self.started += 1;
        path.push(self.started);
        (id, path)
    }

    fn take(&mut self, tree: &mut SupervisionTree, step: Step) {
        match step {
            Step::AddSupervisor { parent, strategy, restarts_max } => {
                let (parent, path) = self.path(parent);
                let intensity = Intensity { restarts_max, ..Intensity::default() };
                let spec = SupervisorSpec { name: String::new(), strategy, intensity };
                if let Ok(id) = tree.add_supervisor(parent, spec) {
                    self.supervisors.push((id, path));
                }
            }
            Step::AddChild { parent, agent } => {
                let (agent, (parent, path)) = (AgentId::from_u128(agent), self.path(parent));
                if tree.add_child(parent, agent).is_ok() {
                    self.agents.insert(agent, path);
                }
            }
            Step::Remove { agent } => {
                let agent = AgentId::from_u128(agent);
                let removed = self.agents.remove(&agent).is_some() || self.given_up.remove(&agent);
                assert_eq!(tree.remove_child(agent).is_some(), removed);
            }
            Step::Crash { agent, later_ms } => {
                self.now = self.now.after(Duration::from_millis(later_ms));
                tree.handle_crash(self.now, AgentId::from_u128(agent));
                self.check(AgentId::from_u128(agent), std::iter::from_fn(|| tree.poll_effect()));
            }
        }
    }

    fn check(&mut self, crashed: AgentId, actions: impl Iterator<Item = Action>) {
        let (mut restarted, mut stopped) = (Vec::new(), Vec::new());
        let mut gave_up = false;
        for action in actions {
            match action {
                Action::Restart(agent) => restarted.push(agent),
                Action::Stop(agent) => stopped.push(agent),
                Action::GaveUp { stopped } => gave_up = stopped == self.agents.len(),
                Action::Escalated { .. } | Action::GaveUpOn(_) => {}
            }
        }
        if self.given_up.contains(&crashed) {
            assert!(restarted.is_empty() && stopped.is_empty(), "it was told to stop already");
        } else if !self.agents.contains_key(&crashed) {
            assert_eq!([restarted, stopped].concat(), [crashed], "a lone agent is alone");
        } else if gave_up {
            assert!(restarted.is_empty(), "a tree gives up as a whole");
            stopped.reverse();
            assert_eq!(stopped.len(), self.agents.len());
            self.check_order(&stopped);
            self.given_up.extend(std::mem::take(&mut self.agents).into_keys());
        } else {
            assert!(stopped.is_empty() && restarted.contains(&crashed));
            self.check_order(&restarted);
        }
    }

    /// Strictly ascending: in start order, no agent twice, none that was removed.
    fn check_order(&self, agents: &[AgentId]) {
        let paths: Vec<_> = agents.iter().map(|agent| &self.agents[agent]).collect();
        assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn each_crash_means_one_action_for_each_agent_in_start_order(
        steps in steps(),
        restarts_max in 0..40u32,
    ) {
        let intensity = Intensity { restarts_max, ..Intensity::default() };
        let root = SupervisorSpec { intensity, ..SupervisorSpec::default() };
        let mut tree = SupervisionTree::new(root, Intensity::default());
        let mut model =
            Model { supervisors: vec![(SupervisorId::ROOT, vec![])], ..Model::default() };
        for step in steps {
            model.take(&mut tree, step);
        }
    }
}
