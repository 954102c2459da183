//! Which strategy balances a pool, by conditions.
//!
//! The table, first line that holds:
//!
//! | conditions | choice | why, and how sure that is |
//! |---|---|---|
//! | views older than a request takes | `two-choices` | Everybody runs to whoever looked least loaded a while ago; two at random spread them. By the source below; not measured here. |
//! | measured to gain here | that | The one that costs least at worst. Measured, on this pool. |
//! | predictions believed, and speeds differ, or deadlines, or load | scheduled by prediction | The mean of a prototype was 0.86 of least connections with mixed speeds, 0.95 with equal ones; `docs/levels.md` has what holds today. |
//! | speeds differ | `weighted-response-time` | Measured by `nexus demo`, mixed speeds: mean 4.71 s and p99 17.8 s, least connections 5.24 and 22.1. |
//! | load | `central-queue` | Measured by `nexus demo`, equal speeds: mean 4.82 s and p99 13.4 s, least connections 5.06 and 16.5. |
//! | else | `least-connections` | There is nothing to win. A guess. |
//!
//! What was measured to do harm on this pool is passed over. Thresholds are
//! guesses, each with a lower one on the way back; a choice has to stay the same
//! for a while before it is made, and stays for longer: it cannot flap.
//!
//! # Source
//! Mitzenmacher, "How Useful Is Old Information?", 2000.

mod conditions;

use std::fmt;
use std::time::Duration;

use nexus_base::{BoundedQueue, Time};
use nexus_coord::balance::StrategyName;

use crate::measure::{Gain, Verdict};

pub use conditions::{Conditions, ConditionsError};
use conditions::{Seen, Switches};

/// How long another choice must be the better one before it is made. A guess.
pub const SETTLE: Duration = Duration::from_secs(60);

/// How long a choice stays, at least. A guess: as long as it takes to see in a
/// pool's figures what it did.
pub const STRATEGY_DWELL: Duration = Duration::from_secs(600);

/// How long a measured gain counts: conditions change. A guess.
const GAIN_KEPT: Duration = Duration::from_secs(3_600);

/// Choices made that wait to be polled, at most; the oldest give way.
const EFFECTS_MAX: usize = 64;

/// How a pool is balanced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Choice {
    /// By a strategy that comes with Nexus.
    Named(StrategyName),
    /// Requests are held, and scheduled on predicted availabilities.
    Scheduled,
}

impl Choice {
    /// The name, as in configuration and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Choice::Named(name) => name.as_str(),
            Choice::Scheduled => "scheduled",
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a choice was made.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// Nothing is known that speaks for another one.
    NothingToWin,
    /// What is known of servers is older than a request takes.
    StaleViews,
    /// It gained, measured on this pool.
    Measured(Gain),
    /// Predictions are believed, and there is something to schedule.
    Predictions,
    /// Servers differ in speed.
    SpeedsDiffer,
    /// Most servers are busy.
    Load,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NothingToWin => "nothing speaks for another one",
            Why::StaleViews => "what is known of servers is old",
            Why::Measured(gain) => return write!(f, "it was measured here: {gain}"),
            Why::Predictions => "predictions are believed and there is something to schedule",
            Why::SpeedsDiffer => "servers differ in speed",
            Why::Load => "most servers are busy",
        })
    }
}

/// Another choice was made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Chosen {
    /// When.
    pub at: Time,
    /// What was before.
    pub from: Choice,
    /// What is now.
    pub to: Choice,
    /// Why.
    pub why: Why,
}

/// Chooses how one pool is balanced.
///
/// ```
/// use nexus_base::Time;
/// use nexus_coord::balance::StrategyName;
/// use nexus_intel::adaptive::{Choice, Chooser, Conditions, SETTLE};
///
/// let mut chooser = Chooser::new();
/// let mixed = Conditions { speed_spread: 3.0, ..Conditions::default() };
/// chooser.handle_conditions(Time::ZERO, mixed)?;
/// assert_eq!(chooser.choice(), Choice::Named(StrategyName::LeastConnections));
/// chooser.handle_timeout(Time::ZERO.after(SETTLE));
/// assert_eq!(chooser.choice(), Choice::Named(StrategyName::WeightedResponseTime));
/// # Ok::<(), nexus_intel::adaptive::ConditionsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chooser {
    choice: Choice,
    why: Why,
    switches: Switches,
    /// At most one for each choice there is.
    gains: Vec<(Choice, Gain, Time)>,
    /// What has been the better choice, and since when.
    better: Option<(Choice, Why, Time)>,
    /// No other choice before.
    stays_until: Time,
    effects: BoundedQueue<Chosen>,
    now: Time,
}

impl Default for Chooser {
    fn default() -> Chooser {
        Chooser::new()
    }
}

impl Chooser {
    /// A chooser that has chosen least connections, the base of comparison.
    pub fn new() -> Chooser {
        Chooser {
            choice: BASE,
            why: Why::NothingToWin,
            switches: Switches::default(),
            gains: Vec::new(),
            better: None,
            stays_until: Time::ZERO,
            effects: BoundedQueue::new(EFFECTS_MAX),
            now: Time::ZERO,
        }
    }

