//! What a sealed shard hands over, cut into pieces that fit an entry each.

use bytes::Bytes;
use nexus_base::AgentId;
use nexus_cluster::registry::Directory;
use serde::{Deserialize, Serialize};

use super::codec;
use super::record::Record;

/// Bytes of one part. A guess: a fraction of the largest entry, so that others get between.
pub const PART_BYTES_MAX: usize = 256 << 10;

/// Parts of one handoff, a gigabyte in all. A handoff of more slots than fit is never done: it
/// has to be given up, and the slots handed over in smaller sets.
pub const PARTS_MAX: u32 = 4_096;

/// One piece.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Which, from 0.
    pub number: u32,
    /// A stretch of the bytes of all.
    pub bytes: Bytes,
}

/// What is handed over, whole.
#[derive(Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) agents: Vec<(Key, Record)>,
    pub(super) directory: Directory,
}

/// An id as it is stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Key(#[serde(with = "codec::agent_id")] pub(super) AgentId);

impl Load {
    /// Cuts it up.
    pub(super) fn cut(&self) -> Vec<Part> {
        let bytes = Bytes::from(postcard::to_allocvec(self).expect("all of it has a form"));
        let count = bytes.len().div_ceil(PART_BYTES_MAX);
        let part = |number: usize| {
            let from = number * PART_BYTES_MAX;
            let bytes = bytes.slice(from..bytes.len().min(from + PART_BYTES_MAX));
            Part { number: number as u32, bytes }
        };
        (0..count).map(part).collect()
    }

    /// Puts it together; none if the bytes are damaged.
    pub(super) fn join<'a>(parts: impl Iterator<Item = &'a Bytes>) -> Option<Load> {
        let bytes = parts.fold(Vec::new(), |mut all, part| {
            all.extend_from_slice(part);
            all
        });
        codec::read(&bytes)
    }
}
