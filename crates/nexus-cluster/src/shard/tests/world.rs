//! A control group and shards that lose, repeat and reorder what they tell each other.
//!
//! Each group is one durable state machine here: that a group is one is Raft's to prove. The
//! group of a shard that has ended may go on for as long as it likes: its nodes have an old map.

use std::collections::BTreeSet;

use super::*;

/// What is stored of one slot: how many writes, and a mark for each writer.
type Content = BTreeMap<Slot, u64>;

/// A bug planted on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bug {
    /// The source is said to have sealed, and has not.
    NoSeal,
    /// The snapshot is of what was there when the handoff began.
    EarlySnapshot,
    /// The destination opens as soon as it has the snapshot.
    EarlyOpen,
    /// A snapshot that comes again is installed again.
    LateInstall,
}

#[derive(Clone, Debug)]
enum Message {
    /// To a shard; with the snapshot where it is to be installed.
    Do(Task, Content),
    /// To the control group.
    Tell(Command),
}

struct Group {
    holding: Holding,
    content: Content,
}

pub(super) struct World {
    pub(super) map: ShardMap,
    /// Handoffs committed, and given up, by kind.
    pub(super) decided: BTreeMap<(bool, &'static str), u64>,
    groups: BTreeMap<ShardId, Group>,
    /// New shards whose nodes have died for good, or never were.
    lost: BTreeSet<ShardId>,
    under_way: Vec<Message>,
    acknowledged: Content,
    early: BTreeMap<HandoffId, Content>,
    version_seen: u64,
    bug: Option<Bug>,
}

/// The slots that plans are about and writes go to; the last stands for all others.
fn watched() -> Vec<Slot> {
    let numbers = (0..8).chain([SLOT_COUNT - 1]);
    numbers.map(|number| Slot::new(number).expect("a slot")).collect()
}

/// Messages under way; more are lost.
const UNDER_WAY_MAX: usize = 40;

impl World {
    pub(super) fn new(bug: Option<Bug>) -> World {
        let map = ShardMap::new(nodes(&[1, 2, 3])).expect("three nodes");
        let first = Group { holding: Holding::new(SlotSet::all()), content: Content::new() };
        World {
            map,
            decided: BTreeMap::new(),
            groups: BTreeMap::from([(ShardId(0), first)]),
            lost: BTreeSet::new(),
            under_way: Vec::new(),
            acknowledged: Content::new(),
            early: BTreeMap::new(),
            version_seen: 0,
            bug,
        }
    }

    pub(super) fn step(&mut self, what: u8, which: usize) {
        let under_way = self.under_way.len();
        match what % 16 {
            0 | 1 => self.begin(which),
            2 | 3 => self.drive(),
            4..=8 if under_way > 0 => {
                self.deliver(which % under_way, (which / under_way).is_multiple_of(3))
            }
            9 if under_way > 0 => drop(self.under_way.swap_remove(which % under_way)),
            // A crash of whoever drives: all he had to say is lost, or some of it.
            10 if which.is_multiple_of(4) => self.under_way.truncate(which / 4 % 8),
            11 | 12 => self.decide(which, true),
            13 if which.is_multiple_of(3) => self.decide(which, false),
            14 if which.is_multiple_of(8) => self.lose(which),
            15 if which.is_multiple_of(8) => self.end_groups(),
            _ => self.write(which),
        }
    }

    /// A new shard that has nothing yet is never led from here on.
    fn lose(&mut self, which: usize) {
        let has_nothing =
            |shard: &ShardId| self.groups[shard].holding == Holding::new(SlotSet::new());
        let splits = self.map.handoffs().filter(|(_, handoff)| handoff.kind == Kind::Split);
        let new: Vec<ShardId> =
            splits.map(|(_, handoff)| handoff.to).filter(|shard| has_nothing(shard)).collect();
        if !new.is_empty() {
            self.lost.insert(new[which / 8 % new.len()]);
        }
    }

