//! What the leader of the group that keeps the map does so that handoffs go on and shards are
//! kept and led where they should be, and what follows from the map on all nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_base::Time;
use nexus_cluster::membership::MemberState;
use nexus_cluster::raft::{ProposeError, Term};
use nexus_cluster::ring::{Ring, SLACK};
use nexus_cluster::shard::placement::{self, SHARDS_PER_MEMBER};
use nexus_cluster::shard::{Command, HandoffId, Leader, Plan, ShardId, Stage, Step};
use nexus_cluster::{GroupId, NodeId};

use crate::control;
use crate::group::{CONTROL, Group, Machine, group_of, shard_of};
use crate::mail::News;
use crate::{Node, Saw};

/// How long a handoff may take until it is decided, before it is given up. A guess: copying
/// some hundred megabytes, or electing a leader a few times. Counted anew by each leader of
/// the group.
const HANDOFF_WITHIN: Duration = Duration::from_secs(30);

/// How long shards are not split after a handoff was given up: what did not fit into the time
/// does not the next time either, and its slots take no writes meanwhile.
const GROW_PAUSE: Duration = Duration::from_secs(600);

impl Node {
    /// Has slots handed over: a split, a merge, a move. It is under way once the control group
    /// has it, which [`Self::map`] shows.
    ///
    /// # Errors
    /// [`ProposeError`]; nothing has changed. What makes no sense is refused later, by the map.
    pub fn plan(&mut self, now: Time, plan: Plan) -> Result<(), ProposeError> {
        self.now = self.now.max(now);
        self.propose_map(&Command::Begin(plan))
    }

    pub(super) fn propose_map(&mut self, command: &Command) -> Result<(), ProposeError> {
        let Some(member) = self.groups.get_mut(&CONTROL) else {
            return Err(ProposeError::NotLeader { leader: None });
        };
        member.raft.propose(self.now, control::map_command(command))?;
        self.touched.insert(CONTROL);
        Ok(())
    }

    /// Whether this node decides about the map and the locks.
    pub fn is_steward(&self) -> bool {
        self.groups.get(&CONTROL).is_some_and(|member| member.is_ready())
    }

    /// Proposes a change, if it is this node's to propose. What is refused comes again.
    pub(super) fn wish(&mut self, command: &Command) {
        if self.is_steward() {
            let _ = self.propose_map(command);
        }
    }

    pub(crate) fn note_leader(&mut self, shard: ShardId, leader: Leader, voters: Vec<NodeId>) {
        let Some(known) = self.map().shard(shard) else { return };
        let is_news = known.leader.is_none_or(|known| known.term < leader.term)
            || known.leader == Some(leader) && known.voters != voters;
        if is_news {
            self.wish(&Command::Lead { shard, leader, voters });
        }
    }

    pub(crate) fn handoff_done(&mut self, handoff: HandoffId, step: Step) {
        if self.map().handoff(handoff).is_some() {
            self.wish(&Command::Done { handoff, step });
        }
    }

    /// What the leader of the control group does again and again.
    pub(crate) fn steward(&mut self) {
        if !self.is_steward() || self.hands_the_map_over() {
            self.silent_since.clear();
            return;
        }
        self.keep_control();
        let tasks: Vec<_> = self.map().tasks().collect();
        for task in tasks {
            let nexus_cluster::shard::Task { handoff, shard, step, slots, from } = task;
            if let Some(leader) = self.leader_of(shard) {
                self.tell(leader, News::Due { shard, handoff, step, slots, from });
            }
        }
        let installed = |(id, handoff): (HandoffId, &nexus_cluster::shard::Handoff)| {
            (handoff.stage == Stage::Installed).then_some(id)
        };
        let ready: Vec<HandoffId> = self.map().handoffs().filter_map(installed).collect();
        for handoff in ready {
            self.wish(&Command::Commit(handoff));
        }
        self.give_up_late();
        let is_led = self.map().shards().all(|(_, shard)| shard.leader.is_some());
        if is_led && self.map().handoffs().len() == 0 && self.now >= self.grows_at {
            self.grow();
        }
        self.place();
    }

