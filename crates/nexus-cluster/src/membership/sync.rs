//! How a node learns of everybody: it asks another one for all it knows, page by page.
//!
//! News reach those that are there when they are made; a newcomer has missed all of them.
//! foca answers it with a random handful, and collecting a thousand members from random
//! handfuls takes minutes. Whoever has learnt of a member in this way does not pass it on,
//! so where many come at once news die out before they have reached all. Hence each node
//! asks again every few seconds; where both know the same, that is seen at a glance.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::Time;

use super::Membership;
use super::address::Address;
use super::error::DatagramError;
use super::identity::Life;
use super::wire::{Kind, News, WireAsk, WirePage, fill, put};
use crate::NodeId;

/// How often a page is asked for in vain before waiting for the next round.
const TRIES_MAX: u32 = 6;

/// In how many rounds a suspicion has to be overdue before it is ended. A guess: two full
/// rounds of news.
const OVERDUE_ROUNDS: u32 = 3;

/// Where the asking stands.
#[derive(Default)]
pub(super) struct Sync {
    at: Option<Time>,
    /// Whose answer is awaited; none between rounds.
    asked: Option<NodeId>,
    /// The last member of the page before.
    after: Option<NodeId>,
    tries: u32,
    /// Suspects that should have cleared themselves, and in how many rounds that was so.
    overdue: BTreeMap<Life, u32>,
}

impl Sync {
    pub fn at(&self) -> Option<Time> {
        self.at
    }

    pub fn is_due(&self, now: Time) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    pub fn start(&mut self, now: Time) {
        let overdue = std::mem::take(&mut self.overdue);
        *self = Sync { at: Some(now), overdue, ..Sync::default() };
    }

    pub fn stop(&mut self) {
        *self = Sync::default();
    }
}

impl Membership {
    /// Calls suspects down whose time to clear themselves has long passed. Whoever began
    /// such a suspicion was started anew, or has lost all contact since, and with it the
    /// timer that would have ended it; the suspect never heard of it, and will now. Several
    /// rounds in a row, since a node that slept has news to catch up with.
    fn end_suspicions(&mut self, now: Time) {
        let within = self.spec.suspicion(self.book.active_count() + 1);
        let before = std::mem::take(&mut self.sync.overdue);
        let mut ended = Vec::new();
        for suspect in self.book.overdue(now, within) {
            let life = suspect.id().life;
            let rounds = before.get(&life).map_or(1, |rounds| rounds + 1);
            if rounds >= OVERDUE_ROUNDS {
                self.outbox.touched.push(life.node);
                ended.push(suspect);
            } else {
                self.sync.overdue.insert(life, rounds);
            }
        }
        if !ended.is_empty() {
            let result = self.foca.apply_many(ended.into_iter(), true, &mut self.outbox);
            self.expect(result);
            self.settle(now);
        }
    }

    pub(super) fn ask_for_page(&mut self, now: Time) {
        if self.sync.asked.is_none() {
            self.end_suspicions(now);
        }
        let active_count = self.book.active_count();
        if active_count == 0 || self.sync.tries >= TRIES_MAX {
            return self.wait_for_round(now);
        }
        let index = self.rng.below(active_count as u64) as usize;
        let peer = self.book.nth_active(index).expect("it is below their number");
        let (dst, address) = (peer.life(), peer.address());
        self.sync.tries += 1;
        self.ask(now, dst, address);
    }

    pub(super) fn take_ask(&mut self, from: &Address, ask: WireAsk) -> Result<(), DatagramError> {
        let to = self.acquaintance(from, ask.src, ask.dst)?;
        let (src, dst, after) = (self.life(), ask.src, ask.after);
        let head = |has_more| put(&WirePage { src, dst, after, has_more }, Vec::new());
        let is_same = after.is_none() && ask.digest == self.book.digest(src);
        let count = if is_same { 0 } else { usize::MAX };
        let body = fill(head, self.book.news_after(after).take(count));
        self.send(to, Kind::Page, &body);
        Ok(())
    }

    pub(super) fn take_page(
        &mut self,
        now: Time,
        from: &Address,
        page: WirePage,
        news: News<'_>,
    ) -> Result<(), DatagramError> {
        let to = self.acquaintance(from, page.src, page.dst)?;
        if self.sync.asked != Some(page.src.node) || self.sync.after != page.after {
            return Err(DatagramError::NotForUs);
        }
        let last = news.iter().last().map(|(member, _)| member.id.life.node);
        let Some(sifted) = self.sift(news) else { return Ok(()) };
        self.learn(now, &sifted);
        if page.has_more && last > self.sync.after && self.sync.asked.is_some() {
            self.sync.after = last;
            self.sync.tries = 1;
            self.ask(now, page.src, to);
        } else if self.sync.asked.is_some() {
            self.wait_for_round(now);
        }
        Ok(())
    }

    /// The address of one who counts as a member, whose datagram is for us.
    fn acquaintance(
        &mut self,
        from: &Address,
        src: Life,
        dst: Life,
    ) -> Result<Address, DatagramError> {
        let me = self.life();
        if dst != me && !dst.is_earlier_of(me) {
            return Err(DatagramError::NotForUs);
        }
        self.check_sender(from, src)?;
        let known = self.book.get(src.node).filter(|record| record.is_active());
        let is_known = |life: Life| life.is_same_process(src);
        match known.map(|record| record.member()).filter(|member| is_known(member.life())) {
            Some(member) => Ok(member.address()),
            None => Err(DatagramError::NotForUs),
        }
    }

    fn ask(&mut self, now: Time, dst: Life, to: Address) {
        let digest = self.book.digest(self.life());
        let ask = WireAsk { src: self.life(), dst, after: self.sync.after, digest };
        self.sync.asked = Some(dst.node);
        self.sync.at = Some(now.after(self.spec.probe_timeout));
        self.send(to, Kind::Ask, &put(&ask, Vec::new()));
    }

    /// From half to one and a half periods, so that nodes started together do not ask
    /// together for ever.
    fn wait_for_round(&mut self, now: Time) {
        let period = self.spec.sync_period;
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let more = Duration::from_nanos(self.rng.below(nanos));
        self.sync.start(now.after(period / 2).after(more));
    }
}
