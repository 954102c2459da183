//! What the caller asks for, and what follows from each call.

use std::collections::BTreeSet;

use nexus_base::Time;

use super::address::Address;
use super::effect::{Effect, Member, Standing};
use super::error::DatagramError;
use super::identity::Identity;
use super::wire::{Datagram, Kind, frame};
use super::{EFFECTS_LEN_MAX, Membership, Metadata, MetadataError, SEEDS_MAX, about, spec, wire};

/// How often the news that this node leaves is sent out, each time to several members.
/// With a fifth of all datagrams lost, that none of nine arrives happens once in two
/// million times; and then the others find out by probing.
const LEAVE_GOSSIP_COUNT: u32 = 3;

impl Membership {
    /// Asks to be let in by whoever is at these addresses; asks again each period until
    /// there is contact, and whenever all contact is lost. Those of them that are no members
    /// yet are asked now and then for ever. Of more than [`SEEDS_MAX`] the
    /// first are kept; its own address among them does no harm.
    pub fn join(&mut self, now: Time, seeds: &[Address]) {
        let own = self.foca.identity().address();
        let others = seeds.iter().filter(|seed| **seed != own);
        self.seeds = others.take(SEEDS_MAX).cloned().collect();
        if !self.is_over() {
            self.join_at = Some(now);
            self.handle_timeout(now);
        }
    }

    /// Tells some members that this node leaves, and takes no further part.
    pub fn leave(&mut self, now: Time) {
        if self.is_over() {
            return;
        }
        let about = about::leaving(&self.foca.identity().about);
        self.renew(about);
        let left = self.foca.leave_cluster(&mut self.outbox);
        self.expect(left);
        for _ in 1..LEAVE_GOSSIP_COUNT {
            let sent = self.foca.gossip(&mut self.outbox);
            self.expect(sent);
        }
        self.standing = Standing::Left;
        self.settle(now);
        self.stop();
    }

    /// Tells something else of this node from here on, under a renewed identity.
    ///
    /// # Errors
    /// [`MetadataError`] if it cannot be carried; nothing has changed then.
    pub fn set_metadata(&mut self, now: Time, metadata: &Metadata) -> Result<(), MetadataError> {
        let about = about::encode(&self.foca.identity().address(), metadata)?;
        if !self.is_over() {
            self.renew(about);
            self.settle(now);
        }
        Ok(())
    }

    /// Takes in one datagram that came from this address.
    ///
    /// # Errors
    /// [`DatagramError`]; nothing has changed then but the counts.
    pub fn handle_datagram(
        &mut self,
        now: Time,
        from: &Address,
        bytes: &[u8],
    ) -> Result<(), DatagramError> {
        self.counts.received += 1;
        let result = self.take_in(now, from, bytes);
        if let Err(error) = &result {
            self.counts.refused(error);
        }
        result
    }