    /// Gives up handoffs that do not get on: as long as they last, nobody takes writes for
    /// their slots.
    fn give_up_late(&mut self) {
        let now = self.now;
        let map = match self.groups.get(&CONTROL).map(|member| &member.machine) {
            Some(Machine::Control(state)) => &state.map,
            _ => return,
        };
        self.handoffs_since.retain(|handoff, _| map.handoff(*handoff).is_some());
        let mut late = Vec::new();
        for (id, handoff) in map.handoffs() {
            let since = *self.handoffs_since.entry(id).or_insert(now);
            let undecided = matches!(handoff.stage, Stage::Sealing | Stage::Copying);
            if undecided && now.since(since) >= HANDOFF_WITHIN {
                late.push(id);
            }
        }
        for handoff in late {
            self.grows_at = now.after(GROW_PAUSE);
            self.wish(&Command::Abort(handoff));
        }
    }

    /// Splits shards as long as there are too few.
    fn grow(&mut self) {
        let members = self.spec.shards.div_ceil(SHARDS_PER_MEMBER);
        let missing = self.spec.shards.saturating_sub(self.map().shards().len());
        for plan in placement::splits(self.map(), members).into_iter().take(missing) {
            self.wish(&Command::Begin(plan));
        }
    }

    /// Says where shards shall be kept, and has them led where that spreads the work.
    fn place(&mut self) {
        let Ok(ring) = Ring::of(self.keepers()) else { return };
        let wanted = placement::replicas(&ring, self.map().shards().map(|(id, _)| id), SLACK);
        let same = |one: &[NodeId], other: &[NodeId]| {
            one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
        };
        let moved: Vec<(ShardId, Vec<NodeId>)> = wanted
            .into_iter()
            .map(|(id, replicas)| (id, self.not_fewer(id, replicas)))
            .filter(|(id, replicas)| {
                let shard = self.map().shard(*id).filter(|shard| shard.leader.is_some());
                let is_moved = shard.is_some_and(|shard| !same(&shard.replicas, replicas));
                is_moved && !replicas.is_empty() && !self.is_in_handoff(*id)
            })
            .collect();
        let is_placed = moved.is_empty();
        for (shard, replicas) in moved {
            self.wish(&Command::Keep { shard, replicas });
        }
        if is_placed {
            self.spread_leaders();
        }
    }

    /// Where a shard is to be kept, if that would be `replicas` by who seems to be there. Not on
    /// fewer nodes than before for that: who is silent, however long, is thought to be dead,
    /// which is no reason for a smaller group. It keeps its place until another takes it, or
    /// until it says that it has left.
    fn not_fewer(&self, shard: ShardId, mut replicas: Vec<NodeId>) -> Vec<NodeId> {
        let before = self.map().shard(shard).map_or(&[][..], |shard| &shard.replicas);
        let missing = before.len().min(placement::REPLICAS).saturating_sub(replicas.len());
        let stays = |node: &&NodeId| !replicas.contains(node) && !self.has_left(**node);
        let silent: Vec<NodeId> = before.iter().filter(stays).take(missing).copied().collect();
        replicas.extend(silent);
        replicas
    }

    /// Whether slots are handed over from or to a shard: its members stay until that is over.
    fn is_in_handoff(&self, shard: ShardId) -> bool {
        self.map().handoffs().any(|(_, handoff)| handoff.from == shard || handoff.to == shard)
    }

