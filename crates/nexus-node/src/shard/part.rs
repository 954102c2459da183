//! What a shard holds of slots that change hands, cut into parts.

use bytes::Bytes;
use nexus_base::AgentId;
use nexus_cluster::bounded;
use nexus_cluster::registry::Directory;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::SlotSet;
use serde::{Deserialize, Serialize};

use super::codec;
use super::record::Record;

/// Bytes of one part. Records are cut wherever it falls, so that one of any size travels.
/// Source: a quarter of a proposal; as much as a chunk of a snapshot.
pub const PART_BYTES_MAX: usize = 256 << 10;

/// Parts of one handoff: 16 GiB. Source: a guess, more than fits into memory.
pub const PARTS_MAX: u32 = 1 << 16;

/// A piece of what a source holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Which; the first is 0.
    pub number: u32,
    /// What is in it.
    pub bytes: Bytes,
}

/// What is in the parts together.
#[derive(Serialize, Deserialize)]
pub(super) struct Bundle {
    pub(super) directory: Directory,
    #[serde(deserialize_with = "bounded::list::<{ usize::MAX }, _, _>")]
    pub(super) agents: Vec<Agent>,
}

/// One agent as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Agent {
    #[serde(with = "codec::agent_id")]
    pub(super) id: AgentId,
    pub(super) record: Record,
}

impl Bundle {
    /// What is in `parts`, which are all there are and in order; none if it makes no sense.
    pub(super) fn read(parts: &[&Bytes], slots: &SlotSet) -> Option<Bundle> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let Bundle { mut directory, agents } = codec::read(&bytes)?;
        let inside = directory.split_off(slots);
        let is_inside = |agent: &Agent| slots.contains(Slot::of(agent.id));
        let sound = directory.is_empty() && agents.iter().all(is_inside) && are_sound(&agents);
        sound.then_some(Bundle { directory: inside, agents })
    }
}

/// Whether agents are in order, each once, and steps could have led to their records.
pub(super) fn are_sound(agents: &[Agent]) -> bool {
    let ascending = agents.windows(2).all(|pair| pair[0].id < pair[1].id);
    ascending && agents.iter().all(|agent| agent.record.is_sound())
}

/// What is in a bundle, without owning it.
#[derive(Serialize)]
struct Borrowed<'a> {
    directory: &'a Directory,
    agents: Vec<BorrowedAgent<'a>>,
}

/// An agent, without owning it.
#[derive(Serialize)]
pub(super) struct BorrowedAgent<'a> {
    #[serde(with = "codec::agent_id")]
    pub(super) id: AgentId,
    pub(super) record: &'a Record,
}

/// Cuts what is held; at least one part. Equal contents are cut in the same way.
pub(super) fn cut<'a>(
    directory: &Directory,
    agents: impl Iterator<Item = (AgentId, &'a Record)>,
) -> Vec<Part> {
    let agents = agents.map(|(id, record)| BorrowedAgent { id, record }).collect();
    let bytes = postcard::to_allocvec(&Borrowed { directory, agents });
    let bytes = Bytes::from(bytes.expect("every record has a form"));
    let part = |(number, from)| {
        let to = bytes.len().min(from + PART_BYTES_MAX);
        Part { number, bytes: bytes.slice(from..to) }
    };
    (0..).zip((0..bytes.len()).step_by(PART_BYTES_MAX)).map(part).collect()
}
