//! What requests of each name took so far, and how far that was from what was expected.

use std::collections::BTreeMap;

use nexus_coord::Variant;

use super::ratios::Ratios;

/// Names told apart, at most, each in each of its variants; others have no mean. A
/// guess: kinds have few rules.
const NAMES_MAX: usize = 64;

/// Outcomes over which a mean goes: later ones weigh a hundredth each. A guess.
const OUTCOMES_MAX: f64 = 100.0;

/// A mean of seconds for each name and variant.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<String, [Option<Known>; Variant::ALL.len()]>,
}

#[derive(Clone, Debug)]
struct Known {
    mean_s: f64,
    outcomes: f64,
    ratios: Ratios,
}

impl Names {
    pub(super) fn mean(&self, name: &str, variant: Variant) -> Option<f64> {
        self.known(name, variant).map(|known| known.mean_s)
    }

    /// Between which shares of what is expected nine of ten outcomes lie; of a name that
    /// is not known anything may come.
    pub(super) fn range(&self, name: &str, variant: Variant) -> (f64, f64) {
        self.known(name, variant).map_or(Ratios::ANYTHING, |known| known.ratios.range())
    }

    /// A request took so long; `expected_s` by the model, if it is trusted.
    pub(super) fn handle_outcome(
        &mut self,
        (name, variant): (&str, Variant),
        took_s: f64,
        expected_s: Option<f64>,
    ) {
        if !self.known.contains_key(name) {
            if self.known.len() == NAMES_MAX {
                return;
            }
            self.known.insert(name.to_owned(), Default::default());
        }
        let of_name = self.known.get_mut(name).expect("it was just put there");
        let begin = || Known { mean_s: took_s, outcomes: 0.0, ratios: Ratios::default() };
        let known = of_name[variant as usize].get_or_insert_with(begin);
        known.outcomes = (known.outcomes + 1.0).min(OUTCOMES_MAX);
        known.mean_s += (took_s - known.mean_s) / known.outcomes;
        if let Some(expected_s) = expected_s {
            known.ratios.handle_ratio(took_s, expected_s);
        }
    }

    fn known(&self, name: &str, variant: Variant) -> Option<&Known> {
        self.known.get(name)?[variant as usize].as_ref()
    }
}
