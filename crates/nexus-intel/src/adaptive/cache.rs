//! Answers to queries, kept for a while: what `enable_caching` turns on.
//!
//! An answer is kept under the agent, the query and its arguments, in a
//! [canonical](write_canonical) form. It goes when it is too old, when its
//! agent is updated, or when there is no room and nobody has asked for longest.
//!
//! An update can come while a query is under way, whose answer is then out of
//! date before it is kept. So a look-up that finds nothing hands out a [`Ticket`],
//! and the answer is taken with it only if the agent was not updated meanwhile.
//!
//! Absent on purpose: what counts as an update, and which queries may be cached
//! at all: whoever handles them knows.

mod arguments;

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_base::Time;

use super::knobs::CacheKnobs;

pub use arguments::write_canonical;

/// Agents whose last update is remembered, for answers that are under way; with
/// more, answers of all agents that are under way are not kept. A guess.
const UPDATED_MAX: usize = 4_096;

/// What is taken for the tables around an answer, in bytes. A guess at what they
/// need; there so that the smallest of answers is not free.
const ENTRY_OVERHEAD_BYTES: u64 = 160;

/// What an answer is kept under. `A` names the agent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AnswerKey<A> {
    // First, so that what is kept of one agent lies together.
    agent: A,
    query: String,
    arguments: String,
}

impl<A> AnswerKey<A> {
    /// The query called `query` to `agent`, with arguments in a form that is the
    /// same whenever they mean the same.
    pub fn new(agent: A, query: impl Into<String>, arguments: impl Into<String>) -> AnswerKey<A> {
        AnswerKey { agent, query: query.into(), arguments: arguments.into() }
    }

    /// Who is asked.
    pub const fn agent(&self) -> &A {
        &self.agent
    }

    fn bytes(&self) -> u64 {
        (size_of::<A>() + self.query.len() + self.arguments.len()) as u64
    }
}

/// Says when a query began, so that its answer is not kept if it is out of date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    updates: u64,
}

/// What a look-up came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup<'a, V> {
    /// The answer.
    Hit(&'a V),
    /// There is none: ask, and hand the answer in with this.
    Miss(Ticket),
}

/// Why an answer was not kept. Nothing else changed; the answer itself is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InsertError {
    /// Caching is off.
    #[error("answers are not kept at the moment")]
    Off,
    /// The agent was updated after the query began.
    #[error("the agent was updated meanwhile: the answer may be out of date")]
    Outdated,
    /// It alone is more than all may be.
    #[error("the answer takes {bytes} bytes, all together may take {bytes_max}")]
    TooLarge {
        /// What it takes.
        bytes: u64,
        /// What all may take.
        bytes_max: u64,
    },
}

/// What has been counted since the cache was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CacheCounts {
    /// Look-ups that found an answer.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Answers taken in.
    pub inserted: u64,
    /// Answers not taken in.
    pub refused: u64,
    /// Answers that made room for others.
    pub evicted: u64,
    /// Answers that were too old.
    pub expired: u64,
    /// Answers that went because their agent was updated.
    pub invalidated: u64,
}

/// Keeps answers within bounds. Every step takes logarithmic time for each
/// answer that it touches.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::Time;
/// use nexus_intel::adaptive::{AnswerCache, AnswerKey, CacheKnobs, Lookup};
///
/// let ttl = Duration::from_secs(5);
/// let on = CacheKnobs { entries_max: 100, bytes_max: 1 << 20, ttl };
/// let mut cache = AnswerCache::new(Some(on));
/// let key = AnswerKey::new("cart/42", "total", "{}");
/// let Lookup::Miss(ticket) = cache.get(Time::ZERO, &key) else { panic!("it is empty") };
/// cache.insert(Time::ZERO, key.clone(), ticket, 1_200, 4)?;
/// assert_eq!(cache.get(Time::ZERO, &key), Lookup::Hit(&1_200));
/// cache.invalidate(&"cart/42");
/// assert!(matches!(cache.get(Time::ZERO, &key), Lookup::Miss(_)));
/// # Ok::<(), nexus_intel::adaptive::InsertError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AnswerCache<A, V> {
    limits: Option<CacheKnobs>,
    entries: BTreeMap<Arc<AnswerKey<A>>, Entry<V>>,
    /// Who was asked for longest ago comes first.
    by_use: BTreeMap<u64, Arc<AnswerKey<A>>>,
    uses: u64,
    bytes: u64,
    updates: Updates<A>,
    counts: CacheCounts,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    bytes: u64,
    kept_at: Time,
    used: u64,
}

/// Which agents were updated lately.
#[derive(Clone, Debug)]
struct Updates<A> {
    count: u64,
    last: BTreeMap<A, u64>,
    by_age: BTreeMap<u64, A>,
    /// Updates up to this one are not told apart any more.
    forgotten: u64,
}