    /// What is chosen now.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// Why that is chosen.
    pub fn why(&self) -> Why {
        self.why
    }

    /// Takes in the conditions of the pool.
    ///
    /// # Errors
    /// [`ConditionsError`] names the figure that cannot be; nothing was changed.
    pub fn handle_conditions(
        &mut self,
        now: Time,
        conditions: Conditions,
    ) -> Result<(), ConditionsError> {
        conditions.check()?;
        self.handle_timeout(now);
        self.switches.handle(&conditions);
        self.handle_timeout(now);
        Ok(())
    }

    /// Takes in what a choice costs on this pool, divided by what least
    /// connections cost. Counts for an hour.
    pub fn handle_gain(&mut self, now: Time, choice: Choice, gain: Gain) {
        self.handle_timeout(now);
        self.gains.retain(|(other, ..)| *other != choice);
        if choice != BASE {
            self.gains.push((choice, gain, self.now.after(GAIN_KEPT)));
        }
        self.handle_timeout(now);
    }

    /// Does what is due at `now`. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        let now = self.now;
        self.gains.retain(|(.., until)| now < *until);
        let (best, why) = self.best();
        if best == self.choice {
            self.why = why;
            self.better = None;
            return;
        }
        let since = self.better.filter(|(better, ..)| *better == best).map_or(now, |(.., at)| at);
        self.better = Some((best, why, since));
        if now >= since.after(SETTLE).max(self.stays_until) {
            self.choose(best, why);
        }
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing is pending.
    pub fn next_timeout(&self) -> Option<Time> {
        let change = self.better.map(|(.., since)| since.after(SETTLE).max(self.stays_until));
        change.into_iter().chain(self.gains.iter().map(|(.., until)| *until)).min()
    }

    /// The oldest choice that the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Chosen> {
        self.effects.pop()
    }

    fn choose(&mut self, to: Choice, why: Why) {
        let chosen = Chosen { at: self.now, from: self.choice, to, why };
        self.effects.push_evicting(chosen);
        (self.choice, self.why, self.better) = (to, why, None);
        self.stays_until = self.now.after(STRATEGY_DWELL);
    }

    /// The table at the head of this file.
    fn best(&self) -> (Choice, Why) {
        let is_on = |seen: Seen| self.switches.is_on(seen);
        let reasons = is_on(Seen::SpeedsDiffer) || is_on(Seen::Deadlines) || is_on(Seen::Load);
        let measured = self.measured_best();
        let rows = [
            (is_on(Seen::StaleViews), StrategyName::TwoChoices.into(), Why::StaleViews),
            (measured.is_some(), measured.map_or(BASE, |(choice, _)| choice), {
                measured.map_or(Why::NothingToWin, |(_, gain)| Why::Measured(gain))
            }),
            (is_on(Seen::Predictions) && reasons, Choice::Scheduled, Why::Predictions),
            (
                is_on(Seen::SpeedsDiffer),
                StrategyName::WeightedResponseTime.into(),
                Why::SpeedsDiffer,
            ),
            (is_on(Seen::Load), StrategyName::CentralQueue.into(), Why::Load),
        ];
        let holds = rows.into_iter().find(|(holds, choice, _)| *holds && !self.is_harm(*choice));
        holds.map_or((BASE, Why::NothingToWin), |(_, choice, why)| (choice, why))
    }

    /// Of the choices that gain for sure, the one that costs least at worst.
    /// Without believed predictions nothing can be scheduled by them.
    fn measured_best(&self) -> Option<(Choice, Gain)> {
        let can_be =
            |choice: Choice| choice != Choice::Scheduled || self.switches.is_on(Seen::Predictions);
        let gains = self.gains.iter().map(|(choice, gain, _)| (*choice, *gain));
        gains
            .filter(|(choice, gain)| gain.verdict(ANY_GAIN) == Verdict::Gain && can_be(*choice))
            .min_by(|(a, gain_a), (b, gain_b)| {
                at_worst(gain_a).total_cmp(&at_worst(gain_b)).then(a.cmp(b))
            })
    }

    fn is_harm(&self, choice: Choice) -> bool {
        self.gains
            .iter()
            .any(|(other, gain, _)| *other == choice && gain.verdict(ANY_GAIN) == Verdict::Harm)
    }
}

/// What others are measured against, and what is chosen when nothing is known.
const BASE: Choice = Choice::Named(StrategyName::LeastConnections);

/// What is worth having, as a share: whatever is surely no harm.
const ANY_GAIN: f64 = 0.0;

/// The most that a choice costs, as surely as its gain is known.
fn at_worst(gain: &Gain) -> f64 {
    gain.interval.map_or(f64::INFINITY, |[_, high]| high)
}

impl From<StrategyName> for Choice {
    fn from(name: StrategyName) -> Choice {
        Choice::Named(name)
    }
}

#[cfg(test)]
mod tests;