    fn begin(&mut self, which: usize) {
        let shards: Vec<ShardId> = self.map.shards().map(|(id, _)| id).collect();
        let mut rng = Rng::new(which as u64);
        let mut pick = |count: usize| rng.below(count as u64) as usize;
        let (from, to) = (shards[pick(shards.len())], shards[pick(shards.len())]);
        let (first, last) = (pick(8) as u16, pick(8) as u16);
        let slots = slots(first, last).intersection(&self.map.shard(from).expect("it is").slots);
        let plan = match pick(5) {
            0 if shards.len() < 5 => Plan::Split { shard: from, slots, replicas: nodes(&[1]) },
            0..=2 => Plan::Merge { from, to },
            _ => Plan::Move { from, to, slots },
        };
        if self.map.apply(&Command::Begin(plan)).is_err() {
            return;
        }
        let (id, handoff) = self.map.handoffs().last().expect("it has begun");
        let empty = || Group { holding: Holding::new(SlotSet::new()), content: Content::new() };
        self.early.insert(id, self.groups[&handoff.from].content.clone());
        self.groups.entry(handoff.to).or_insert_with(empty);
    }

    /// Tells everybody what is due.
    fn drive(&mut self) {
        for task in self.map.tasks() {
            let content = match task.step {
                Step::Install => self.snapshot(&task),
                _ => Some(Content::new()),
            };
            let Some(content) = content else { continue };
            if self.under_way.len() < UNDER_WAY_MAX {
                self.under_way.push(Message::Do(task, content));
            }
        }
    }

    fn snapshot(&self, task: &Task) -> Option<Content> {
        let source = self.groups.get(&task.from)?;
        let content = match self.bug {
            Some(Bug::EarlySnapshot) => &self.early[&task.handoff],
            Some(Bug::NoSeal) => &source.content,
            _ if source.holding.is_sealed(task.handoff, &task.slots) => &source.content,
            _ => return None,
        };
        let inside = |(slot, _): &(&Slot, &u64)| task.slots.contains(**slot);
        Some(content.iter().filter(inside).map(|(&slot, &count)| (slot, count)).collect())
    }

    fn deliver(&mut self, place: usize, again: bool) {
        let message = self.under_way[place].clone();
        if !again {
            self.under_way.swap_remove(place);
        }
        match message {
            Message::Tell(command) => self.map.apply(&command).expect("reports are in order"),
            Message::Do(task, content) => {
                if let Some(done) = self.carry_out(&task, content) {
                    self.under_way.push(Message::Tell(done));
                }
            }
        }
    }

    /// One command of a shard's own group; what is to be reported.
    fn carry_out(&mut self, task: &Task, content: Content) -> Option<Command> {
        let Task { handoff, step, ref slots, .. } = *task;
        let done = Command::Done { handoff, step };
        if self.lost.contains(&task.shard) {
            return None;
        }
        // Its group has ended; whoever sends to it hears nothing.
        let group = self.groups.get_mut(&task.shard)?;
        if self.bug == Some(Bug::NoSeal) && step == Step::Seal {
            return Some(done);
        }
        let progress = group.holding.apply(handoff, step, slots);
        let late = self.bug == Some(Bug::LateInstall);
        match (step, progress) {
            (Step::Install, Ok(Progress::Changed)) => group.content.extend(content),
            (Step::Install, _) if late => group.content.extend(content),
            (Step::Drop | Step::Discard, Ok(Progress::Changed)) => {
                group.content.retain(|&slot, _| !slots.contains(slot));
            }
            _ => {}
        }
        if self.bug == Some(Bug::EarlyOpen) && step == Step::Install {
            let _ = group.holding.apply(handoff, Step::Open, slots);
        }
        // What is stale was done before, or given up: the map knows.
        progress.ok().map(|_| done)
    }

