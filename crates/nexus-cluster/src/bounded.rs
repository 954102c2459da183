//! Lists in messages and on disk, with a bound on how many items they may have.
//!
//! An entry can be three bytes outside and a hundred inside, so a cap on the bytes of a
//! frame alone would let a small frame claim much memory. The bound holds in both
//! directions: what could not be read is not written either.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::NodeId;

/// The most entries one message or one record of the log may carry.
/// Source: a guess, far above what fits a batch that is worth waiting for.
pub const ENTRIES_MAX: usize = 16_384;

/// The most nodes in each set of a group's members.
/// Source: a guess; groups have three to five voters.
pub const MEMBERS_MAX: usize = 1_024;

/// Reads a list of at most `LEN_MAX` items: for `deserialize_with`.
///
/// # Errors
/// The list is longer, or one of its items cannot be read.
pub fn list<'de, const LEN_MAX: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<Vec<T>, D::Error> {
    input.deserialize_seq(List { len_max: LEN_MAX, item: PhantomData })
}

/// A list of at most [`ENTRIES_MAX`] items.
pub(crate) mod entries {
    use super::*;

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        items: &Vec<T>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        if items.len() > ENTRIES_MAX {
            return Err(S::Error::custom("more entries than one message may carry"));
        }
        items.serialize(out)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Vec<T>, D::Error> {
        list::<ENTRIES_MAX, T, D>(input)
    }
}

/// A set of at most [`MEMBERS_MAX`] nodes, in ascending order and each once.
pub(crate) mod nodes {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        nodes: &BTreeSet<NodeId>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        if nodes.len() > MEMBERS_MAX {
            return Err(S::Error::custom("more members than a group may have"));
        }
        nodes.serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<BTreeSet<NodeId>, D::Error> {
        let nodes = list::<MEMBERS_MAX, NodeId, D>(input)?;
        // One set has one spelling: otherwise equal messages could differ in their bytes.
        if nodes.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(D::Error::custom("nodes of a set are out of order"));
        }
        Ok(nodes.into_iter().collect())
    }
}

struct List<T> {
    len_max: usize,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} items", self.len_max)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        // The length outside is not believed: room is taken as items come.
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == self.len_max {
                return Err(A::Error::custom("a list longer than it may be"));
            }
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Entries(#[serde(with = "entries")] Vec<u8>);

    #[derive(Serialize, Deserialize)]
    struct Nodes(#[serde(with = "nodes")] BTreeSet<NodeId>);

    #[test]
    fn a_list_has_a_bound_both_ways() {
        let most = postcard::to_allocvec(&Entries(vec![0; ENTRIES_MAX])).expect("as many as may");
        assert!(postcard::from_bytes::<Entries>(&most).is_ok());
        assert!(postcard::to_allocvec(&Entries(vec![0; ENTRIES_MAX + 1])).is_err());
        let more = postcard::to_allocvec(&vec![0u8; ENTRIES_MAX + 1]).expect("a plain list");
        assert!(postcard::from_bytes::<Entries>(&more).is_err());
    }

    #[test]
    fn a_set_has_one_spelling() {
        let spelt = |nodes: &[u64]| postcard::to_allocvec(nodes).expect("a plain list");
        assert!(postcard::from_bytes::<Nodes>(&spelt(&[1, 2, 3])).is_ok());
        assert!(postcard::from_bytes::<Nodes>(&spelt(&[2, 1])).is_err());
        assert!(postcard::from_bytes::<Nodes>(&spelt(&[1, 1])).is_err());
    }
}