    fn spread_leaders(&mut self) {
        let could = placement::candidates(self.map(), &self.alive);
        let leads = |(id, shard): (_, &nexus_cluster::shard::Shard)| Some((id, shard.leader?.node));
        let now: BTreeMap<ShardId, NodeId> = self.map().shards().filter_map(leads).collect();
        for (shard, to) in placement::leaders(&could, &now) {
            if let Some(&leader) = now.get(&shard).filter(|leader| **leader != to) {
                self.tell(leader, News::Yield { shard, to });
            }
        }
    }

    /// Nodes that shards may be kept on.
    fn keepers(&self) -> BTreeSet<NodeId> {
        let Some(membership) = &self.membership else {
            return self.spec.founders.iter().copied().collect();
        };
        let is_lost = |state: MemberState, since: Time| match state {
            MemberState::Down => self.now.since(since) >= self.spec.replace_after,
            MemberState::Left => true,
            _ => false,
        };
        let mut keepers: BTreeSet<NodeId> = self.spec.founders.iter().copied().collect();
        for member in membership.members() {
            if is_lost(member.state(), member.since()) {
                keepers.remove(&member.node());
            } else {
                keepers.insert(member.node());
            }
        }
        if self.has_left(self.spec.id) {
            keepers.remove(&self.spec.id);
        } else {
            keepers.insert(self.spec.id);
        }
        keepers
    }

    /// The map is another: what follows from it is taken up.
    pub(crate) fn map_changed(&mut self) {
        let map = match self.groups.get(&CONTROL).map(|member| &member.machine) {
            Some(Machine::Control(state)) if state.map.version() >= self.map.version() => {
                &state.map
            }
            _ => &self.map,
        };
        self.routes.learn_map(map);
        if let Some(observer) = &mut self.observer {
            observer.saw(self.now, &Saw::Map(map));
        }
        self.end_groups();
        self.found_groups();
    }

    /// Ends the groups of shards that are no more: all they had is elsewhere. What is left of
    /// them on the disk says that they have ended.
    fn end_groups(&mut self) {
        let over: Vec<GroupId> =
            self.groups.keys().copied().filter(|group| self.is_over(*group)).collect();
        let over: Vec<GroupId> = over.into_iter().chain(self.left_and_over()).collect();
        // All of them before anything is written of one: what is written may be of another.
        for group in &over {
            self.drop_group(*group);
            self.left.remove(group);
        }
        let mut ended = std::mem::take(&mut self.ended);
        let ends = over.into_iter().filter_map(shard_of);
        let mut writes: Vec<_> = ends.flat_map(|shard| ended.end(shard, self.map())).collect();
        writes.extend(ended.join(self.map()));
        self.ended = ended;
        self.writes.extend(writes);
    }

    /// Whether a group is of a shard that was there and has ended.
    pub(crate) fn is_over(&self, group: GroupId) -> bool {
        shard_of(group).is_some_and(|shard| self.map().is_over(shard))
    }

    /// Begins the groups of new shards that are to be kept here. Only those that nobody has
    /// led yet: the members of others have changed perhaps, and come with the leader's word.
    fn found_groups(&mut self) {
        let id = self.spec.id;
        let is_new = |shard: &nexus_cluster::shard::Shard| {
            shard.leader.is_none() && shard.replicas.contains(&id)
        };
        let new: Vec<(GroupId, Vec<NodeId>)> = self
            .map()
            .shards()
            .filter(|(_, shard)| is_new(shard))
            .map(|(shard, of)| (group_of(shard), of.replicas.clone()))
            // The map may be older than what this node knew before it restarted.
            .filter(|(group, _)| !self.ended.contains(*group))
            // Or was begun by a frame of another founder, and knows nothing yet.
            .filter(|(group, _)| self.groups.get(group).is_none_or(Group::is_blank))
            .filter(|(group, _)| !self.left.contains_key(group))
            .collect();
        for (group, nodes) in new {
            let term = self.groups.get(&group).map_or(Term(0), |member| member.raft.term());
            // The spec was good for the groups before it.
            let _ = self.found_group(group, &nodes, term);
        }
    }
}
