//! Those outside who take locks, hold them for a while, and give them back or not.
//!
//! A locker has one question under way and holds one lock at most, as far as it minds. It asks
//! any node; hears it nothing, it asks the same again, mostly another one, or gives up. Some
//! leases it renews, some it gives back, and some it lets end and asks for the lock anew: what
//! it was told of them holds until they end all the same. Now and then it shows the last fence that
//! it was given to the vault of the lock, or asks for the lock with its last claim, also when that is
//! over.

use std::time::Duration;

use nexus_agent::{Claim, Fence, LockError, LockReply, LockVerb};
use nexus_base::Rng;

/// The locks of a world. Few, so that lockers meet.
const NAMES: [&str; 2] = ["books", "crown"];

/// Who takes locks in a world.
pub(crate) const LOCKERS: u32 = 4;

/// How long a node is given to find out.
pub(crate) const WITHIN: Duration = Duration::from_secs(2);
/// How long a locker waits before it asks again. A guess: longer than a node is given, so that
/// most errors arrive.
const TRY_FOR: Duration = Duration::from_millis(2_500);
/// Tries of one question.
const TRIES_MAX: u32 = 4;
/// The shortest lease; others are twice as long, and so on.
const TTL_MIN: Duration = Duration::from_millis(500);
/// So often twice at most, 16 seconds: what a clock gains on another is then many times what a
/// frame takes.
const DOUBLINGS_MAX: u64 = 5;
/// The mean time between two questions. Short beside what is gained by a wrong clock.
const PAUSE_MEAN: Duration = Duration::from_millis(150);

/// Lockers by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LockerId(pub u32);

/// What a locker asks.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) what: LockVerb,
    tries: u32,
}

/// The lock that a locker minds.
#[derive(Clone, Debug)]
struct Minded {
    name: String,
    fence: Fence,
    ttl: Duration,
    /// How often it is renewed yet.
    renewals: u64,
}

/// One locker.
pub(crate) struct Locker {
    pub(crate) id: LockerId,
    /// Of its last question, or of the last time it asked it.
    pub(crate) number: u64,
    pub(crate) pending: Option<Question>,
    /// What it was told that nobody knows.
    unknown: Option<Question>,
    /// Which waking is meant: others have been overtaken.
    pub(crate) wake: u64,
    claims: u64,
    minded: Option<Minded>,
    /// The last lock that it was given: what it had asked, and the fence.
    last: Option<(LockVerb, Fence)>,
    /// Of the last time it showed one.
    pub(crate) shown: u64,
    rng: Rng,
}

impl Locker {
    pub(crate) fn new(id: LockerId, rng: &Rng) -> Locker {
        Locker {
            id,
            number: 0,
            pending: None,
            unknown: None,
            wake: 0,
            claims: 0,
            minded: None,
            last: None,
            shown: 0,
            rng: rng.fork_index("locker", u64::from(id.0)),
        }
    }

    /// Its waiting is over: what it asks now, and of which of so many nodes. Nothing if it has
    /// given a question up, or is to begin nothing new.
    pub(crate) fn go_on(&mut self, nodes: u32, begins: bool) -> Option<(u32, LockVerb)> {
        let node = self.rng.below(u64::from(nodes)) as u32;
        let asks_again = self.rng.below(4) > 0;
        let again = self.pending.take().or_else(|| self.unknown.take());
        let again = again.filter(|last| last.tries < TRIES_MAX && asks_again);
        let what = match again.clone() {
            Some(question) => question.what,
            None if begins => self.draw(),
            None => return None,
        };
        let tries = again.map_or(0, |question| question.tries) + 1;
        self.number += 1;
        self.pending = Some(Question { what: what.clone(), tries });
        Some((node, what))
    }

    /// How long it waits for an answer.
    pub(crate) const fn patience(&self) -> Duration {
        TRY_FOR
    }

