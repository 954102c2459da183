use nexus_base::Rng;
use nexus_cluster::NodeId;
use nexus_cluster::shard::{Command, Plan, Step};

use super::*;

/// A map, a disk, and a node that has had something of some of the shards.
struct World {
    map: ShardMap,
    disk: BTreeMap<GroupId, Stored>,
    ended: Ended,
    kept: Vec<ShardId>,
    were_here: Vec<ShardId>,
}

impl World {
    fn new() -> World {
        let map = ShardMap::new(vec![NodeId(1)]).expect("one node");
        let (disk, ended) = (BTreeMap::new(), Ended::default());
        World { map, disk, ended, kept: vec![ShardId(0)], were_here: vec![ShardId(0)] }
    }

    fn hand_over(&mut self, plan: Plan) {
        let mut tell = |command: Command| self.map.apply(&command).is_ok();
        if !tell(Command::Begin(plan)) {
            return;
        }
        let handoff = self.map.handoff_last();
        let mut tell = |command: Command| self.map.apply(&command).expect("it is due");
        let done = |step| Command::Done { handoff, step };
        for command in [
            done(Step::Seal),
            done(Step::Install),
            Command::Commit(handoff),
            done(Step::Open),
            done(Step::Drop),
        ] {
            tell(command);
        }
    }

    /// Something of a new shard comes here, or does not.
    fn split(&mut self, shard: ShardId, comes_here: bool) {
        let Some(of) = self.map.shard(shard) else { return };
        if of.slots.len() < 2 {
            return;
        }
        let (slots, replicas) = (of.slots.upper_half(), vec![NodeId(1)]);
        self.hand_over(Plan::Split { shard, slots, replicas });
        let new = self.map.shards().last().expect("it is there").0;
        if comes_here && !self.were_here.contains(&new) {
            self.kept.push(new);
            self.were_here.push(new);
        }
    }

    fn merge(&mut self, from: ShardId, to: ShardId) {
        self.hand_over(Plan::Merge { from, to });
        // The map has changed.
        let is_over = |shard: &ShardId| self.map.is_over(*shard);
        let over: Vec<ShardId> = self.kept.iter().copied().filter(is_over).collect();
        self.kept.retain(|shard| !over.contains(shard));
        for shard in over {
            let writes = self.ended.end(shard, &self.map);
            self.write(writes);
        }
        let writes = self.ended.join(&self.map);
        self.write(writes);
    }

    fn write(&mut self, writes: Vec<(GroupId, Write)>) {
        for (group, write) in writes {
            if write == Write::forget() {
                self.disk.remove(&group);
            } else {
                let vote = write.vote.expect("it says so");
                self.disk.insert(group, Stored { vote, left: write.left, ..Stored::default() });
            }
        }
    }

    /// The node starts anew, and knows what is on the disk.
    fn restart(&mut self) {
        self.ended = Ended::default();
        let mut all = Vec::new();
        for (group, stored) in &self.disk {
            all.extend(self.ended.take_in(*group, stored).expect("all are tombstones"));
        }
        self.write(all);
    }

    fn check(&self) {
        for shard in &self.were_here {
            let is_known = self.ended.contains(group_of(*shard));
            assert_eq!(is_known, self.map.is_over(*shard), "{shard} in {:?}", self.ended);
        }
        for (shard, _) in self.map.shards() {
            assert!(!self.ended.contains(group_of(shard)), "{shard} in {:?}", self.ended);
        }
        let max = self.map.shards().len() + 1;
        assert!(self.ended.len() <= max, "{:?} for {max} shards", self.ended);
        assert_eq!(self.disk.len(), self.ended.len(), "nothing else stays");
    }
}

#[test]
fn all_that_have_ended_are_known_and_take_little_room() {
    for seed in 0..20 {
        let (mut world, mut rng) = (World::new(), Rng::new(seed));
        for _ in 0..400 {
            let shards: Vec<ShardId> = world.map.shards().map(|(id, _)| id).collect();
            let mut pick = || shards[rng.below(shards.len() as u64) as usize];
            let (one, other) = (pick(), pick());
            match rng.below(8) {
                0 => world.restart(),
                1..=3 if shards.len() < 12 => world.split(one, rng.below(2) == 0),
                _ => world.merge(one, other),
            }
            world.check();
        }
        assert!(world.were_here.len() > 20, "{} have been here", world.were_here.len());
    }
}

#[test]
fn a_crash_between_a_longer_row_and_the_end_of_a_shorter_one_does_no_harm() {
    let mut world = World::new();
    for _ in 0..4 {
        world.split(ShardId(0), true);
    }
    world.merge(ShardId(2), ShardId(0));
    let before = world.disk.clone();
    world.merge(ShardId(1), ShardId(0));
    world.disk.extend(before);
    world.restart();
    world.check();
    assert!(world.ended.contains(group_of(ShardId(2))));
}

#[test]
fn a_tombstone_of_one_shard_alone_is_read() {
    let mut ended = Ended::default();
    let left = Some((Term(3), Index(9)));
    let stored = Stored { vote: ENDED, left, ..Stored::default() };
    assert_eq!(ended.take_in(group_of(ShardId(4)), &stored), Some(Vec::new()));
    let known = (0..20).filter(|shard| ended.contains(group_of(ShardId(*shard))));
    assert_eq!(known.collect::<Vec<_>>(), [4]);
    assert_eq!(ended.take_in(group_of(ShardId(4)), &Stored::default()), None);
}
