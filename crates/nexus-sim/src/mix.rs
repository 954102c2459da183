//! A running hash, fast enough for millions of events a second.
//!
//! Not for strangers: who wants two runs to collide can make them.

/// An odd number without pattern: the fraction of the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash of a sequence so far.
///
/// # Source
/// The folded multiplication of Wang Yi's wyhash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mix(u64);

impl Mix {
    /// Of nothing.
    pub(crate) const fn new() -> Mix {
        Mix(MULTIPLIER)
    }

    /// Of the sequence and `word` after it.
    #[inline]
    pub(crate) const fn word(self, word: u64) -> Mix {
        let wide = (self.0 ^ word) as u128 * MULTIPLIER as u128;
        // Added, so that what equals the hash so far does not wipe it out.
        Mix((wide as u64 ^ (wide >> 64) as u64).wrapping_add(self.0.rotate_left(23)))
    }

    /// Of the sequence and `bytes`, and how many they are, after it.
    #[inline]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Mix {
        let (words, rest) = bytes.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let hash = words.iter().fold(self, |hash, word| hash.word(u64::from_le_bytes(*word)));
        hash.word(u64::from_le_bytes(last)).word(bytes.len() as u64)
    }

    /// The number it comes to.
    pub(crate) const fn finish(self) -> u64 {
        self.word(0).0
    }
}

/// The hash of `bytes` alone.
pub(crate) fn content_hash(bytes: &[u8]) -> u64 {
    Mix::new().bytes(bytes).finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Mix, content_hash};

    #[test]
    fn what_differs_a_little_differs_in_the_hash() {
        let texts = ["", "\0", "\0\0", "a", "b", "ab", "ba", "abcdefgh", "abcdefgh\0"];
        let hashes: BTreeSet<u64> =
            texts.iter().map(|text| content_hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        let pairs = (0..64).flat_map(|one| (0..64).map(move |other| (1u64 << one, 1u64 << other)));
        let hashes: BTreeSet<u64> =
            pairs.map(|(one, other)| Mix::new().word(one).word(other).finish()).collect();
        assert_eq!(hashes.len(), 64 * 64);
    }
}
