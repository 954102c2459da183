//! What lockers ask and are told, on its way between them and the nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_agent::{Agent, Fence, LockReply, LockVerb, Message, decode, encode};
use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;
use nexus_node::shard::AgentName;
use nexus_node::{Answer, Ask, CallError, Input, LockAsk};

use super::checkers::{LockSeen, Seen};
use super::event::Event;
use super::kinds::vault::{Show, Vault};
use super::locker::{LOCKERS, Locker, LockerId, WITHIN, locker_of, ticket_shown};
use super::outside::Outside;
use super::world::NodesWorld;
use crate::cluster::{CLOCK_PPM_MAX, copies, node_id};
use crate::mix::Mix;

/// Where lockers are.
const NOBODY: NodeId = NodeId(0);

/// The fences that lockers show and have no answer to: number, lock and fence.
pub(crate) type OpenShows = BTreeMap<LockerId, (u64, String, Fence)>;

/// The lockers of a world that has any.
pub(crate) fn lockers(has_any: bool, rng: &Rng) -> Vec<Locker> {
    let count = if has_any { LOCKERS } else { 0 };
    (0..count).map(|one| Locker::new(LockerId(one), rng)).collect()
}

impl NodesWorld {
    pub(crate) fn begin_locking(&mut self) {
        for locker in 0..self.lockers.len() as u32 {
            let later = self.lockers[locker as usize].pause();
            self.wake_locker(locker, later);
        }
    }

    fn wake_locker(&mut self, locker: u32, later: Duration) {
        let one = &mut self.lockers[locker as usize];
        one.wake += 1;
        let wake = one.wake;
        self.out.after(later, Event::Locker { locker, wake });
    }

    /// A locker's waiting is over.
    pub(crate) fn locker_goes_on(&mut self, locker: u32, wake: u64) {
        let one = &mut self.lockers[locker as usize];
        if one.wake != wake {
            return;
        }
        self.out.trace.note(self.out.now, 17, locker.into(), wake);
        let Some((node, what)) = one.go_on(self.spec.nodes, !self.quiet) else {
            if !self.quiet {
                let later = one.pause();
                self.wake_locker(locker, later);
            }
            return;
        };
        let (id, number, patience) = (one.id, one.number, one.patience());
        let ask = LockAsk { ticket: one.ticket(), what, within: WITHIN };
        let copies = self.out.ask_lock(node, &ask);
        let what = &ask.what;
        let seen = LockSeen::Asks { locker: id, number, what, copies };
        self.out.checkers.see(NOBODY, &Seen::Lock(seen));
        self.show_fence(locker, node);
        self.wake_locker(locker, patience);
    }

    /// A locker shows a fence to the vault of its lock, if it does so now. It does not ask again.
    fn show_fence(&mut self, locker: u32, node: u32) {
        let one = &mut self.lockers[locker as usize];
        let Some((name, fence)) = one.shows() else { return };
        let (locker, number) = (one.id, one.shown);
        let ask = Ask {
            ticket: ticket_shown(locker, number),
            to: AgentName::new(Vault::KIND, name.clone()),
            message: Show::NAME.to_owned(),
            bytes: encode(&Show(fence)).into(),
            request: None,
            within: WITHIN,
        };
        self.out.ask(node, &ask);
        self.open_shows.insert(locker, (number, name.clone(), fence));
        let seen = LockSeen::Shows { locker, number, name: &name };
        self.out.checkers.see(NOBODY, &Seen::Lock(seen));
    }

    /// A vault has said whether it takes a fence; where it did not answer, nobody knows.
    pub(crate) fn fence_was_shown(
        &mut self,
        from: u32,
        ticket: u64,
        answer: &Result<Answer, CallError>,
    ) {
        let locker = LockerId(locker_of(ticket));
        let open = self.open_shows.get(&locker).cloned();
        let (Some((number, name, fence)), Ok(answer)) = (open, answer) else { return };
        if ticket != ticket_shown(locker, number) {
            return;
        }
        self.open_shows.remove(&locker);
        let taken: bool = decode(&answer.bytes).expect("a vault answers as its kind does");
        let now = self.out.now;
        self.out.trace.note(now, 20, locker.0.into(), ticket << 1 | u64::from(taken));
        let words = format_args!("locker {} shows {name} fence {fence}: {taken}", locker.0);
        self.out.trace.say(now, words);
        let seen = LockSeen::Shown { locker, number, name: &name, fence, taken };
        self.out.checkers.see(node_id(from), &Seen::Lock(seen));
    }

