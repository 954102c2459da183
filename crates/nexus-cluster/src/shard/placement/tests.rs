use super::*;
use crate::raft::Term;
use crate::ring::SLACK;
use crate::shard::{Command, Leader, Step};

/// A cluster that grows, as its control group would have it.
struct Cluster {
    map: ShardMap,
    ring: Ring,
    term: u64,
}

impl Cluster {
    fn of_one() -> Cluster {
        let first = NodeId(1);
        let map = ShardMap::new(vec![first]).expect("one node");
        let mut cluster = Cluster { map, ring: Ring::of([first]).expect("there is room"), term: 0 };
        cluster.grow(1);
        cluster
    }

    /// Members join until there are `members`; shards are split, kept and led anew.
    fn grow(&mut self, members: u64) {
        for member in 1..=members {
            self.ring.join(NodeId(member)).expect("there is room");
        }
        loop {
            let plans = splits(&self.map, self.ring.members().len());
            if plans.is_empty() {
                break;
            }
            plans.into_iter().for_each(|plan| self.hand_over(plan));
        }
        let placed = replicas(&self.ring, self.map.shards().map(|(id, _)| id), SLACK);
        let leaders = leaders(&placed, &self.leaders());
        for (shard, replicas) in placed {
            // One that was made just now is led where it was made.
            let made = self.map.shard(shard).filter(|made| made.leader.is_none());
            if let Some(node) = made.map(|made| made.replicas[0]) {
                self.lead(shard, node);
            }
            self.apply(Command::Keep { shard, replicas });
        }
        for (shard, node) in leaders {
            self.lead(shard, node);
        }
    }

    fn lead(&mut self, shard: ShardId, node: NodeId) {
        self.term += 1;
        let leader = Leader { node, term: Term(self.term) };
        self.apply(Command::Lead { shard, leader, voters: vec![node] });
    }

    fn apply(&mut self, command: Command) {
        self.map.apply(&command).expect("it is due");
    }

    fn hand_over(&mut self, plan: Plan) {
        self.apply(Command::Begin(plan));
        let handoff = self.map.handoff_last();
        for step in [Step::Seal, Step::Install] {
            self.apply(Command::Done { handoff, step });
        }
        self.apply(Command::Commit(handoff));
        for step in [Step::Open, Step::Drop] {
            self.apply(Command::Done { handoff, step });
        }
    }

    fn leaders(&self) -> BTreeMap<ShardId, NodeId> {
        let led = |(id, shard): (ShardId, &Shard)| Some((id, shard.leader?.node));
        self.map.shards().filter_map(led).collect()
    }

    /// How many shards each member leads, and how many slots are in them.
    fn loads(&self) -> (Vec<usize>, Vec<usize>) {
        let mut loads: BTreeMap<NodeId, (usize, usize)> =
            self.ring.members().map(|member| (member, (0, 0))).collect();
        for (_, shard) in self.map.shards() {
            let leader = shard.leader.expect("every shard is led").node;
            let load = loads.get_mut(&leader).expect("members lead");
            *load = (load.0 + 1, load.1 + shard.slots.len());
        }
        loads.into_values().unzip()
    }
}

/// The least and the most over the mean.
fn spread(loads: &[usize]) -> (f64, f64) {
    let mean = loads.iter().sum::<usize>() as f64 / loads.len() as f64;
    let [least, most] = [loads.iter().min(), loads.iter().max()].map(|load| load.copied());
    (least.unwrap_or(0) as f64 / mean, most.unwrap_or(0) as f64 / mean)
}

/// One growth after the other, each from what the one before left.
#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn leadership_spreads_as_nodes_come() {
    let mut cluster = Cluster::of_one();
    for members in [1, 3, 50, 1_000] {
        let before = cluster.leaders();
        cluster.grow(members);
        let (shards, slots) = cluster.loads();
        let ((least, most), (least_slots, most_slots)) = (spread(&shards), spread(&slots));
        let kept =
            cluster.leaders().iter().filter(|(id, leader)| before.get(id) == Some(leader)).count();
        println!(
            "{members} nodes: {} shards; leads {least:.3} to {most:.3} of even, slots {least_slots:.3} \
             to {most_slots:.3}; {kept} of {} leaders stayed",
            cluster.map.shards().len(),
            before.len(),
        );
        let even = |share: f64| (share - 1.0).abs() <= 0.2;
        assert!(even(least) && even(most), "{members} nodes lead {least} to {most} of even");
        assert!(even(least_slots) && even(most_slots), "slots {least_slots} to {most_slots}");
        let copies = REPLICAS.min(members as usize);
        assert!(cluster.map.shards().all(|(_, shard)| shard.replicas.len() == copies));
    }
}

/// Copies that are elsewhere after one more member has joined, of those it should take.
#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn one_more_member_moves_few_copies() {
    for members in [10u64, 50, 100] {
        let shards = shard_count(members as usize) as u32;
        let (mut moved, mut total) = (0, 0);
        for first in (0..20).map(|seed| seed * 10_000) {
            let place = |count| {
                let ring = Ring::of((first..first + count).map(NodeId)).expect("there is room");
                replicas(&ring, (0..shards).map(ShardId), SLACK)
            };
            let (before, after) = (place(members), place(members + 1));
            for (id, members) in after {
                moved += members.iter().filter(|member| !before[&id].contains(member)).count();
                total += members.len();
            }
        }
        let ratio = moved as f64 / total as f64 * (members as f64 + 1.0);
        println!("join to {members}: {ratio:.2} times the share of copies moved");
        assert!(ratio < 2.0, "{members} members: {ratio}");
    }
}

#[test]
fn who_leads_stays_where_he_can() {
    let [a, b] = [1, 2].map(NodeId);
    let placed = BTreeMap::from([(ShardId(1), vec![a, b]), (ShardId(2), vec![a, b])]);
    for led in [[a, b], [b, a]] {
        let now = BTreeMap::from([(ShardId(1), led[0]), (ShardId(2), led[1])]);
        assert_eq!(leaders(&placed, &now), now);
    }
    let mut cluster = Cluster::of_one();
    cluster.grow(50);
    let before = cluster.leaders();
    cluster.grow(50);
    assert_eq!(cluster.leaders(), before, "nobody came, nobody moves");
}

#[test]
fn a_chain_evens_what_no_single_step_can() {
    let [a, b, c] = [1, 2, 3].map(NodeId);
    let shard = |id: u32, members: &[NodeId]| (ShardId(id), members.to_vec());
    let placed = BTreeMap::from([shard(1, &[a, b]), shard(2, &[a, b]), shard(3, &[b, c])]);
    let now = BTreeMap::from([(ShardId(1), a), (ShardId(2), a), (ShardId(3), b)]);
    let led = leaders(&placed, &now);
    assert_eq!(led, BTreeMap::from([(ShardId(1), b), (ShardId(2), a), (ShardId(3), c)]));
}

#[test]
fn there_are_enough_shards_for_their_members() {
    let counts = [0, 1, 3, 50, 1_000, 4_096].map(shard_count);
    assert_eq!(counts, [1, 8, 32, 512, 8_192, 16_384]);
    let nobody = BTreeMap::from([(ShardId(1), Vec::new())]);
    assert!(leaders(&nobody, &BTreeMap::new()).is_empty());
}
