//! What the leader of a shard does again and again: it says that it leads, keeps the members
//! as the map has them, sends letters, rings reminders, and lets idle agents leave memory.

use std::time::Duration;

use nexus_base::{AgentId, Time};
use nexus_cluster::GroupId;
use nexus_cluster::NodeId;
use nexus_cluster::raft::Term;
use nexus_cluster::shard::Leader;

use crate::call::Waiter;
use crate::group::shard_of;
use crate::hosting::{Life, Reminder};
use crate::mail::News;
use crate::node::Alarm;
use crate::shard::{AgentName, Command, Origin, Request};
use crate::{Answer, CallError, Node};

/// How often. A guess: a small part of an election.
const DUTY_EVERY: Duration = Duration::from_millis(100);

/// How long leadership stays after it was to be handed over. A guess: much longer than an
/// election, which is what a handover costs that fails.
const YIELD_EVERY: Duration = Duration::from_secs(10);

/// Letters of one shard that are under way at a time. A guess.
const LETTERS_UNDER_WAY_MAX: usize = 256;

/// How long one letter is tried for before others have its place. A guess.
const LETTER_WITHIN: Duration = Duration::from_secs(10);

/// How often a letter is refused by its receiver before it is given up. With pauses that
/// double these are nearly seven minutes, in which a receiver may get well, or a program new.
const LETTER_TRIES_MAX: u32 = 16;

/// Reminders of one shard that ring at a time. A guess.
const RINGING_MAX: usize = 256;

/// How long the handler of a reminder may take to begin. A guess.
pub(crate) const REMINDER_WITHIN: Duration = Duration::from_secs(30);

/// Active agents of one shard looked at in one round, for whether they are idle.
const LOOKS_PER_ROUND: usize = 1_024;

/// Agents that leave memory in one round because others have grown, at most. A guess: enough
/// for any growth, and little work.
const ROOM_PER_ROUND: usize = 256;

impl Node {
    pub(crate) fn start_timers(&mut self) {
        self.alarms.set(Alarm::Duty, Some(self.now));
        self.alarms.set(Alarm::Map, Some(self.now));
        self.join_members();
    }

    pub(crate) fn do_duties(&mut self) {
        self.alarms.set(Alarm::Duty, Some(self.now.after(DUTY_EVERY)));
        self.steward();
        let groups: Vec<GroupId> = self.hostings.keys().copied().collect();
        for &group in &groups {
            self.say_that_it_leads(group);
            self.keep_members(group);
            self.let_idle_go(group);
            self.forget_lives(group);
        }
        self.make_room_for_growth();
        self.ask_to_leave();
        self.name_again();
        self.ring_all();
    }

    fn say_that_it_leads(&mut self, group: GroupId) {
        let (Some(shard), Some(hosting)) = (shard_of(group), self.hostings.get(&group)) else {
            return;
        };
        let Some(member) = self.groups.get(&group) else { return };
        let leader = Leader { node: self.spec.id, term: hosting.term };
        let voters: Vec<NodeId> = member.raft.members().voters.iter().copied().collect();
        let is_known = |known: &nexus_cluster::shard::Shard| {
            known.leader == Some(leader) && known.voters == voters
        };
        if !self.map().shard(shard).is_some_and(is_known) {
            self.tell_control(News::Led { shard, term: leader.term, voters });
        }
    }

    /// Hands leadership over, as the leader of the control group wishes. Not often, and to one
    /// alone who answers and has what there is: writes wait meanwhile, and they would wait in
    /// vain if the other one were not there, which nobody else may have noticed yet.
    pub(crate) fn yield_shard(&mut self, group: GroupId, to: NodeId) {
        let now = self.now;
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let is_due = now >= hosting.stays_until && member.raft.has_caught_up(to);
        if is_due && member.raft.transfer(now, to).is_ok() {
            hosting.stays_until = now.after(YIELD_EVERY);
            self.touched.insert(group);
        }
    }

    /// Looks after letters and reminders as soon as this input is dealt with.
    pub(crate) fn ring_soon(&mut self) {
        self.alarms.set(Alarm::Ring, Some(self.now));
    }

    pub(crate) fn ring_all(&mut self) {
        let groups: Vec<GroupId> = self.hostings.keys().copied().collect();
        for &group in &groups {
            self.send_letters(group);
            self.ring_reminders(group);
        }
        let next = groups.iter().filter_map(|group| self.next_reminder(*group)).min();
        let soonest = self.now.after(DUTY_EVERY);
        self.alarms.set(Alarm::Ring, next.map(|next| next.max(soonest)));
    }

    /// When the next reminder of a group is due, on this node's clock.
    fn next_reminder(&self, group: GroupId) -> Option<Time> {
        let at = self.groups.get(&group)?.shard()?.next_reminder()?;
        let later = at.since(self.spec.wall_at(self.now));
        Some(self.now.after(later))
    }

