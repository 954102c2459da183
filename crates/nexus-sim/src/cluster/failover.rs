//! Failover: how long a shard takes no write after the process that leads it has died.
//!
//! Nothing else goes wrong: links are in order, syncs take about as long as they should, one
//! process is down at a time. So the figure is that of the protocol and its times, which are
//! those that a member has by default.
//!
//! Who measures must not be what is measured: a client that pauses before it tries elsewhere
//! adds its pause. Here a new write goes to all members of a shard every [`PROBE_EVERY`], and
//! that, with the way there and back, is all that the figure holds beside the cluster's time.
//!
//! Absent on purpose: links that break with the process. A member learns of a death from
//! silence alone, as it would if the machine had died.

mod elections;
mod groups;

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft;

use super::checkers::Violation;
use super::family::Families;
use super::outside::node_id;
use super::spec::{ClusterSpec, SETTLE_WITHIN};

pub(crate) use elections::Elections;

/// How often a write is tried at each shard while one of them takes none.
pub const PROBE_EVERY: Duration = Duration::from_millis(10);
/// How often while all of them do.
const CALM_PROBE_EVERY: Duration = Duration::from_millis(100);
/// How long a process that died stays away, at least and at most.
pub const DOWN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// How long the cluster is whole before somebody dies, at least; and the mean of what comes
/// on top, so that a death is at no special moment of a round.
const CALM: Duration = Duration::from_secs(1);

/// A cluster in which leaders die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailoverSpec {
    /// Where chance begins.
    pub seed: u64,
    /// How many nodes there are, from 3 to 64.
    pub nodes: u32,
    /// How many shards, each a group of three members, from 1 to 1,024.
    pub shards: u32,
    /// What a frame takes at least; the most is twice that.
    pub latency: Duration,
    /// What a sync takes in the mean; the least is half of it, the most one and a half.
    pub sync: Duration,
}

impl FailoverSpec {
    /// Five nodes and eight shards on a local network and a disk that does not hurry.
    ///
    /// Half a millisecond and ten are guesses on the slow side.
    pub fn new(seed: u64) -> FailoverSpec {
        let (latency, sync) = (Duration::from_micros(500), Duration::from_millis(10));
        FailoverSpec { seed, nodes: 5, shards: 8, latency, sync }
    }

    /// The cluster it is about, in which nothing else goes wrong.
    pub(crate) fn calm(&self) -> ClusterSpec {
        let FailoverSpec { seed, nodes, shards, .. } = *self;
        ClusterSpec { nodes, shards, families: Families::NONE, ..ClusterSpec::new(seed) }
    }

    /// Whether members with their default times can elect a leader before they try again.
    ///
    /// # Errors
    /// [`TooSlow`] if the question, the vote and a sync of each side take too long.
    pub fn check(&self) -> Result<(), TooSlow> {
        let within = raft::Spec::new(node_id(0), []).election_timeout;
        let takes = FRAMES * 2 * self.latency + SYNCS * self.sync;
        if takes <= within {
            return Ok(());
        }
        let left = |others: Duration, each: u32| within.checked_sub(others).map(|left| left / each);
        Err(TooSlow {
            takes,
            within,
            latency_max: left(SYNCS * self.sync, FRAMES * 2).unwrap_or_default(),
            sync_max: left(FRAMES * 2 * self.latency, SYNCS).unwrap_or_default(),
        })
    }
}

/// Frames in a row that make somebody leader: a question and a vote.
const FRAMES: u32 = 2;
/// Syncs in a row: of who asks, and of who votes.
const SYNCS: u32 = 2;

/// Elections would hardly ever come to an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "an election takes {takes:?}, two frames and two syncs, and must be over within {within:?}"
)]
pub struct TooSlow {
    /// What a question and a vote take: frames at most, syncs in the mean.
    pub takes: Duration,
    /// How long until another member stands.
    pub within: Duration,
    /// The most that a frame may take at least, with such syncs; zero if they are too slow.
    pub latency_max: Duration,
    /// The most that a sync may take in the mean, with such frames; zero if they are too slow.
    pub sync_max: Duration,
}

