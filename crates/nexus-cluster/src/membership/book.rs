//! What this node knows of each other one, in the order of their numbers.
//!
//! foca keeps a list of its own, which it walks for every piece of news. This is its
//! mirror, and it must be exact: news are held against it first, so that what is known
//! already costs a look-up and not a walk, and each difference is an effect.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::Bound;
use std::time::Duration;

use foca::State;
use nexus_base::Time;
use siphasher::sip::SipHasher13;

use super::effect::{Effect, Member, MemberState};
use super::identity::{Identity, Life};
use super::wire::{WireId, WireMember, WireState};
use crate::NodeId;

pub(super) struct Record {
    member: Member,
    incarnation: u16,
    swim: State,
    /// A process that this one outranks, and that has been reported.
    rival: Option<Life>,
}

impl Record {
    pub fn member(&self) -> &Member {
        &self.member
    }

    pub fn is_active(&self) -> bool {
        self.swim != State::Down
    }
}

#[derive(Default)]
pub(super) struct Book {
    records: BTreeMap<NodeId, Record>,
    active_count: usize,
    /// The sum of the active lives' digests, kept up to date.
    digest: u64,
}

impl Book {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn active_count(&self) -> usize {
        self.active_count
    }

    pub fn get(&self, node: NodeId) -> Option<&Record> {
        self.records.get(&node)
    }

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.records.values().map(Record::member)
    }

    /// The active one at this place among the active ones.
    pub fn nth_active(&self, index: usize) -> Option<&Member> {
        self.records.values().filter(|record| record.is_active()).nth(index).map(Record::member)
    }

    /// Members that have been suspects for longer than `within`, as if they were down.
    pub fn overdue(
        &self,
        now: Time,
        within: Duration,
    ) -> impl Iterator<Item = foca::Member<Identity>> {
        let is_overdue = move |record: &&Record| {
            record.swim == State::Suspect && now.since(record.member.since) > within
        };
        self.records.values().filter(is_overdue).map(|record| {
            foca::Member::new(record.member.identity.clone(), record.incarnation, State::Down)
        })
    }

    /// Active members behind this one, as news.
    pub fn news_after(&self, after: Option<NodeId>) -> impl Iterator<Item = WireMember<'_>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.records.range((from, Bound::Unbounded)).map(|(_, record)| record);
        behind.filter(|record| record.is_active()).map(|record| WireMember {
            id: WireId::of(&record.member.identity),
            incarnation: record.incarnation,
            state: match record.swim {
                State::Suspect => WireState::Suspect,
                _ => WireState::Alive,
            },
        })
    }

    /// One number for who is active, this node included; equal views have equal ones.
    pub fn digest(&self, me: Life) -> u64 {
        self.digest.wrapping_add(digest(me))
    }

    /// Whether foca would change anything on hearing this: its own rule, from the paper.
    pub fn is_news(&self, life: Life, incarnation: u16, state: WireState) -> bool {
        let Some(record) = self.records.get(&life.node) else { return true };
        let known = record.member.identity.life;
        if known != life {
            return life > known;
        }
        match (record.swim, state) {
            (State::Down, _) => false,
            (_, WireState::Down) => true,
            (State::Alive, WireState::Suspect) => incarnation >= record.incarnation,
            _ => incarnation > record.incarnation,
        }
    }

    /// Whether the suspicion of a life, as of this incarnation, still stands.
    pub fn is_suspect(&self, life: Life, incarnation: u16) -> bool {
        self.records.get(&life.node).is_some_and(|record| {
            let known = (record.member.identity.life, record.incarnation, record.swim);
            known == (life, incarnation, State::Suspect)
        })
    }

    /// The life of another process that has the place of this one.
    pub fn outranking(&self, life: Life) -> Option<&Identity> {
        let known = &self.records.get(&life.node)?.member.identity;
        (!known.life.is_same_process(life) && known.life > life).then_some(known)
    }

    /// Whether this rival has not been reported before; from now on it has.
    pub fn notice_rival(&mut self, rival: Life) -> bool {
        let Some(record) = self.records.get_mut(&rival.node) else { return false };
        let is_known = record.rival.is_some_and(|known| known.is_same_process(rival));
        record.rival = Some(rival);
        !is_known
    }

    /// The member that has been down for longest.
    pub fn oldest_down(&self) -> Option<&Identity> {
        let down = self.records.values().filter(|record| !record.is_active());
        let oldest = down.min_by_key(|record| (record.member.since, record.member.node()));
        oldest.map(|record| &record.member.identity)
    }

    /// Forgets a life that is down; another one of the node stays.
    pub fn forget_down(&mut self, life: Life) {
        let is_it = |record: &Record| !record.is_active() && record.member.identity.life == life;
        if self.records.get(&life.node).is_some_and(is_it) {
            self.records.remove(&life.node);
        }
    }

    /// Takes over how foca sees a member, and says what that means.
    pub fn set(&mut self, now: Time, known: &foca::Member<Identity>) -> Vec<Effect> {
        let node = known.id().life.node;
        let before = self.records.get(&node);
        let is_same = before.is_some_and(|record| {
            (&record.member.identity, record.incarnation, record.swim)
                == (known.id(), known.incarnation(), known.state())
        });
        if is_same {
            return Vec::new();
        }
        let before = before.map(|record| (record.member.clone(), record.rival));
        let member = describe(now, known, before.as_ref().map(|(member, _)| member));
        let record = Record {
            member: member.clone(),
            incarnation: known.incarnation(),
            swim: known.state(),
            rival: before.as_ref().and_then(|(_, rival)| *rival),
        };
        self.count(&record, true);
        if let Some(old) = self.records.insert(node, record) {
            self.count(&old, false);
        }
        change(before.map(|(member, _)| member), member)
    }

    fn count(&mut self, record: &Record, is_in: bool) {
        if record.is_active() {
            let digest = digest(record.member.identity.life);
            let (count, digest) = if is_in { (1, digest) } else { (-1, digest.wrapping_neg()) };
            self.active_count = self.active_count.wrapping_add_signed(count);
            self.digest = self.digest.wrapping_add(digest);
        }
    }
}

