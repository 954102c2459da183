//! Which messages a node understands, by fingerprints of their schemas.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded;

/// The most kinds a node may name. Source: a guess.
pub const KINDS_MAX: usize = 4_096;

/// The most bytes of a kind's name. Source: a guess.
pub const NAME_BYTES_MAX: usize = 255;

/// The most other schemas of one kind that a node can speak. Source: a guess.
pub const OTHERS_MAX: usize = 32;

/// The kinds of messages that a node understands, and how each is laid out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fingerprints {
    kinds: BTreeMap<String, Schema>,
}

/// How the messages of a kind are laid out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Schema {
    /// The fingerprint of the layout that the node would choose.
    pub fingerprint: u64,
    /// Other layouts that it can both read and write, say of the version before.
    pub others: Vec<u64>,
}

impl Schema {
    fn speaks(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint || self.others.contains(&fingerprint)
    }

    /// The layout that two nodes use; the same one, whichever of them asks.
    fn common(&self, theirs: &Schema) -> Option<u64> {
        let ours = Some(self.fingerprint).filter(|it| theirs.speaks(*it));
        let theirs = Some(theirs.fingerprint).filter(|it| self.speaks(*it));
        ours.into_iter().chain(theirs).min()
    }
}

impl Fingerprints {
    /// Adds a kind, or says otherwise of it.
    ///
    /// # Errors
    /// [`FingerprintError`]; nothing was added.
    pub fn insert(&mut self, kind: &str, schema: Schema) -> Result<(), FingerprintError> {
        if kind.len() > NAME_BYTES_MAX {
            return Err(FingerprintError::LongName { bytes: kind.len() });
        }
        if schema.others.len() > OTHERS_MAX {
            return Err(FingerprintError::TooManyOthers { count: schema.others.len() });
        }
        if self.kinds.len() == KINDS_MAX && !self.kinds.contains_key(kind) {
            return Err(FingerprintError::TooManyKinds);
        }
        self.kinds.insert(kind.to_owned(), schema);
        Ok(())
    }

    /// The layout to use for each kind that both know, in order of names. A kind that only
    /// one knows is no hindrance: nobody can send it to the other.
    ///
    /// # Errors
    /// The kinds that both know and of which they share no layout.
    pub fn agree(&self, theirs: &Fingerprints) -> Result<BTreeMap<String, u64>, Vec<String>> {
        let mut agreed = BTreeMap::new();
        let mut strange = Vec::new();
        for (kind, ours) in &self.kinds {
            let Some(theirs) = theirs.kinds.get(kind) else { continue };
            match ours.common(theirs) {
                Some(fingerprint) => drop(agreed.insert(kind.clone(), fingerprint)),
                None => strange.push(kind.clone()),
            }
        }
        if strange.is_empty() { Ok(agreed) } else { Err(strange) }
    }
}

/// Why a kind cannot be named. Nothing was added.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// Choose a shorter name.
    #[error("the name of a kind has {bytes} bytes, more than {NAME_BYTES_MAX}")]
    LongName {
        /// Its length.
        bytes: usize,
    },
    /// Drop the oldest.
    #[error("{count} other schemas of one kind, more than {OTHERS_MAX}")]
    TooManyOthers {
        /// How many.
        count: usize,
    },
    /// A node names no more.
    #[error("there are {KINDS_MAX} kinds already")]
    TooManyKinds,
}

/// A kind as it is sent: in a list, so that its bounds are checked item by item.
#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    fingerprint: u64,
    #[serde(deserialize_with = "bounded::list::<OTHERS_MAX, _, _>")]
    others: Vec<u64>,
}

#[derive(Deserialize)]
struct Lines(#[serde(deserialize_with = "bounded::list::<KINDS_MAX, _, _>")] Vec<Line>);

impl Serialize for Fingerprints {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let line = |(kind, schema): (&String, &Schema)| {
            let Schema { fingerprint, others } = schema.clone();
            Line { kind: kind.clone(), fingerprint, others }
        };
        out.collect_seq(self.kinds.iter().map(line))
    }
}

impl<'de> Deserialize<'de> for Fingerprints {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Fingerprints, D::Error> {
        use serde::de::Error as _;
        let lines = Lines::deserialize(input)?.0;
        if lines.windows(2).any(|pair| pair[0].kind >= pair[1].kind) {
            return Err(D::Error::custom("kinds are out of order"));
        }
        let mut all = Fingerprints::default();
        for Line { kind, fingerprint, others } in lines {
            all.insert(&kind, Schema { fingerprint, others }).map_err(D::Error::custom)?;
        }
        Ok(all)
    }
}
