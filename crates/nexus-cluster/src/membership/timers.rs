//! What is to happen later, in order of time, and of asking where times are equal.

use std::collections::BTreeMap;
use std::time::Duration;

use foca::Timer;
use nexus_base::Time;

use super::identity::Identity;
use crate::NodeId;

/// Timers that wait.
///
/// Bounded without a check: the periodic ones are five, suspicions are at most one a probe
/// period for the length of a suspicion, and a member has at most one for being forgotten.
/// Those of an earlier identity are dropped as soon as the new one sets its first.
#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<(Time, u64), Timer<Identity>>,
    forgetting: BTreeMap<NodeId, (Time, u64)>,
    sequence: u64,
    token: Option<u8>,
}

impl Timers {
    pub fn insert(&mut self, at: Time, timer: Timer<Identity>) {
        self.sequence += 1;
        let key = (at, self.sequence);
        if let Timer::RemoveDown(identity) = &timer {
            let before = self.forgetting.insert(identity.life.node, key);
            before.map(|key| self.waiting.remove(&key));
        }
        self.drop_outdated(&timer);
        self.waiting.insert(key, timer);
    }

    pub fn next(&self) -> Option<Time> {
        self.waiting.first_key_value().map(|(&(at, _), _)| at)
    }

    pub fn pop_due(&mut self, now: Time) -> Option<Timer<Identity>> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (key, timer) = entry.remove_entry();
        if let Timer::RemoveDown(identity) = &timer
            && self.forgetting.get(&identity.life.node) == Some(&key)
        {
            self.forgetting.remove(&identity.life.node);
        }
        Some(timer)
    }

    /// Has everything happen so much later.
    pub fn postpone(&mut self, by: Duration) {
        let later = |(at, sequence): (Time, u64)| (at.after(by), sequence);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().map(|(key, timer)| (later(key), timer)).collect();
        self.forgetting.values_mut().for_each(|key| *key = later(*key));
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
        self.forgetting.clear();
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    fn drop_outdated(&mut self, timer: &Timer<Identity>) {
        let token = token(timer);
        if token.is_some() && token != self.token {
            self.token = token;
            self.waiting.retain(|_, timer| self::token(timer).is_none_or(|its| Some(its) == token));
        }
    }
}

/// The identity's own mark on what it asked for; foca ignores those with an old one.
fn token(timer: &Timer<Identity>) -> Option<u8> {
    match timer {
        Timer::ProbeRandomMember(token)
        | Timer::SendIndirectProbe { token, .. }
        | Timer::ChangeSuspectToDown { token, .. }
        | Timer::PeriodicAnnounce(token)
        | Timer::PeriodicAnnounceDown(token)
        | Timer::PeriodicGossip(token) => Some(*token),
        Timer::RemoveDown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn equal_times_keep_the_order_of_asking() {
        let mut timers = Timers::default();
        timers.insert(at(2), Timer::PeriodicGossip(0));
        timers.insert(at(1), Timer::ProbeRandomMember(0));
        timers.insert(at(1), Timer::PeriodicAnnounce(0));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(at(1)), Some(Timer::ProbeRandomMember(0)));
        timers.postpone(Duration::from_secs(5));
        assert_eq!((timers.pop_due(at(5)), timers.next()), (None, Some(at(6))));
    }

    #[test]
    fn a_renewed_identity_drops_what_the_old_one_asked_for() {
        let mut timers = Timers::default();
        timers.insert(at(1), Timer::ProbeRandomMember(0));
        timers.insert(at(2), Timer::ProbeRandomMember(1));
        assert_eq!(timers.len(), 1);
    }
}