fn digest(life: Life) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write_u64(life.node.0);
    hasher.write_u64(life.start);
    hasher.write_u64(u64::from(life.birth) << 32 | u64::from(life.renewal));
    hasher.finish()
}

fn describe(now: Time, known: &foca::Member<Identity>, before: Option<&Member>) -> Member {
    let state = match known.state() {
        State::Alive => MemberState::Up,
        State::Suspect => MemberState::Suspect,
        State::Down if known.id().is_leaving() => MemberState::Left,
        State::Down => MemberState::Down,
    };
    let since = before.filter(|before| before.state == state).map_or(now, |before| before.since);
    Member { identity: known.id().clone(), state, since }
}

/// The effects of a member being otherwise than before.
fn change(before: Option<Member>, after: Member) -> Vec<Effect> {
    let was_active = before.as_ref().is_some_and(|member| member.state.is_active());
    let is_same = before
        .is_some_and(|member| (&member.identity, member.state) == (&after.identity, after.state));
    match after.state {
        // Only an incarnation is new.
        _ if is_same => vec![],
        MemberState::Up if after.identity.is_leaving() => vec![],
        MemberState::Up => vec![Effect::Up(after)],
        MemberState::Suspect if was_active => vec![Effect::Suspect(after)],
        MemberState::Suspect => vec![Effect::Up(after.clone()), Effect::Suspect(after)],
        // Whoever has never been seen up is not news when down.
        MemberState::Down | MemberState::Left if !was_active => vec![],
        MemberState::Down => vec![Effect::Down(after)],
        MemberState::Left => vec![Effect::Left(after)],
    }
}