impl<A: Ord + Clone> Updates<A> {
    fn push(&mut self, agent: &A) {
        self.count += 1;
        if let Some(before) = self.last.insert(agent.clone(), self.count) {
            self.by_age.remove(&before);
        }
        self.by_age.insert(self.count, agent.clone());
        if self.by_age.len() > UPDATED_MAX
            && let Some((age, oldest)) = self.by_age.pop_first()
        {
            self.last.remove(&oldest);
            self.forgotten = age;
        }
    }

    fn was_updated_since(&self, agent: &A, ticket: Ticket) -> bool {
        let last = self.last.get(agent).copied().unwrap_or(0);
        ticket.updates < last.max(self.forgotten)
    }
}

impl<A: Ord + Clone, V> AnswerCache<A, V> {
    /// An empty cache; of `None` one that keeps nothing.
    pub fn new(limits: Option<CacheKnobs>) -> AnswerCache<A, V> {
        let updates =
            Updates { count: 0, last: BTreeMap::new(), by_age: BTreeMap::new(), forgotten: 0 };
        AnswerCache {
            limits,
            entries: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            updates,
            counts: CacheCounts::default(),
        }
    }

    /// Answers kept, those too old included that nobody has asked for since.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that all answers take, as told when they were handed in.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What has been counted.
    pub fn counts(&self) -> CacheCounts {
        self.counts
    }

    /// Takes on other limits; what is beyond them goes, and all of it if nothing
    /// is to be kept any more.
    pub fn set_limits(&mut self, limits: Option<CacheKnobs>) {
        self.limits = limits;
        self.make_room();
    }

    /// The answer kept under `key`, if it is not too old.
    pub fn get(&mut self, now: Time, key: &AnswerKey<A>) -> Lookup<'_, V> {
        let ttl = self.limits.map(|limits| limits.ttl);
        let kept = self.entries.get(key).map(|entry| now.since(entry.kept_at));
        let is_fresh = kept.zip(ttl).is_some_and(|(age, ttl)| age < ttl);
        if !is_fresh {
            self.counts.expired += u64::from(self.remove(key));
            self.counts.misses += 1;
            return Lookup::Miss(Ticket { updates: self.updates.count });
        }
        self.counts.hits += 1;
        self.uses += 1;
        let entry = self.entries.get_mut(key).expect("it was just found");
        let shared = self.by_use.remove(&entry.used).expect("every entry has its place");
        entry.used = self.uses;
        self.by_use.insert(self.uses, shared);
        Lookup::Hit(&entry.value)
    }

    /// Keeps an answer of `value_bytes` bytes that was asked for with `ticket`.
    /// Others make room: those that nobody has asked for longest.
    ///
    /// # Errors
    /// [`InsertError`] says why it is not kept; what was kept stays.
    pub fn insert(
        &mut self,
        now: Time,
        key: AnswerKey<A>,
        ticket: Ticket,
        value: V,
        value_bytes: u64,
    ) -> Result<(), InsertError> {
        let bytes = key.bytes().saturating_add(value_bytes).saturating_add(ENTRY_OVERHEAD_BYTES);
        if let Err(error) = self.check(&key, ticket, bytes) {
            self.counts.refused += 1;
            return Err(error);
        }
        self.remove(&key);
        self.uses += 1;
        let key = Arc::new(key);
        self.by_use.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { value, bytes, kept_at: now, used: self.uses });
        self.bytes += bytes;
        self.counts.inserted += 1;
        self.make_room();
        Ok(())
    }

    /// Forgets all answers of one agent, as it was updated; those under way will
    /// not be kept. Returns how many went.
    pub fn invalidate(&mut self, agent: &A) -> usize {
        self.updates.push(agent);
        let from = AnswerKey::new(agent.clone(), "", "");
        let of_agent = self.entries.range(from..).map(|(key, _)| key.clone());
        let gone: Vec<_> = of_agent.take_while(|key| key.agent == *agent).collect();
        gone.iter().for_each(|key| {
            self.remove(key);
        });
        self.counts.invalidated += gone.len() as u64;
        gone.len()
    }

    fn check(&self, key: &AnswerKey<A>, ticket: Ticket, bytes: u64) -> Result<(), InsertError> {
        let limits = self.limits.filter(|limits| limits.entries_max > 0);
        let bytes_max = limits.ok_or(InsertError::Off)?.bytes_max;
        if self.updates.was_updated_since(&key.agent, ticket) {
            return Err(InsertError::Outdated);
        }
        if bytes > bytes_max { Err(InsertError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    fn make_room(&mut self) {
        let (entries_max, bytes_max) =
            self.limits.map_or((0, 0), |limits| (limits.entries_max as usize, limits.bytes_max));
        while self.entries.len() > entries_max || self.bytes > bytes_max {
            let (_, oldest) = self.by_use.first_key_value().expect("something is kept");
            let oldest = oldest.clone();
            self.remove(&oldest);
            self.counts.evicted += 1;
        }
    }

    fn remove(&mut self, key: &AnswerKey<A>) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.by_use.remove(&entry.used);
        self.bytes -= entry.bytes;
        true
    }
}

#[cfg(test)]
mod tests;