    /// What a locker asks has arrived at a node.
    pub(crate) fn lock_ask_arrives(&mut self, node: u32, ask: LockAsk) {
        let (now, id, locker) = (self.out.now, node_id(node), locker_of(ask.ticket));
        self.out.trace.input(now, 18, node.into(), ask.ticket);
        self.out.trace.say(now, format_args!("{id} from locker {locker}: {:?}", ask.what));
        self.nodes[node as usize].handle(&mut self.out, Input::Lock(ask));
    }

    /// What a node tells has arrived at a locker.
    pub(crate) fn locker_is_told(&mut self, from: u32, ticket: u64, told: &LockTold) {
        let (now, locker, id) = (self.out.now, locker_of(ticket), node_id(from));
        let LockTold { reply, until } = told;
        let Some(one) = self.lockers.get_mut(locker as usize) else { return };
        let is_meant = one.pending.is_some() && one.ticket() == ticket;
        let Some(question) = one.pending.clone().filter(|_| is_meant) else { return };
        self.out.trace.note(now, 19, locker.into(), told_hash(ticket, told));
        let words = format_args!("locker {locker} from {id}: {:?}: {reply:?}", question.what);
        self.out.trace.say(now, words);
        let (locker, number, what) = (one.id, one.number, &question.what);
        let until = until.filter(|_| !matches!(what, LockVerb::Look { .. }));
        let later = one.was_told(reply);
        let seen = LockSeen::Told { locker, number, what, reply, until };
        self.out.checkers.see(id, &Seen::Lock(seen));
        self.wake_locker(locker.0, later);
    }
}

/// What a node tells a locker.
#[derive(Clone, Debug)]
pub(crate) struct LockTold {
    reply: LockReply,
    /// Until when nobody else may be told that he holds it, in real time.
    until: Option<Time>,
}

fn told_hash(ticket: u64, told: &LockTold) -> u64 {
    let until = told.until.map_or(0, Time::as_nanos);
    Mix::new().word(ticket).word(until).bytes(format!("{:?}", told.reply).as_bytes()).finish()
}

impl Outside {
    /// Sends what a locker asks to a node; how many copies of it may arrive, as far as the
    /// locker can tell.
    fn ask_lock(&mut self, to: u32, ask: &LockAsk) -> u32 {
        let copies = copies(&self.plan, &mut self.lock_rng, &mut self.counts);
        let sent = copies.iter().flatten().count().max(1) as u32;
        for later in copies.into_iter().flatten() {
            self.after(later, Event::LockAsk { to, ask: ask.clone() });
        }
        sent
    }

    /// Sends what a node whose clock shows `local` tells a locker.
    pub(crate) fn tell_locker(&mut self, from: u32, ticket: u64, reply: LockReply, local: Time) {
        let held = reply.as_ref().ok().copied().flatten();
        let until = held.map(|held| self.now.after(at_most(held.until.since(local))));
        let told = LockTold { reply, until };
        let [first, _] = copies(&self.plan, &mut self.lock_rng, &mut self.counts);
        if let Some(later) = first {
            self.after(later, Event::LockTold { from, ticket, told });
        }
    }
}

/// How long it takes a clock to count so much, at most: the slowest that is within what nodes
/// are told of. Whatever the clock does from now on, the nodes do not know: they must bear this.
fn at_most(counted: Duration) -> Duration {
    let (million, slow) = (1_000_000, 1_000_000 - u128::from(CLOCK_PPM_MAX.unsigned_abs()));
    let nanos = counted.as_nanos() * million / slow;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_takes_a_little_longer_on_a_slow_clock() {
        let takes = at_most(Duration::from_secs(199));
        assert_eq!(takes, Duration::from_secs(200));
    }
}
