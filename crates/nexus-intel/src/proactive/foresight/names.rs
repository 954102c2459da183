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
    seen: BTreeMap<String, [Option<Seen>; Variant::ALL.len()]>,
}

/// What is known of a name in a variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The mean of its outcomes; of a name that is not known there is none.
    pub(super) mean_s: Option<f64>,
    /// Between which shares of what is expected nine of ten outcomes lie.
    pub(super) range: (f64, f64),
}

#[derive(Clone, Debug)]
struct Seen {
    mean_s: f64,
    outcomes: f64,
    ratios: Ratios,
}

impl Names {
    pub(super) fn known(&self, name: &str, variant: Variant) -> Known {
        let seen = self.seen.get(name).and_then(|variants| variants[variant as usize].as_ref());
        match seen {
            Some(seen) => Known { mean_s: Some(seen.mean_s), range: seen.ratios.range() },
            None => Known { mean_s: None, range: Ratios::ANYTHING },
        }
    }

    /// A request took so long; `expected_s` by the model, if it is trusted.
    pub(super) fn handle_outcome(
        &mut self,
        (name, variant): (&str, Variant),
        took_s: f64,
        expected_s: Option<f64>,
    ) {
        if !self.seen.contains_key(name) {
            if self.seen.len() == NAMES_MAX {
                return;
            }
            self.seen.insert(name.to_owned(), Default::default());
        }
        let variants = self.seen.get_mut(name).expect("it was just put there");
        let begin = || Seen { mean_s: took_s, outcomes: 0.0, ratios: Ratios::default() };
        let seen = variants[variant as usize].get_or_insert_with(begin);
        seen.outcomes = (seen.outcomes + 1.0).min(OUTCOMES_MAX);
        seen.mean_s += (took_s - seen.mean_s) / seen.outcomes;
        if let Some(expected_s) = expected_s {
            seen.ratios.handle_ratio(took_s, expected_s);
        }
    }
}