    fn send_letters(&mut self, group: GroupId) {
        let (Some(member), Some(hosting)) =
            (self.groups.get(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let Some(shard) = member.shard() else { return };
        let room = LETTERS_UNDER_WAY_MAX.saturating_sub(hosting.letters.len());
        let mut sent = Vec::new();
        for (sender, number, letter) in shard.letters() {
            let key = (sender, number);
            if sent.len() >= room {
                break;
            }
            if !hosting.letters.contains(&key) && !hosting.retries.letter_waits(self.now, key) {
                sent.push((key, letter.clone()));
            }
        }
        let term = hosting.term;
        hosting.letters.extend(sent.iter().map(|(key, _)| *key));
        for ((sender, number), letter) in sent {
            let request = Request { from: Origin::from(sender), number };
            let waiter = Waiter::Letter { group, term, sender, number };
            let what = (letter.to, letter.message, letter.bytes);
            self.begin_call(what, Some(request), LETTER_WITHIN, waiter);
        }
    }

    /// What came of a letter.
    pub(crate) fn letter_came(
        &mut self,
        group: GroupId,
        term: Term,
        letter: (AgentId, u64),
        answer: Result<Answer, CallError>,
    ) {
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        if hosting.term != term {
            return;
        }
        let is_received = match answer {
            Ok(_) => true,
            Err(CallError::Refused { .. }) => {
                let dead = hosting.retries.letter_failed(self.now, letter) >= LETTER_TRIES_MAX;
                self.counts.dead_letters += u64::from(dead);
                dead
            }
            // Again it might run twice, and local agents are asked at most once.
            Err(CallError::Failed { .. }) => {
                self.counts.dead_letters += 1;
                true
            }
            Err(_) => {
                hosting.retries.letter_failed(self.now, letter);
                false
            }
        };
        let (agent, number) = letter;
        let command = Command::Delivered { agent, letter: number };
        let is_noted = is_received
            && command.encode().is_ok_and(|bytes| member.raft.propose(self.now, bytes).is_ok());
        if is_noted {
            self.touched.insert(group);
        } else {
            hosting.letters.remove(&letter);
        }
    }

    fn ring_reminders(&mut self, group: GroupId) {
        let wall = self.spec.wall_at(self.now);
        let (Some(member), Some(hosting)) = (self.groups.get(&group), self.hostings.get(&group))
        else {
            return;
        };
        let Some(shard) = member.shard() else { return };
        let mut due = Vec::new();
        let waiting = hosting.ringing.len() + hosting.retries.reminder_count();
        for (agent, name, reminder) in shard.due(wall, RINGING_MAX + waiting) {
            if due.len() >= RINGING_MAX {
                break;
            }
            let key: Reminder = (agent, name.to_owned(), reminder.nonce);
            let waits =
                hosting.ringing.contains(&key) || hosting.retries.reminder_waits(self.now, &key);
            let record = shard.record(agent).filter(|_| !waits);
            if let Some(record) = record {
                let message = (reminder.message.clone(), reminder.bytes.clone());
                due.push((key, record.name().clone(), message));
            }
        }
        for (key, name, message) in due {
            if !self.ring(group, &key, &name, message)
                && let Some(hosting) = self.hostings.get_mut(&group)
            {
                hosting.retries.reminder_failed(self.now, key);
            }
        }
    }

    /// Lets agents leave memory that have had nothing to do for long.
    fn let_idle_go(&mut self, group: GroupId) {
        let now = self.now;
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        let from = hosting.looked_at.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let round = hosting.agents.range((from, std::ops::Bound::Unbounded)).take(LOOKS_PER_ROUND);
        let (mut last, mut idle) = (None, Vec::new());
        for (&id, hosted) in round {
            last = Some(id);
            if hosted.is_idle() && now.since(hosted.used) >= hosted.idle_after {
                idle.push((id, hosted.name.clone()));
            }
        }
        hosting.looked_at = last;
        for (id, name) in idle {
            self.passivate(group, id, &name);
        }
    }

    /// Ends an agent that owes nothing; it stays if it has begun something meanwhile.
    fn passivate(&mut self, group: GroupId, id: AgentId, name: &AgentName) -> bool {
        let is_going = self.system.passivate(&name.kind, &name.key);
        let hosting = self.hostings.get_mut(&group);
        if let Some(hosted) = hosting.and_then(|hosting| hosting.agents.get_mut(&id)) {
            hosted.life = if is_going { Life::Ending } else { Life::Active };
        }
        self.counts.passivated += u64::from(is_going);
        is_going
    }

    /// Agents that are active may have grown beyond what there is for them.
    fn make_room_for_growth(&mut self) {
        let mut excess = self.active_bytes.saturating_sub(self.spec.active_bytes_max);
        for _ in 0..ROOM_PER_ROUND {
            if excess == 0 {
                return;
            }
            let Some(bytes) = self.make_room() else { return };
            excess = excess.saturating_sub(bytes);
        }
    }

    /// Lets an agent leave memory that owes nothing: of some that are drawn, the one that was
    /// used longest ago. The new one has its place once that is gone, which is soon. How many
    /// bytes that will be; none if nobody goes.
    pub(crate) fn make_room(&mut self) -> Option<u64> {
        let draw = u128::from(self.rng.next_u64()) << 64;
        let from = AgentId::from_u128(draw);
        let drawn = self.homes.range(from..).chain(self.homes.range(..from)).take(LOOKS_PER_ROUND);
        let idle = drawn.filter_map(|(&id, &group)| {
            let hosted = self.hostings.get(&group)?.agents.get(&id)?;
            hosted.is_idle().then_some((hosted.used, id, group, hosted))
        });
        let (_, id, group, hosted) = idle.min_by_key(|(used, id, ..)| (*used, *id))?;
        let (name, bytes) = (hosted.name.clone(), hosted.bytes);
        self.passivate(group, id, &name).then_some(bytes)
    }
}