/// One death, and what it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kill {
    /// When, in virtual time.
    pub at: Time,
    /// Whose process.
    pub node: NodeId,
    /// How long it stayed away.
    pub down: Duration,
    /// The shards it led; at least one.
    pub outages: Vec<Outage>,
}

impl Kill {
    /// From the death until the last shard took a write again.
    pub fn acknowledged(&self) -> Duration {
        self.outages.iter().map(|one| one.acknowledged).max().unwrap_or_default()
    }

    /// From the death until the last shard had another leader.
    pub fn elected(&self) -> Duration {
        self.outages.iter().map(|one| one.elected).max().unwrap_or_default()
    }
}

/// What the death of its leader was to one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    /// Which.
    pub shard: u32,
    /// From the death until the member that then acknowledged was elected.
    pub elected: Duration,
    /// From the death until a client was told that a write begun since is done.
    pub acknowledged: Duration,
}

/// Why there is no figure.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailoverError {
    /// A promise was broken. What was measured before stands.
    #[error("a promise was broken: {0}")]
    Violation(Violation),
    /// A shard took no write for [`SETTLE_WITHIN`] after the process that led it had died.
    /// What was measured before stands.
    #[error("shard {shard} took no write from {since}, when its leader died, to {until}")]
    Stuck {
        /// Which.
        shard: u32,
        /// When the process died.
        since: Time,
        /// When it was given up.
        until: Time,
    },
    /// A shard took no write for [`SETTLE_WITHIN`] though all processes were up, so that none
    /// was killed. What was measured before stands.
    #[error("shard {shard} took no write from {since} to {until}, with all processes up")]
    Unwell {
        /// Which.
        shard: u32,
        /// Since when.
        since: Time,
        /// When it was given up.
        until: Time,
    },
}

/// What a cluster is to whoever measures it.
pub(crate) trait Measured {
    /// The virtual time.
    fn now(&self) -> Time;

    /// Lets time pass; the first promise that was broken by then.
    fn pass(&mut self, time: Duration) -> Option<Violation>;

    /// The shards there are.
    fn shards(&self) -> Vec<u32>;

    /// The shards that a node leads.
    fn led_by(&self, node: u32) -> Vec<u32>;

    /// Has the process of a node die, and start again later.
    fn kill(&mut self, node: u32, down: Duration);

    /// Has a client begin the write of this number at a shard, wherever it may be led.
    fn probe(&mut self, shard: u32, number: u64);

    /// When which writes were acknowledged since the last look: shard and number.
    fn take_acknowledged(&mut self) -> Vec<(Time, u32, u64)>;
}

/// Leaders of one cluster that die, one after the other. Equal specs give equal deaths.
///
/// Of [groups](super::ClusterWorld) that keep a map of numbers, or of
/// [whole nodes](crate::nodes::NodesWorld), where the writes are asked of agents.
///
/// ```
/// use nexus_sim::cluster::{Failover, FailoverSpec};
///
/// let mut failover = Failover::of_groups(FailoverSpec { shards: 2, ..FailoverSpec::new(7) });
/// let kill = failover.next_kill()?;
/// assert!(kill.acknowledged().as_secs() < 2);
/// # Ok::<(), nexus_sim::cluster::FailoverError>(())
/// ```
pub struct Failover<World> {
    spec: FailoverSpec,
    pub(crate) world: World,
    rng: Rng,
    /// The number of the writes that were tried last.
    number: u64,
    /// For each shard the first number that counts, until one was acknowledged.
    wanted: BTreeMap<u32, u64>,
    /// The last death.
    died_at: Time,
    elections: Elections,
}

#[expect(private_bounds, reason = "what a world is to be measured by is its own affair")]
impl<World: Measured> Failover<World> {
    /// A cluster in which all shards are led already, or soon will be.
    pub(crate) fn start(spec: FailoverSpec, world: World, elections: Elections) -> Failover<World> {
        let rng = Rng::new(spec.seed).fork("failover");
        let wanted = BTreeMap::new();
        Failover { spec, world, rng, number: 0, wanted, died_at: Time::ZERO, elections }
    }

