//! Which seeds a test runs.

/// Runs this seed only, wherever a test would run others.
pub(crate) const SEED: &str = "NEXUS_SEED";
/// Runs this many seeds, wherever a test asks for a number of them.
const SEEDS: &str = "NEXUS_SEEDS";

/// The seeds 1 to `count`: fixed in advance, not picked.
///
/// `NEXUS_SEED=n` makes it the one seed `n`, `NEXUS_SEEDS=n` makes it `n` seeds.
///
/// # Panics
/// If one of these is set to what is not a number.
pub fn seeds(count: u64) -> Vec<u64> {
    match named_seed() {
        Some(seed) => vec![seed],
        None => (1..=number(SEEDS).unwrap_or(count)).collect(),
    }
}

/// The seed named by the environment.
pub(crate) fn named_seed() -> Option<u64> {
    number(SEED)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.trim().parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is {text:?}; give a whole number")))
}
