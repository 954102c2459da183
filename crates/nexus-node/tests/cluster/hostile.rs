//! Frames that somebody sends who is broken or malicious.

use bytes::Bytes;
use nexus_base::Rng;
use nexus_cluster::raft::{Body, Index, Message, Term};
use nexus_cluster::wire::{Content, Envelope, encode};
use nexus_cluster::{GroupId, NodeId};

const TO: NodeId = NodeId(1);
const FROM: NodeId = NodeId(2);

/// Of each sort some. All of them are to be refused.
pub fn frames() -> Vec<Bytes> {
    let mut rng = Rng::new(7);
    let mut frames = vec![
        Bytes::new(),
        frame(FROM, FROM, Content::Mail(Bytes::new())),
        frame(TO, TO, Content::Mail(Bytes::new())),
        frame(FROM, TO, Content::Gossip(Bytes::new())),
        // Lists that say they have as many items as there are numbers.
        frame(FROM, TO, Content::Mail(vec![0xff; 64].into())),
        frame(FROM, TO, Content::Directory(vec![0xff; 64].into())),
        frame(FROM, TO, Content::Directory([&[1], &[0xff; 9][..], &[1]].concat().into())),
    ];
    for len in [0, 257, 5_000] {
        frames.push(frame(FROM, TO, Content::Mail(look(len).into())));
        frames.push(frame(FROM, TO, Content::Mail(look(len)[..3].to_vec().into())));
    }
    for len in 0..200 {
        let noise: Vec<u8> = (0..len).map(|_| 0xf0 | rng.next_u64() as u8).collect();
        frames.push(noise.clone().into());
        frames.push(frame(FROM, TO, Content::Mail(noise.clone().into())));
        frames.push(frame(FROM, TO, Content::Directory(noise.into())));
    }
    frames
}

/// Somebody wants to know who holds a lock, whose name has so many bytes.
fn look(len: usize) -> Vec<u8> {
    let len_bytes = [(len & 0x7f) as u8 | 0x80, (len >> 7) as u8];
    [&[2, 1, 1, 3][..], &len_bytes, &vec![b'x'; len]].concat()
}

/// Somebody asks for a vote in a group, and is far ahead in it.
pub fn vote(group: GroupId) -> Bytes {
    vote_of(TO, group, 100, (99, 99))
}

/// Another node asks one for its vote in a term, with such a log.
pub fn vote_of(to: NodeId, group: GroupId, term: u64, last: (u64, u64)) -> Bytes {
    let body = Body::Vote { last: (Term(last.0), Index(last.1)), transfer: None };
    let content = Content::Raft(Message { term: Term(term), body });
    let from = if to == FROM { TO } else { FROM };
    encode(Envelope { group, from, to }, &content).expect("it is small").into()
}

fn frame(from: NodeId, to: NodeId, content: Content) -> Bytes {
    let envelope = Envelope { group: GroupId::default(), from, to };
    encode(envelope, &content).expect("it is small").into()
}
