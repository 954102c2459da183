//! Leadership, spread by passing it on along chains.
//!
//! A member with too many shards hands one to another replica of it; where all of those
//! have as many, that one hands on another. The shortest such chain to somebody with two
//! less is taken, until there is none: then nobody's share can be evened further.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ShardId;
use crate::NodeId;

pub(super) fn leaders(
    replicas: &BTreeMap<ShardId, Vec<NodeId>>,
    now: &BTreeMap<ShardId, NodeId>,
) -> BTreeMap<ShardId, NodeId> {
    let mut spread = Spread::new(replicas, now);
    while spread.pass() {}
    spread.leaders
}

struct Spread<'a> {
    replicas: &'a BTreeMap<ShardId, Vec<NodeId>>,
    leaders: BTreeMap<ShardId, NodeId>,
    led: BTreeMap<NodeId, BTreeSet<ShardId>>,
}

impl<'a> Spread<'a> {
    fn new(
        replicas: &'a BTreeMap<ShardId, Vec<NodeId>>,
        now: &BTreeMap<ShardId, NodeId>,
    ) -> Spread<'a> {
        let everybody = replicas.values().flatten().map(|&member| (member, BTreeSet::new()));
        let mut spread = Spread { replicas, leaders: BTreeMap::new(), led: everybody.collect() };
        for (&shard, members) in replicas {
            let stays = now.get(&shard).filter(|leader| members.contains(leader));
            let least = members.iter().min_by_key(|member| spread.led[member].len());
            if let Some(&leader) = stays.or(least) {
                spread.set(shard, leader);
            }
        }
        spread
    }

    fn set(&mut self, shard: ShardId, leader: NodeId) {
        if let Some(before) = self.leaders.insert(shard, leader) {
            self.led.get_mut(&before).expect("leaders are replicas").remove(&shard);
        }
        self.led.get_mut(&leader).expect("leaders are replicas").insert(shard);
    }

    /// Relieves each member as far as it goes, the most burdened first; whether anything
    /// changed. Ends: each change makes the sum of the squares of loads smaller.
    fn pass(&mut self) -> bool {
        let mut members: Vec<(usize, NodeId)> =
            self.led.iter().map(|(&member, led)| (led.len(), member)).collect();
        members.sort_unstable_by_key(|&(load, member)| (std::cmp::Reverse(load), member));
        let (mut changed, mut settled) = (false, BTreeSet::new());
        for (_, member) in members {
            while !settled.contains(&member) && self.relieve(member, &mut settled) {
                changed = true;
            }
        }
        changed
    }

    /// Passes one shard on from `member`, along the shortest chain to somebody with at
    /// least two less; whether there was one.
    ///
    /// If there was none, neither is there for whom it reached and who has no more: they
    /// are settled. (What another change makes possible is for the next pass.)
    fn relieve(&mut self, member: NodeId, settled: &mut BTreeSet<NodeId>) -> bool {
        let load = self.led[&member].len();
        // Who was reached, by taking which shard from whom.
        let mut reached = BTreeMap::<NodeId, (ShardId, NodeId)>::new();
        let mut waiting = VecDeque::from([member]);
        while let Some(giver) = waiting.pop_front() {
            for &shard in &self.led[&giver] {
                for &taker in &self.replicas[&shard] {
                    if taker == member || reached.contains_key(&taker) {
                        continue;
                    }
                    reached.insert(taker, (shard, giver));
                    if self.led[&taker].len() + 2 <= load {
                        self.hand_on(&reached, taker, member);
                        return true;
                    }
                    waiting.push_back(taker);
                }
            }
        }
        settled.extend(reached.into_keys().filter(|other| self.led[other].len() <= load));
        false
    }

    fn hand_on(
        &mut self,
        reached: &BTreeMap<NodeId, (ShardId, NodeId)>,
        last: NodeId,
        first: NodeId,
    ) {
        let mut taker = last;
        while taker != first {
            let (shard, giver) = reached[&taker];
            self.set(shard, taker);
            taker = giver;
        }
    }
}
