//! A user's own kind on simulated nodes, asked by hand while they die and lose each other.

extern crate nexus_agent as nexus;

use std::time::Duration;

use nexus::{Accepts, Agent, Context, Handler, Message, Residence};
use nexus_cluster::NodeId;
use nexus_node::CallError;
use nexus_sim::cluster::{ClusterSpec, Families};
use nexus_sim::nodes::{Kinds, NodesWorld};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Stock {
    pieces: u64,
}

impl Agent for Stock {
    const KIND: &'static str = "stock";
    fn new(_key: &str) -> Stock {
        Stock::default()
    }
    fn residence() -> Residence<Stock> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Stock>) {
        kind.message::<Put>();
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Put(u64);

impl Handler<Put> for Stock {
    async fn handle(&mut self, Put(pieces): Put, _: &mut Context<Stock>) -> u64 {
        self.pieces += pieces;
        self.pieces
    }
}

const N1: NodeId = NodeId(1);

fn calm(seed: u64) -> NodesWorld {
    let spec =
        ClusterSpec { nodes: 3, shards: 2, families: Families::NONE, ..ClusterSpec::new(seed) };
    let mut world = NodesWorld::with_kinds(spec, &Kinds::new().with::<Stock>());
    world.run_for(Duration::from_secs(5));
    world
}

fn leader(world: &NodesWorld) -> NodeId {
    world.leader_of::<Stock>("nails").expect("somebody leads")
}

fn others(node: NodeId) -> [NodeId; 2] {
    let mut all = [1, 2, 3].into_iter().map(NodeId).filter(|one| *one != node);
    std::array::from_fn(|_| all.next().expect("there are three"))
}

fn put(world: &mut NodesWorld, through: NodeId, pieces: u64) -> Result<u64, CallError> {
    world.ask::<Stock, _>(through, "nails", Put(pieces))
}

#[test]
fn what_was_answered_survives_who_answered() {
    let mut world = calm(7);
    assert_eq!(put(&mut world, N1, 5), Ok(5));
    let died = leader(&world);
    world.crash(died);
    assert_eq!(put(&mut world, died, 1), Err(CallError::Unknown));
    let [one, other] = others(died);
    assert_eq!(put(&mut world, one, 1), Ok(6));
    assert_ne!(leader(&world), died);
    world.restart(died);
    world.run_for(Duration::from_secs(2));
    assert_eq!(put(&mut world, died, 0), Ok(6));
    assert_eq!(put(&mut world, other, 0), Ok(6));
    assert_eq!(world.violations(), []);
}

#[test]
fn the_side_with_a_majority_goes_on() {
    let mut world = calm(8);
    assert_eq!(put(&mut world, N1, 5), Ok(5));
    let alone = leader(&world);
    world.part(&[alone]);
    let refused = put(&mut world, alone, 100);
    assert!(matches!(refused, Err(CallError::Unknown | CallError::Unreachable)), "{refused:?}");
    assert_eq!(put(&mut world, others(alone)[0], 1), Ok(6));
    world.join();
    world.run_for(Duration::from_secs(5));
    assert_eq!(put(&mut world, alone, 1), Ok(7));
    assert_eq!(world.violations(), []);
}

#[test]
fn a_seed_decides_what_happens() {
    let run = |seed| {
        let spec = ClusterSpec { shards: 2, ..ClusterSpec::new(seed) };
        let mut world = NodesWorld::with_kinds(spec, &Kinds::new().with::<Stock>());
        let answers: Vec<_> =
            (0..20).map(|pieces| put(&mut world, NodeId(pieces % 5 + 1), pieces)).collect();
        world.heal();
        world.settle();
        assert_eq!(world.violations(), []);
        assert!(answers.iter().any(Result::is_ok), "{answers:?}");
        (answers, world.trace_hash())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).1, run(9).1);
}

#[test]
#[should_panic(expected = "there is no n4: the nodes are n1 to n3")]
fn a_node_that_is_not_there_is_named() {
    calm(7).crash(NodeId(4));
}

#[test]
#[should_panic(expected = "there is no n0: the nodes are n1 to n3")]
fn nodes_are_counted_from_one() {
    calm(7).crash(NodeId(0));
}
