use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::raft::{Body, Entry, Index, Members, Message, Payload, Term};
use crate::{GroupId, NodeId};

mod handshake;

const ENVELOPE: Envelope = Envelope { group: GroupId(7), from: NodeId(1), to: NodeId(2) };

fn append(entries: Vec<Entry>) -> Content {
    let (prev, commit) = ((Term(3), Index(8)), Index(7));
    Content::Raft(Message { term: Term(4), body: Body::Append { prev, entries, commit, round: 5 } })
}

fn command(index: u64, bytes: usize) -> Entry {
    let payload = Payload::Command(Bytes::from(vec![index as u8; bytes]));
    Entry { term: Term(4), index: Index(index), payload }
}

fn specimens() -> Vec<Content> {
    let members = Members { voters: [NodeId(1), NodeId(2)].into(), ..Members::default() };
    let payload = Payload::Members(Box::new(members));
    vec![
        append(Vec::new()),
        append(vec![command(9, 3), Entry { term: Term(4), index: Index(10), payload }]),
        append(vec![command(9, 100_000)]),
        Content::Gossip(Bytes::new()),
        Content::Mail((0..9_999u32).flat_map(|n| n.to_le_bytes()).collect()),
    ]
}

#[test]
fn what_is_sent_arrives() {
    for content in specimens() {
        let bytes = encode(ENVELOPE, &content).expect("it fits");
        assert_eq!(decode(&bytes), Ok((ENVELOPE, content)));
    }
}

#[test]
fn long_bodies_are_compressed_if_that_gains() {
    let alike = encode(ENVELOPE, &append(vec![command(9, 100_000)])).expect("it fits");
    assert!(alike.len() < 1_000, "{}", alike.len());
    let mut rng = nexus_base::Rng::new(1);
    let chance: Bytes = (0..10_000).map(|_| rng.next_u64() as u8).collect();
    let bytes = encode(ENVELOPE, &Content::Mail(chance)).expect("it fits");
    assert_eq!(bytes.len(), HEAD_BYTES + 10_000);
}

#[test]
fn what_does_not_fit_is_refused_by_the_sender() {
    let bytes = BODY_BYTES_MAX + 1;
    let long = Content::Mail(vec![0; bytes].into());
    assert_eq!(encode(ENVELOPE, &long), Err(EncodeError::TooLong { bytes }));
    let many = append((0..=ENTRIES_MAX as u64).map(|index| command(index, 0)).collect());
    assert!(matches!(encode(ENVELOPE, &many), Err(EncodeError::TooMany(_))));
}

/// One frame with some bytes overwritten, and the checksum set right again if asked to.
fn check(change: &[(usize, u8)], sum: bool, expected: DecodeError) {
    let mut bytes = encode(ENVELOPE, &append(vec![command(9, 3)])).expect("it fits");
    for &(at, byte) in change {
        bytes[at] = byte;
    }
    if sum {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&bytes[..40]);
        hash.update(&bytes[HEAD_BYTES..]);
        bytes[40..48].copy_from_slice(&hash.digest().to_le_bytes());
    }
    assert_eq!(decode(&bytes), Err(expected));
}

#[test]
fn a_head_that_lies_is_told_apart() {
    check(&[(0, b'x')], true, DecodeError::Magic);
    check(&[(4, 9)], true, DecodeError::Version { found: 9 });
    check(&[(5, 99)], true, DecodeError::Kind { found: 99 });
    check(&[(6, 2)], true, DecodeError::Flags { found: 2 });
    check(&[(35, 0x7f)], true, DecodeError::TooLong { bytes: 0x7f00_000e });
    check(&[(36, 1)], true, DecodeError::Sizes);
    check(&[(6, 1), (38, 0x3f)], true, DecodeError::Sizes);
    check(&[(6, 1)], true, DecodeError::Compressed);
    check(&[(8, 1)], false, DecodeError::Checksum);
    check(&[(HEAD_BYTES, 5)], false, DecodeError::Checksum);
}

#[test]
fn bytes_left_over_are_an_error() {
    let mut bytes = encode(ENVELOPE, &append(Vec::new())).expect("it fits");
    bytes.push(0);
    assert_eq!(decode(&bytes), Err(DecodeError::Trailing { count: 1 }));
    let have = 20;
    assert_eq!(decode(&bytes[..have]), Err(DecodeError::Cut { have }));
    // Within the body, too: a message and a byte more, under a right checksum.
    let Content::Raft(message) = append(Vec::new()) else { unreachable!("made so") };
    let mut body = postcard::to_allocvec(&message).expect("it encodes");
    body.push(0);
    let head = envelope::Head::write(ENVELOPE, Kind::Raft as u8, body.len(), false, &body);
    let frame = [&head[..], &body].concat();
    assert_eq!(decode(&frame), Err(DecodeError::Trailing { count: 1 }));
}

#[test]
fn a_frame_not_understood_costs_that_frame() {
    let good = encode(ENVELOPE, &append(Vec::new())).expect("it fits");
    let head = envelope::Head::write(ENVELOPE, 99, 3, false, b"new");
    let stream = [&head[..], b"new", &good].concat();
    let (mut reader, mut bytes) = (FrameReader::new(), &stream[..]);
    let first = reader.read(&mut bytes).expect("a frame").expect("a whole one");
    let error = first.open().expect_err("nobody knows kind 99");
    assert!(!error.ends_stream(), "{error}");
    let second = reader.read(&mut bytes).expect("a frame").expect("a whole one");
    assert_eq!(second.open(), Ok(append(Vec::new())));
}

#[test]
fn a_stream_that_broke_stays_broken() {
    let mut reader = FrameReader::new();
    assert_eq!(reader.read(&mut &[b'x'; 60][..]), Err(DecodeError::Magic));
    let good = encode(ENVELOPE, &append(Vec::new())).expect("it fits");
    assert_eq!(reader.read(&mut &good[..]), Err(DecodeError::Magic));
}

proptest! {
    #[test]
    fn frames_are_found_in_bytes_cut_anywhere(cuts in prop::collection::vec(1..9_999usize, 1..60)) {
        let sent = specimens();
        let frames = sent.iter().map(|content| encode(ENVELOPE, content).expect("it fits"));
        let stream = frames.collect::<Vec<_>>().concat();
        let (mut reader, mut found, mut rest) = (FrameReader::new(), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            let (mut piece, after) = rest.split_at(rest.len().min(*cut));
            while let Some(frame) = reader.read(&mut piece).expect("nothing is damaged") {
                found.push(frame.open().expect("it was encoded"));
            }
            prop_assert!(piece.is_empty());
            rest = after;
            if rest.is_empty() { break }
        }
        prop_assert_eq!(found, sent);
    }
}
