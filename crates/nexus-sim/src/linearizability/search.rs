//! The search for an order.
//!
//! Depth first. The next in the order may be any operation that began before
//! the first answer still to be explained. Three things keep it small, none of
//! which loses an order:
//!
//! * A configuration is tried once (Lowe), and not at all if another that
//!   reached the same with fewer of the unknown operations was.
//! * A read that fits is placed at once, without alternatives: wherever it would
//!   stand later, it may as well stand here. A write that changes nothing here
//!   may not: it may be the one that changes something later.
//! * Of equal unknown operations the one that began first is used.

use nexus_base::FixedMap;

use super::config::{Config, Placed, Used};
use super::limits::Budget;
use super::model::Model;
use super::operation::{Class, NEVER, Operation};

/// States told of where an order got stuck.
pub(super) const STATES_MAX: usize = 4;

/// What a search found.
pub(super) enum Found<S> {
    /// Orders that explain every answer asked for, cut where they do.
    Orders(Vec<Config<S>>),
    /// None does.
    Stuck(Stuck<S>),
    /// The limits were reached before that was known.
    Exhausted,
}

/// The answer that no order explains although all before it are explained.
pub(super) struct Stuck<S> {
    /// When it came.
    pub(super) moment: u64,
    /// What might have been held instead, the first few.
    pub(super) states: Vec<S>,
    /// Whether there were more.
    pub(super) has_more: bool,
}

/// A search in one key's operations.
pub(super) struct Search<'a, M: Model> {
    pub(super) model: &'a M,
    /// All answered, in the order in which they began.
    pub(super) operations: &'a [&'a Operation<M>],
    pub(super) classes: &'a [Class<M>],
    /// Answers that came before this moment are to be explained.
    pub(super) until: u64,
    /// Orders wanted: 1, or all there are, if not more than this.
    pub(super) orders_max: usize,
}

impl<M: Model> Search<'_, M> {
    /// Goes on from each of `starts`.
    pub(super) fn run(&self, starts: &[Config<M::State>], budget: &mut Budget) -> Found<M::State> {
        let mut tried = Tried::default();
        let mut stack: Vec<Config<M::State>> = Vec::new();
        let mut orders = Vec::new();
        let mut stuck = Stuck { moment: 0, states: Vec::new(), has_more: false };
        for start in starts.iter().rev() {
            if tried.is_new(start) {
                stack.push(start.clone());
            }
        }
        while let Some(config) = stack.pop() {
            let due = self.due(&config);
            if due >= self.until {
                orders.push(config);
                match self.orders_max {
                    1 => return Found::Orders(orders),
                    max if orders.len() > max => return Found::Exhausted,
                    _ => continue,
                }
            }
            stuck.note(due, &config.state);
            for next in self.next(&config, due).into_iter().rev() {
                let is_new = tried.is_new(&next);
                let bytes =
                    if is_new { next.bytes(self.model.state_bytes(&next.state)) } else { 0 };
                if !budget.take(bytes) {
                    return Found::Exhausted;
                }
                if !is_new {
                    continue;
                }
                stack.push(next);
            }
        }
        if orders.is_empty() { Found::Stuck(stuck) } else { Found::Orders(orders) }
    }

    /// When the first answer came that is not explained.
    fn due(&self, config: &Config<M::State>) -> u64 {
        let mut due = NEVER;
        for index in config.placed.missing(self.operations.len()) {
            let one = self.operations[index];
            if one.began > due {
                break; // Its answer is later still.
            }
            due = due.min(one.ended());
        }
        due
    }

    /// Where the order may go next, the likeliest first.
    fn next(&self, config: &Config<M::State>, due: u64) -> Vec<Config<M::State>> {
        let mut next = Vec::new();
        for index in config.placed.missing(self.operations.len()) {
            let one = self.operations[index];
            if one.began > due {
                break;
            }
            let Some(state) = self.model.step(&config.state, &one.call, one.answer()) else {
                continue;
            };
            let is_read = one.answer().is_some_and(|answer| self.model.is_read(&one.call, answer));
            let mut placed = config.placed.clone();
            placed.place(index);
            let reached = Config { placed, used: config.used.clone(), state };
            if is_read {
                return vec![reached];
            }
            next.push((one.ended(), reached));
        }
        // Whoever answered first most often also took effect first.
        next.sort_by_key(|(ended, _)| *ended);
        let mut next: Vec<_> = next.into_iter().map(|(_, config)| config).collect();
        next.extend(self.unknown_next(config, due));
        next
    }

    fn unknown_next(&self, config: &Config<M::State>, due: u64) -> Vec<Config<M::State>> {
        let mut next = Vec::new();
        for (index, class) in self.classes.iter().enumerate() {
            let began = class.began.get(config.used.count(index));
            if began.is_none_or(|&began| began > due) {
                continue;
            }
            match self.model.step(&config.state, &class.call, None) {
                Some(state) if state != config.state => {
                    let (placed, used) = (config.placed.clone(), config.used.with(index));
                    next.push(Config { placed, used, state });
                }
                // Without an effect it may as well not be there.
                _ => {}
            }
        }
        next
    }
}

impl<S: Clone + Eq> Stuck<S> {
    /// Notes that an order stood before the answer due then, with this held.
    fn note(&mut self, due: u64, state: &S) {
        if due < self.moment {
            return;
        }
        if due > self.moment {
            *self = Stuck { moment: due, states: Vec::new(), has_more: false };
        }
        if self.states.contains(state) {
            return;
        }
        match self.states.len() {
            STATES_MAX => self.has_more = true,
            _ => self.states.push(state.clone()),
        }
    }
}

/// What was tried.
struct Tried<S>(FixedMap<(Placed, S), Vec<Used>>);

impl<S> Default for Tried<S> {
    fn default() -> Tried<S> {
        Tried(FixedMap::default())
    }
}

impl<S: Clone + Eq + std::hash::Hash> Tried<S> {
    /// Whether nothing at least as good was tried; it counts as tried from now.
    fn is_new(&mut self, config: &Config<S>) -> bool {
        let key = (config.placed.clone(), config.state.clone());
        let known = self.0.entry(key).or_default();
        if known.iter().any(|used| used.is_within(&config.used)) {
            return false;
        }
        known.retain(|used| !config.used.is_within(used));
        known.push(config.used.clone());
        true
    }
}