    /// Waits for a random moment at which all is well, kills a process that leads something,
    /// and waits until all it led takes writes again.
    ///
    /// # Errors
    /// [`FailoverError`]; there will be no further deaths then.
    pub fn next_kill(&mut self) -> Result<Kill, FailoverError> {
        self.want(self.world.shards());
        let since = self.world.now();
        let unwell = |shard, until| FailoverError::Unwell { shard, since, until };
        self.await_wanted(CALM_PROBE_EVERY, unwell)?;
        let more = CALM.mul_f64(self.rng.exponential().min(4.0));
        self.be_well(CALM + more)?;
        let (node, led) = self.choose();
        let span = (DOWN[1] - DOWN[0]).as_nanos() as u64;
        let down = DOWN[0] + Duration::from_nanos(self.rng.below(span + 1));
        let at = self.world.now();
        self.died_at = at;
        self.world.kill(node, down);
        self.want(led);
        // Clients do not know of it, so they are in no step with it.
        let step = self.rng.below(PROBE_EVERY.as_nanos() as u64);
        self.pass(Duration::from_nanos(step))?;
        let stuck = |shard, until| FailoverError::Stuck { shard, since: at, until };
        let outages = self.await_wanted(PROBE_EVERY, stuck)?;
        let kill = Kill { at, node: node_id(node), down, outages };
        self.be_well(at.after(down).since(self.world.now()))?;
        Ok(kill)
    }

    /// A node that leads something, and what.
    ///
    /// # Panics
    /// If nobody does: all shards took writes just now.
    fn choose(&mut self) -> (u32, Vec<u32>) {
        let led = |node| (node, self.world.led_by(node));
        let leaders = (0..self.spec.nodes).map(led).filter(|(_, led)| !led.is_empty());
        let mut leaders: Vec<_> = leaders.collect();
        assert!(!leaders.is_empty(), "whoever acknowledges leads");
        leaders.swap_remove(self.rng.below(leaders.len() as u64) as usize)
    }

    /// From now on writes to `shards` are waited for, that are yet to be begun.
    fn want(&mut self, shards: Vec<u32>) {
        for shard in shards {
            self.wanted.insert(shard, self.number + 1);
        }
    }

    /// Tries writes until each that is wanted was acknowledged; else it is `unmet`.
    fn await_wanted(
        &mut self,
        every: Duration,
        unmet: impl Fn(u32, Time) -> FailoverError,
    ) -> Result<Vec<Outage>, FailoverError> {
        let give_up = self.world.now().after(SETTLE_WITHIN);
        let mut outages = Vec::new();
        while let Some((&shard, _)) = self.wanted.first_key_value() {
            let until = self.world.now();
            if until > give_up {
                return Err(unmet(shard, until));
            }
            self.probe();
            self.pass(every)?;
            self.take_answers(&mut outages);
        }
        Ok(outages)
    }

    /// Ends the outage of each shard of which a wanted write was acknowledged.
    fn take_answers(&mut self, outages: &mut Vec<Outage>) {
        for (at, shard, number) in self.world.take_acknowledged() {
            if self.wanted.get(&shard).is_some_and(|least| *least <= number) {
                self.wanted.remove(&shard);
                let elected = self.elections.last(shard).since(self.died_at);
                let acknowledged = at.since(self.died_at);
                outages.push(Outage { shard, elected, acknowledged });
            }
        }
    }

    /// Lets time pass in which nobody dies, with writes now and then.
    fn be_well(&mut self, time: Duration) -> Result<(), FailoverError> {
        let until = self.world.now().after(time);
        while self.world.now() < until {
            self.probe();
            self.pass(CALM_PROBE_EVERY.min(until.since(self.world.now())))?;
            // Nobody waits for them.
            self.world.take_acknowledged();
        }
        Ok(())
    }

    fn probe(&mut self) {
        self.number += 1;
        for shard in self.world.shards() {
            self.world.probe(shard, self.number);
        }
    }

    fn pass(&mut self, time: Duration) -> Result<(), FailoverError> {
        match self.world.pass(time) {
            None => Ok(()),
            Some(first) => Err(FailoverError::Violation(first)),
        }
    }
}

#[cfg(test)]
mod tests;
