//! Operations as they begin and end.

use std::collections::BTreeMap;

use super::limits::{Budget, Limits};
use super::model::Model;
use super::operation::{Operation, Outcome};
use super::place::Place;
use super::store::Store;
use super::window::{Settled, Window};
use crate::Verdict;

/// Operations on one key after which an incremental history looks whether it can
/// let go of some. A guess: few enough to be checked in well under a millisecond.
const FOLD_OPERATIONS: usize = 64;

/// Operations as they begin and end, told in the order in which that happened.
///
/// See the [module](super) for an example. Memory is bounded by [`Limits`]; an
/// incremental history holds of each key only what can still matter.
#[derive(Debug)]
pub struct History<M: Model = Store> {
    model: M,
    limits: Limits,
    /// If it is checked while it is told: how often.
    fold_every: Option<usize>,
    keys: BTreeMap<String, Window<M>>,
    moment: u64,
    /// The first promise seen broken, and its key.
    violation: Option<(u64, Verdict)>,
    /// Whether there were more keys than are held.
    has_more_keys: bool,
}

/// An operation that has begun. It ends once: by [`History::ok`],
/// [`History::fail`] or [`History::unknown`]. One that never ends is unknown.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "an operation that is not ended counts as one of unknown outcome"]
pub struct OperationId {
    key: String,
    began: u64,
}

impl History {
    /// Of a store, to be checked when it is complete.
    pub fn complete() -> History {
        History::of(Store, Limits::default())
    }

    /// Of a store, checked while it is told.
    pub fn incremental() -> History {
        History::of(Store, Limits::incremental()).while_told()
    }
}

impl<M: Model> History<M> {
    /// Of what `model` describes, to be checked when it is complete.
    pub fn of(model: M, limits: Limits) -> History<M> {
        History {
            model,
            limits,
            fold_every: None,
            keys: BTreeMap::new(),
            moment: 0,
            violation: None,
            has_more_keys: false,
        }
    }

    /// Checks it while it is told, and holds less.
    #[must_use]
    pub fn while_told(self) -> History<M> {
        History { fold_every: Some(FOLD_OPERATIONS), ..self }
    }

    /// Checks it more often than is worth it.
    #[cfg(test)]
    pub(super) fn folding_every(self, operations: usize) -> History<M> {
        History { fold_every: Some(operations), ..self }
    }

    /// Operations held of a key.
    #[cfg(test)]
    pub(super) fn held(&self, key: &str) -> usize {
        self.keys[key].held()
    }

    /// `client` asks for `call` on `key`.
    pub fn invoke(&mut self, at: Place, client: u64, key: &str, call: M::Call) -> OperationId {
        let began = self.tick();
        let id = OperationId { key: key.to_owned(), began };
        if !self.keys.contains_key(key) && self.keys.len() >= self.limits.keys_max {
            self.has_more_keys = true;
            return id;
        }
        let (model, every) = (&self.model, self.fold_every.unwrap_or(usize::MAX));
        let window = self.keys.entry(key.to_owned()).or_insert_with(|| Window::new(model, every));
        let outcome = Outcome::Open;
        window.begin(Operation { began, at, client, call, outcome }, &self.limits);
        id
    }

    /// It was answered.
    ///
    /// # Panics
    /// If it was begun in another history.
    pub fn ok(&mut self, operation: OperationId, at: Place, answer: M::Answer) {
        let moment = self.tick();
        self.end(&operation, |window, _| window.answer(operation.began, moment, at, answer));
    }

    /// It surely had no effect, and told nothing of what was held.
    ///
    /// # Panics
    /// If it was begun in another history.
    pub fn fail(&mut self, operation: OperationId) {
        self.end(&operation, |window, _| window.remove(operation.began));
    }

    /// Nobody knows what became of it: it may take effect at any time from now,
    /// or have done so, or never.
    ///
    /// # Panics
    /// If it was begun in another history.
    pub fn unknown(&mut self, operation: OperationId) {
        self.end(&operation, |window, limits| window.set_unknown(operation.began, limits));
    }

    fn end(&mut self, operation: &OperationId, end: impl FnOnce(&mut Window<M>, &Limits)) {
        let now = self.tick();
        let Some(window) = self.keys.get_mut(&operation.key) else {
            assert!(self.has_more_keys, "the operation was begun in another history");
            return;
        };
        end(window, &self.limits);
        if self.fold_every.is_none() {
            return;
        }
        window.fold(&self.model, now, &self.limits);
        if let Some(Settled { moment, verdict: Verdict::Violated(reason) }) = window.settled()
            && self.violation.is_none()
        {
            let verdict = Verdict::Violated(of_key(&operation.key, reason));
            self.violation = Some((*moment, verdict));
        }
    }

    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// What was found so far by checking while it was told; cheap.
    pub fn violation(&self) -> Option<&Verdict> {
        self.violation.as_ref().map(|(_, verdict)| verdict)
    }

    /// Checks all of it. Of several keys that break their promise it names the
    /// one that did first.
    pub fn check(&self) -> Verdict {
        let mut budget = Budget::of(&self.limits);
        let mut violated: Option<(u64, String)> = None;
        let mut unknown: Option<String> = None;
        for (key, window) in &self.keys {
            let Settled { moment, verdict } = window.check(&self.model, &mut budget);
            match verdict {
                Verdict::Ok => {}
                Verdict::Unknown(why) => {
                    unknown.get_or_insert_with(|| of_key(key, &why));
                }
                Verdict::Violated(why) => {
                    if violated.as_ref().is_none_or(|(first, _)| moment < *first) {
                        violated = Some((moment, of_key(key, &why)));
                    }
                }
            }
        }
        if self.has_more_keys {
            let why =
                format!("more than {} keys, beyond which none is checked", self.limits.keys_max);
            unknown.get_or_insert(why);
        }
        match (violated, unknown) {
            (Some((_, reason)), _) => Verdict::Violated(reason),
            (None, Some(reason)) => Verdict::Unknown(reason),
            (None, None) => Verdict::Ok,
        }
    }
}

/// A history of one nameless key has no key to name.
fn of_key(key: &str, reason: &str) -> String {
    if key.is_empty() { reason.to_owned() } else { format!("key {key:?}: {reason}") }
}