    /// Fires every timer due at `now`. A late call is safe: a node that slept blames
    /// itself and not those whose answers it has slept through. Fires nothing while
    /// [`EFFECTS_LEN_MAX`] effects wait.
    pub fn handle_timeout(&mut self, now: Time) {
        if let Some(due) = self.timers.next()
            && now.since(due) > self.spec.probe_timeout
        {
            self.counts.stalls += 1;
            self.timers.postpone(now.since(due));
        }
        while !self.is_behind()
            && let Some(timer) = self.timers.pop_due(now)
        {
            self.fire(now, timer);
        }
        if self.join_at.is_some_and(|at| at <= now) && !self.is_behind() {
            self.ask_seeds(now);
        }
        if self.sync.is_due(now) && !self.is_behind() {
            self.ask_for_page(now);
        }
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing is pending.
    pub fn next_timeout(&self) -> Option<Time> {
        [self.timers.next(), self.join_at, self.sync.at()].into_iter().flatten().min()
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn take_in(&mut self, now: Time, from: &Address, bytes: &[u8]) -> Result<(), DatagramError> {
        if self.is_over() {
            return Err(DatagramError::Over);
        }
        if self.is_behind() {
            return Err(DatagramError::Behind { len: self.effects.len() });
        }
        match wire::parse(self.spec.cluster, bytes)? {
            Datagram::Swim(header, news) => self.take_swim(now, from, header, news),
            Datagram::Ask(ask) => self.take_ask(from, ask),
            Datagram::Page(page, news) => self.take_page(now, from, page, news),
            Datagram::Outranked(outranked) => self.take_outranked(outranked),
        }
    }

    fn is_behind(&self) -> bool {
        self.effects.len() >= EFFECTS_LEN_MAX
    }

    fn fire(&mut self, now: Time, timer: foca::Timer<Identity>) {
        let forgotten = match &timer {
            foca::Timer::RemoveDown(identity) => Some(identity.life),
            foca::Timer::ChangeSuspectToDown { member_id, incarnation, .. } => {
                // foca itself spares one that has cleared itself, but tells it that it is
                // down all the same; it would renew itself for nothing.
                if !self.book.is_suspect(member_id.life, *incarnation) {
                    return;
                }
                self.outbox.touched.push(member_id.life.node);
                None
            }
            _ => None,
        };
        let fired = self.foca.handle_timer(timer, &mut self.outbox);
        self.expect(fired);
        if let Some(life) = forgotten {
            self.book.forget_down(life);
        }
        self.settle(now);
    }

    /// Asks seeds that are no members, also later on: two halves of a cluster that were
    /// started apart would else never hear of each other.
    fn ask_seeds(&mut self, now: Time) {
        // Those that are down are asked by foca, as long as there is anybody to be with.
        let known: BTreeSet<Address> = match self.standing {
            Standing::Joined => self.book.members().map(Member::address).collect(),
            _ => BTreeSet::new(),
        };
        for seed in self.seeds.iter().filter(|seed| !known.contains(seed)) {
            let asked = self.foca.announce(Identity::whoever(seed), &mut self.outbox);
            self.counts.inner_errors += u64::from(asked.is_err());
        }
        self.join_at = self.next_join(now);
        self.settle(now);
    }

    fn next_join(&self, now: Time) -> Option<Time> {
        let is_joined = self.standing == Standing::Joined;
        let pause = if is_joined { self.spec.retry_period } else { self.spec.probe_period };
        (!self.seeds.is_empty()).then(|| now.after(pause))
    }

    /// Takes the next identity. foca falls silent with it until it hears from somebody;
    /// [`Self::settle`] brings it back at once.
    fn renew(&mut self, about: std::sync::Arc<[u8]>) {
        let identity = self.foca.identity().renewed(about);
        let identity = identity.expect("no process lives for four thousand million renewals");
        let changed = self.foca.change_identity(identity, &mut self.outbox);
        self.expect(changed);
        self.outbox.contact = Some(false);
    }

    pub(super) fn stop(&mut self) {
        self.timers.clear();
        self.join_at = None;
        self.sync.stop();
    }

    /// What foca was given has been checked before: that it refuses is our mistake.
    pub(super) fn expect(&mut self, result: Result<(), foca::Error>) {
        debug_assert!(result.is_ok(), "{result:?}");
        self.counts.inner_errors += u64::from(result.is_err());
    }

    /// Turns what foca wants after an input into effects and timers, and the book into
    /// what foca knows.
    pub(super) fn settle(&mut self, now: Time) {
        if std::mem::take(&mut self.outbox.is_renewed) {
            self.counts.rejoins += 1;
            self.effects.push_back(Effect::Rejoined(self.foca.identity().life));
        }
        self.settle_contact(now);
        for (timer, after) in self.outbox.timers.drain(..) {
            self.timers.insert(now.after(after), timer);
        }
        let sends = std::mem::take(&mut self.outbox.sends);
        for (to, body) in sends {
            self.send(to.address(), Kind::Swim, &body);
        }
        self.settle_book(now);
        self.settle_size();
    }

    pub(super) fn send(&mut self, to: Address, kind: Kind, body: &[u8]) {
        let bytes = frame(self.spec.cluster, kind, body);
        self.counts.sent += 1;
        self.counts.sent_bytes += bytes.len() as u64;
        self.effects.push_back(Effect::Send { to, bytes });
    }

    fn settle_contact(&mut self, now: Time) {
        if self.is_over() {
            return;
        }
        let was_joined = self.standing == Standing::Joined;
        let mut is_joined = self.outbox.contact.take().unwrap_or(was_joined);
        if !is_joined && self.foca.num_members() > 0 {
            let joined = self.foca.apply_many(std::iter::empty(), false, &mut self.outbox);
            self.expect(joined);
            is_joined = self.outbox.contact.take() == Some(true);
        }
        if is_joined && !was_joined {
            self.standing = Standing::Joined;
            self.join_at = self.next_join(now);
            self.sync.start(now);
        }
        if !is_joined && was_joined {
            self.standing = Standing::Alone;
            self.join_at = self.next_join(now);
            self.sync.stop();
        }
    }

    fn settle_book(&mut self, now: Time) {
        let mut touched = std::mem::take(&mut self.outbox.touched);
        touched.sort_unstable();
        touched.dedup();
        if !touched.is_empty() {
            let all = self.foca.iter_membership_state();
            let is_touched = |known: &&foca::Member<Identity>| {
                touched.binary_search(&known.id().life.node).is_ok()
            };
            let mut found: Vec<_> = all.filter(is_touched).collect();
            found.sort_unstable_by_key(|known| known.id().life.node);
            for known in found {
                self.effects.extend(self.book.set(now, known));
            }
        }
        touched.clear();
        self.outbox.touched = touched;
    }

    fn settle_size(&mut self) {
        let member_count = self.book.active_count() + 1;
        let size_class = spec::doublings(member_count);
        if size_class != self.size_class {
            self.size_class = size_class;
            let set = self.foca.set_config(self.spec.config(member_count));
            self.expect(set);
        }
    }
}
