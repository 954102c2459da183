use nexus_base::Rng;

use super::*;

const NODES: u64 = 6;

fn slot() -> Slot {
    Slot::new(7).expect("a slot")
}

fn residence(handoff: u64, term: u64, node: u64) -> Residence {
    Residence { handoff: HandoffId(handoff), term: Term(term), node: NodeId(node) }
}

/// How a node takes in what it is told.
type Learn = fn(&mut Routes, Residence);

fn well(routes: &mut Routes, news: Residence) {
    routes.learn(slot(), news);
}

/// A bug planted on purpose: what was told last is believed, however old.
fn stale_accepted(routes: &mut Routes, news: Residence) {
    routes.by_slot[usize::from(slot().number())] = Some(news);
}

/// A slot that moves while news of it arrive late and in any order.
struct World {
    /// Who has answered for the slot, one after the other; the last does now.
    history: Vec<Residence>,
    nodes: Vec<Routes>,
    learn: Learn,
    rng: Rng,
}

impl World {
    fn new(seed: u64, learn: Learn) -> World {
        let nodes = (0..NODES).map(|_| Routes::new()).collect();
        World { history: vec![residence(0, 1, 0)], nodes, learn, rng: Rng::new(seed) }
    }

    fn now(&self) -> Residence {
        *self.history.last().expect("there is always somebody")
    }

    /// Another leader, or another shard: whose terms may be lower.
    fn move_on(&mut self) {
        let Residence { handoff, term, .. } = self.now();
        let node = self.rng.below(NODES);
        let next = match self.rng.below(2) {
            0 => residence(handoff.0, term.0 + 1, node),
            _ => residence(handoff.0 + 1, self.rng.below(5), node),
        };
        self.history.push(next);
        // Who answers knows that it does, and who did what came then.
        (self.learn)(&mut self.nodes[node as usize], next);
        let before = self.history[self.history.len() - 2];
        (self.learn)(&mut self.nodes[before.node.0 as usize], next);
    }

    fn tell_something_old(&mut self) {
        let news = self.history[self.rng.below(self.history.len() as u64) as usize];
        let node = self.rng.below(NODES) as usize;
        let before = self.nodes[node].of(slot());
        (self.learn)(&mut self.nodes[node], news);
        let (before, after) = (before.map(|known| known.age()), self.nodes[node].of(slot()));
        self.check(before <= after.map(|known| known.age()), "what is known went back");
    }

    /// An ask from anybody finds who answers.
    fn ask(&mut self) {
        let asker = self.rng.below(NODES) as usize;
        let first = self.nodes[asker].of(slot()).map_or(NodeId(0), |known| known.node);
        let (mut asked, mut trail) = (first, Trail::default());
        while asked != self.now().node {
            let moved = self.nodes[asked.0 as usize].of(slot());
            if let Some(moved) = moved {
                (self.learn)(&mut self.nodes[asker], moved);
            }
            let next = self.nodes[asker].handle_moved(slot(), asked, moved, &mut trail);
            asked = match next {
                Ok(next) => next,
                Err(error) => return self.check(false, &format!("{error}")),
            };
        }
    }

    fn check(&self, holds: bool, what: &str) {
        assert!(holds, "{what}");
    }
}

fn play(seed: u64, learn: Learn) {
    let mut world = World::new(seed, learn);
    let first = world.now();
    learn(&mut world.nodes[0], first);
    for _ in 0..200 {
        match world.rng.below(4) {
            0 if world.history.len() < 8 => world.move_on(),
            0 | 1 => world.tell_something_old(),
            _ => world.ask(),
        }
    }
}

#[test]
fn look_ups_mend_themselves_however_old_the_news() {
    (0..300).for_each(|seed| play(seed, well));
}

#[test]
fn a_stale_entry_that_is_accepted_is_caught() {
    let caught = |seed| std::panic::catch_unwind(|| play(seed, stale_accepted)).is_err();
    assert!((0..20).any(caught), "nobody noticed");
}

/// Without the check of every step, asks alone notice it too: they go in circles.
#[test]
fn stale_pointers_that_are_believed_go_in_circles() {
    let (mut asker, mut trail) = (Routes::new(), Trail::default());
    let (older, newer) = (residence(1, 4, 1), residence(1, 5, 2));
    asker.learn(slot(), newer);
    // Node 2 does not answer and points back to node 1: the asker keeps what is newer.
    let settled = asker.handle_moved(slot(), NodeId(2), Some(older), &mut trail);
    assert_eq!(settled, Err(RouteError::NotSettled { slot: slot(), asked: NodeId(2) }));
    let mut asked = NodeId(2);
    let error = loop {
        let told = if asked == NodeId(2) { older } else { newer };
        stale_accepted(&mut asker, told);
        match asker.handle_moved(slot(), asked, Some(told), &mut trail) {
            Ok(next) => asked = next,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RouteError::TooFar { .. } | RouteError::NotSettled { .. }), "{error}");
}

