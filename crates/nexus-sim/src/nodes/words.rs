//! What happens in a world of nodes, in words for those who listen.
//!
//! Frames are opened only then: most runs have nobody who reads it.

use std::fmt;

use bytes::Bytes;
use nexus_cluster::wire::{Content, decode};
use nexus_cluster::{GroupId, NodeId, membership};
use nexus_node::{Answer, CONTROL, CallError, shard_of};

use super::node::CLUSTER;
use super::op::Op;
use super::outside::Outside;

/// A group as it is called in events.
struct Group(GroupId);

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shard_of(self.0) {
            Some(shard) => shard.fmt(f),
            None if self.0 == CONTROL => f.write_str("the group of the map"),
            None => self.0.fmt(f),
        }
    }
}

/// A node is told something by another.
pub(crate) fn say_frame(out: &mut Outside, to: NodeId, bytes: &Bytes) {
    if !out.trace.is_heard() {
        return;
    }
    let (envelope, content) = match decode(bytes) {
        Ok(frame) => frame,
        Err(error) => return out.trace.say(out.now, format_args!("{to}: no frame: {error}")),
    };
    let group = Group(envelope.group);
    // What nodes say of agents and shards is of no group.
    let group: Option<&dyn fmt::Display> =
        matches!(content, Content::Raft(_)).then_some(&group as &dyn fmt::Display);
    let words = nexus_node::words(&content);
    out.trace.say_heard(out.now, (envelope.from, to), group, format_args!("{words}"));
}

/// A node is told who is there.
pub(crate) fn say_datagram(out: &mut Outside, pair: (NodeId, NodeId), bytes: &[u8]) {
    if !out.trace.is_heard() {
        return;
    }
    match membership::words(CLUSTER, bytes) {
        Ok(words) => out.trace.say_heard(out.now, pair, None, format_args!("{words}")),
        Err(error) => {
            out.trace.say_heard(out.now, pair, None, format_args!("no datagram: {error}"))
        }
    }
}

/// A client is answered.
pub(crate) fn say_answer(
    out: &mut Outside,
    (from, client): (NodeId, u32),
    op: &Op,
    answer: &Result<Answer, CallError>,
) {
    if !out.trace.is_heard() {
        return;
    }
    let words = match answer {
        Ok(answer) => op
            .reply(&answer.bytes)
            .map_or_else(|| "what is no such answer".to_owned(), |reply| format!("{reply:?}")),
        Err(error) => error.to_string(),
    };
    out.trace.say(out.now, format_args!("client {client} from {from}: {op:?}: {words}"));
}