    fn decide(&mut self, which: usize, commit: bool) {
        let ids: Vec<HandoffId> = self.map.handoffs().map(|(id, _)| id).collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[which % ids.len()];
        let command = if commit { Command::Commit(id) } else { Command::Abort(id) };
        let version = self.map.version();
        let _ = self.map.apply(&command);
        if self.map.version() > version {
            let kind = match self.map.handoff(id).expect("it is not over yet").kind {
                Kind::Split => "split",
                Kind::Merge => "merge",
                Kind::Move => "move",
            };
            *self.decided.entry((commit, kind)).or_default() += 1;
        }
    }

    /// A write that goes to everybody: who takes it must be the only one.
    fn write(&mut self, which: usize) {
        let slot = watched()[which % 9];
        for group in self.groups.values_mut().filter(|group| group.holding.accepts(slot)) {
            *group.content.entry(slot).or_default() += 1;
            *self.acknowledged.entry(slot).or_default() += 1;
        }
    }

    /// Groups of shards that are no longer in the map end, with all they have.
    fn end_groups(&mut self) {
        self.groups.retain(|id, _| self.map.shard(*id).is_some());
    }

    pub(super) fn check(&mut self) -> Result<(), String> {
        if self.map.version() < self.version_seen {
            return Err(format!("the map went back from version {}", self.version_seen));
        }
        self.version_seen = self.map.version();
        watched().into_iter().try_for_each(|slot| self.check_slot(slot))
    }

    fn check_slot(&self, slot: Slot) -> Result<(), String> {
        let owners = self.map.shards().filter(|(_, shard)| shard.slots.contains(slot));
        let owners: Vec<ShardId> = owners.map(|(id, _)| id).collect();
        if owners != [self.map.owner(slot)] {
            return Err(format!("slot {slot} is owned by {owners:?}"));
        }
        let open = self.groups.iter().filter(|(_, group)| group.holding.accepts(slot));
        let open: Vec<(&ShardId, &Group)> = open.collect();
        let stored = |group: &Group| group.content.get(&slot).copied().unwrap_or(0);
        let acknowledged = self.acknowledged.get(&slot).copied().unwrap_or(0);
        match open[..] {
            [] => {
                let under_way = |(_, handoff): (_, &Handoff)| handoff.slots.contains(slot);
                if !self.map.handoffs().any(under_way) {
                    return Err(format!(
                        "slot {slot} takes no writes, and no handoff is under way"
                    ));
                }
                let has_all = |(id, group): (&ShardId, &Group)| {
                    self.map.shard(*id).is_some() && stored(group) == acknowledged
                };
                if !self.groups.iter().any(has_all) {
                    return Err(format!("nobody has all of slot {slot}"));
                }
            }
            [(id, group)] if stored(group) != acknowledged => {
                let has = stored(group);
                return Err(format!("{id} has {has} of {acknowledged} writes of slot {slot}"));
            }
            [_] => {}
            _ => {
                let ids: Vec<_> = open.iter().map(|(id, _)| id).collect();
                return Err(format!("slot {slot} takes writes at {ids:?}"));
            }
        }
        Ok(())
    }

    /// Nothing is lost from here on: every handoff ends, within eight rounds, also those whose
    /// new shard nobody leads.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..8 {
            self.drive();
            while !self.under_way.is_empty() {
                self.deliver(0, false);
                self.check()?;
            }
            let count = self.map.handoffs().len();
            for which in 0..count {
                let handoff = self.map.handoffs().nth(which);
                let is_lost = handoff.is_some_and(|(_, of)| self.lost.contains(&of.to));
                self.decide(which, !is_lost);
            }
        }
        if self.map.handoffs().len() > 0 {
            return Err(format!("still under way: {:?}", self.map.handoffs().next()));
        }
        for slot in watched() {
            let owner = self.map.owner(slot);
            if !self.groups[&owner].holding.accepts(slot) {
                return Err(format!("{owner} owns slot {slot} and takes no writes for it"));
            }
        }
        Ok(())
    }
}
