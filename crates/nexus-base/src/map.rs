//! Hash tables whose layout is the same in every run.
//!
//! The seed is fixed, so nothing depends on a random start. Still the order of
//! walking such a table follows from hashes and capacities: **it must not
//! decide anything**. Where order matters, take a `BTreeMap` or sort first.
//!
//! A fixed seed also means that whoever chooses the keys can make them collide.
//! Keys from outside are hashed under a secret first, as [`crate::AgentId`] is.

pub use foldhash::fast::FixedState;

/// A hash map with a fixed seed. Make one with `FixedMap::default()`.
pub type FixedMap<K, V> = hashbrown::HashMap<K, V, FixedState>;

/// A hash set with a fixed seed. Make one with `FixedSet::default()`.
pub type FixedSet<T> = hashbrown::HashSet<T, FixedState>;

#[cfg(test)]
mod tests {
    use super::{FixedMap, FixedSet};

    #[test]
    #[allow(clippy::disallowed_methods, reason = "that equal walks are equal is what is tested")]
    fn equal_histories_give_equal_tables() {
        let build = || (0..1_000u64).map(|key| (key * key, key)).collect::<FixedMap<u64, u64>>();
        assert!(build().iter().eq(build().iter()));
        assert!(["a", "b"].into_iter().collect::<FixedSet<&str>>().contains("b"));
    }
}
