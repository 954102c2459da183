//! Which variant of a request runs, and how often each did.

use std::collections::BTreeMap;

use nexus_coord::{Reactive, Request, Variant};
use nexus_intel::adaptive::Knobs;

use super::why::VariantCounts;

/// What adaptation wants: less work where it is reduced, and else the better answer
/// where that is preferred.
pub(super) fn wanted(knobs: &Knobs) -> Variant {
    if knobs.complexity < 1.0 {
        Variant::Quick
    } else if knobs.prefer_quality {
        Variant::Thorough
    } else {
        Variant::Usual
    }
}

/// Whether there is anything to choose.
pub(super) fn is_varied(rules: &Reactive, request: &Request) -> bool {
    rules.has_variant(request, Variant::Quick) || rules.has_variant(request, Variant::Thorough)
}

/// How often which variant ran. It has an entry for each request of the kind's rules
/// that has variants, and no other.
#[derive(Debug, Default)]
pub(super) struct Variants(BTreeMap<String, VariantCounts>);

impl Variants {
    pub(super) fn count(&mut self, name: &str, variant: Variant) {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), VariantCounts::default());
        }
        let counts = self.0.get_mut(name).expect("it was just put there");
        match variant {
            Variant::Quick => counts.quick += 1,
            Variant::Usual => counts.usual += 1,
            Variant::Thorough => counts.thorough += 1,
        }
    }

    pub(super) fn counts(&self) -> &BTreeMap<String, VariantCounts> {
        &self.0
    }
}