#[test]
fn an_ask_does_not_follow_pointers_for_ever() {
    let (mut routes, mut trail) = (Routes::new(), Trail::default());
    let mut follow = |term: u64| {
        let moved = Some(residence(0, term, term));
        routes.handle_moved(slot(), NodeId(term - 1), moved, &mut trail)
    };
    for term in 1..=u64::from(REDIRECTS_MAX) {
        assert_eq!(follow(term), Ok(NodeId(term)));
    }
    assert_eq!(follow(9), Err(RouteError::TooFar { slot: slot(), last: NodeId(8) }));
}

#[test]
fn the_map_teaches_what_is_newer() {
    use crate::shard::{Command, Leader, Plan, ShardId, SlotSet, Step};
    let mut map = ShardMap::new(vec![NodeId(1), NodeId(2)]).expect("two nodes");
    let mut routes = Routes::new();
    assert_eq!(routes.learn_map(&map), 0, "nobody leads yet");
    let lead = |shard, node, term| Command::Lead {
        shard: ShardId(shard),
        leader: Leader { node: NodeId(node), term: Term(term) },
        voters: vec![NodeId(node)],
    };
    map.apply(&lead(0, 1, 5)).expect("it is kept there");
    assert_eq!(routes.learn_map(&map), usize::from(SLOT_COUNT));
    assert_eq!(routes.learn_map(&map), 0);
    routes.learn(slot(), residence(0, 6, 2));
    assert_eq!((routes.learn_map(&map), routes.of(slot())), (0, Some(residence(0, 6, 2))));
    let slots = SlotSet::range(slot(), slot());
    let plan = Plan::Split { shard: ShardId(0), slots, replicas: vec![NodeId(3)] };
    map.apply(&Command::Begin(plan)).expect("it may begin");
    let handoff = map.handoff_last();
    for step in [Step::Seal, Step::Install] {
        map.apply(&Command::Done { handoff, step }).expect("it is due");
    }
    map.apply(&Command::Commit(handoff)).expect("it is due");
    map.apply(&lead(1, 3, 1)).expect("it is kept there");
    // The term is lower, the handoff is higher.
    assert_eq!((routes.learn_map(&map), routes.of(slot())), (1, Some(residence(1, 1, 3))));
}

fn entry(name: &str, node: u64, incarnation: u64) -> Registration {
    Registration { name: name.to_owned(), node: NodeId(node), incarnation }
}

#[test]
fn a_name_is_somebody_s_alone() {
    let mut names = Directory::new(2);
    let [x, y, z] = [1, 2, 3].map(AgentId::from_u128);
    assert_eq!(names.register(x, entry("a/x", 1, 1)), Ok(()));
    assert_eq!(names.register(x, entry("a/x", 1, 1)), Ok(()), "said again");
    let taken = Err(DirectoryError::Taken { by: NodeId(1) });
    assert_eq!(names.register(x, entry("a/x", 2, 9)), taken);
    assert_eq!(names.register(x, entry("b/x", 1, 1)), Err(DirectoryError::Collision { id: x }));
    assert_eq!((names.find(x, "a/x"), names.find(x, "b/x")), (Some(&entry("a/x", 1, 1)), None));
    assert_eq!(names.register(y, entry("a/y", 1, 1)), Ok(()));
    let full = Err(DirectoryError::Full { names_max: 2 });
    assert_eq!(names.register(z, entry("a/z", 1, 1)), full);
    assert_eq!(names.register(z, entry("", 1, 1)), Err(DirectoryError::BadName { bytes: 0 }));
    assert!(!names.unregister(y, &entry("a/y", 1, 0)) && names.unregister(y, &entry("a/y", 1, 1)));
    assert_eq!(names.len(), 1);
}

#[test]
fn names_of_an_earlier_life_are_free_and_stay_so() {
    let mut names = Directory::new(9);
    let x = AgentId::from_u128(1);
    assert_eq!(names.register(x, entry("a/x", 1, 4)), Ok(()));
    assert_eq!((names.forget(NodeId(1), 3), names.forget(NodeId(1), 4)), (0, 1));
    let over = Err(DirectoryError::Over { node: NodeId(1) });
    assert_eq!(names.register(x, entry("a/x", 1, 4)), over, "it came late");
    assert_eq!(names.register(x, entry("a/x", 1, 5)), Ok(()));
    assert_eq!(names.register(x, entry("a/x", 1, 4)), over);
    names.remove_member(NodeId(1));
    assert!(names.is_empty());
}