    /// The lock and the fence that it shows to the vault now, if to any.
    pub(crate) fn shows(&mut self) -> Option<(String, Fence)> {
        if self.rng.below(4) > 0 {
            return None;
        }
        self.shown += u64::from(self.last.is_some());
        self.last.as_ref().map(|(taken, fence)| (taken.name().to_owned(), *fence))
    }

    fn draw(&mut self) -> LockVerb {
        let Some(minded) = &mut self.minded else { return self.draw_new() };
        let (name, fence) = (minded.name.clone(), minded.fence);
        if minded.renewals > 0 {
            minded.renewals -= 1;
            return LockVerb::Renew { name, fence };
        }
        self.minded = None;
        LockVerb::Release { name, fence }
    }

    fn draw_new(&mut self) -> LockVerb {
        let name = NAMES[self.rng.below(NAMES.len() as u64) as usize].to_owned();
        if self.rng.below(5) == 0 {
            return LockVerb::Look { name };
        }
        // One that it has asked already, which holds no more if it is over.
        if let Some((taken, _)) = self.last.clone()
            && self.rng.below(6) == 0
        {
            return taken;
        }
        self.claims += 1;
        // Nobody else's, and never again.
        let claim = Claim(u128::from(self.id.0 + 1) << 64 | u128::from(self.claims));
        let ttl = TTL_MIN * (1 << self.rng.below(DOUBLINGS_MAX + 1));
        LockVerb::Take { name, claim, ttl }
    }

    /// It is told something: how long it waits now.
    pub(crate) fn was_told(&mut self, reply: &LockReply) -> Duration {
        let Some(question) = self.pending.take() else { return self.pause() };
        match (&question.what, reply) {
            (LockVerb::Take { name, ttl, .. }, Ok(Some(tenure))) => {
                let (name, fence, ttl) = (name.clone(), tenure.fence, *ttl);
                self.last = Some((question.what.clone(), fence));
                let renewals = self.rng.below(4);
                let lets_it_end = self.rng.below(3) == 0;
                self.minded = Some(Minded { name, fence, ttl, renewals });
                if lets_it_end {
                    self.minded = None;
                }
                self.hold()
            }
            (LockVerb::Renew { .. }, Ok(_)) => self.hold(),
            (_, Err(LockError::Lost { .. })) => {
                self.minded = None;
                self.pause()
            }
            // Nobody knows, or nobody was there: it asks the same again, as after silence.
            (_, Err(LockError::Unknown | LockError::Unreachable)) => {
                self.unknown = Some(question);
                self.pause()
            }
            _ => self.pause(),
        }
    }

    /// How long it holds what it minds before it says more.
    fn hold(&mut self) -> Duration {
        let Some(minded) = &self.minded else { return self.pause() };
        // Up to a little more than it has.
        let ttl = minded.ttl;
        match self.rng.below(4) {
            0 => self.pause() / 16,
            1 => ttl.mul_f64(1.1 * self.rng.unit()),
            _ => ttl / 3,
        }
    }

    pub(crate) fn pause(&mut self) -> Duration {
        PAUSE_MEAN.mul_f64(self.rng.exponential().min(10.0))
    }

    /// Which answer is meant: the one to what it asked last.
    pub(crate) fn ticket(&self) -> u64 {
        u64::from(self.id.0) << 40 | self.number
    }
}

/// Marks the tickets of fences that are shown, which are asks of agents.
const SHOWN: u64 = 1 << 62;

/// Whether an answer is to a fence that was shown.
pub(crate) const fn is_shown(ticket: u64) -> bool {
    ticket & SHOWN != 0
}

/// The ticket of a fence that a locker shows.
pub(crate) fn ticket_shown(locker: LockerId, number: u64) -> u64 {
    SHOWN | u64::from(locker.0) << 40 | number
}

/// Whose ticket it is.
pub(crate) const fn locker_of(ticket: u64) -> u32 {
    ((ticket & !SHOWN) >> 40) as u32
}
