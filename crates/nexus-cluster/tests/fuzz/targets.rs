//! What reads bytes from outside, and good ones to begin with.

use bytes::Bytes;
use nexus_base::Time;
use nexus_cluster::raft::{
    Body, Entry, Index, Members, Message, Payload, Snapshot, Term, Vote, Write,
};
use nexus_cluster::storage::{Identity, OpenError, Storage};
use nexus_cluster::wire::{self, Content, Effect, Envelope, FrameReader, Greeting};
use nexus_cluster::{ClusterId, Disk, GroupId, MemoryDisk, NodeId};

use crate::mend;

/// A decoder under test.
pub struct Target {
    pub name: &'static str,
    /// Reads bytes and says in a word what came of it; panics if a promise is broken.
    pub read: fn(&[u8]) -> String,
    pub specimens: fn() -> Vec<Vec<u8>>,
    pub mend: fn(&mut Vec<u8>),
    /// The most that may be allocated for these bytes, summed up.
    pub most_bytes: fn(&[u8]) -> usize,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "frame",
        read: read_frames,
        specimens: frames,
        mend: |bytes| mend::frames(bytes),
        most_bytes: frames_most,
    },
    Target {
        name: "handshake",
        read: read_handshake,
        specimens: greetings,
        mend: |bytes| mend::frames(bytes),
        most_bytes: frames_most,
    },
    Target {
        name: "log",
        read: read_log,
        specimens: logs,
        mend: |bytes| mend::segment(bytes),
        most_bytes: in_proportion,
    },
    Target {
        name: "snapshot",
        read: read_snapshot,
        specimens: snapshots,
        mend: |bytes| mend::snapshot(bytes),
        most_bytes: in_proportion,
    },
];

/// For what is not compressed: a byte of an entry is up to 30 in memory, and lists grow by
/// doubling; the log is held twice and copied.
fn in_proportion(bytes: &[u8]) -> usize {
    (64 << 10) + bytes.len() * 300
}

/// A compressed body may come to 255 times its bytes, but not to more than a body may be:
/// that, its content, and what the bounds on lists allow; written and read again as well.
fn frames_most(bytes: &[u8]) -> usize {
    in_proportion(bytes) + 8 * wire::BODY_BYTES_MAX.min(bytes.len() * 255)
}

const ENVELOPE: Envelope = Envelope { group: GroupId(7), from: NodeId(1), to: NodeId(2) };

fn read_frames(mut bytes: &[u8]) -> String {
    let (mut reader, mut outcome) = (FrameReader::new(), "cut".to_owned());
    loop {
        let frame = match reader.read(&mut bytes) {
            Ok(Some(frame)) => frame,
            Ok(None) => return outcome,
            Err(error) => {
                assert!(error.ends_stream(), "{error}");
                return word(&error);
            }
        };
        outcome = match frame.open() {
            Ok(content) => {
                again(frame.envelope(), &content);
                word(&content.kind())
            }
            Err(error) => {
                assert!(!error.ends_stream(), "{error}");
                word(&error)
            }
        };
    }
}

/// What was read can be written, and is the same then.
fn again(envelope: Envelope, content: &Content) {
    let bytes = wire::encode(envelope, content).expect("it was in a frame");
    assert_eq!(wire::decode(&bytes).as_ref(), Ok(&(envelope, content.clone())));
}

fn read_handshake(mut bytes: &[u8]) -> String {
    let mut reader = FrameReader::new();
    let mut handshake = wire::Handshake::new(Time::ZERO, spec(2));
    let mut last = "waits".to_owned();
    // Our hello, an answer, an outcome: more is never said.
    for _ in 0..4 {
        let greeting = match reader.read(&mut bytes) {
            Ok(None) => break,
            Ok(Some(frame)) => frame.open(),
            Err(error) => Err(error),
        };
        match greeting {
            Ok(Content::Greeting(greeting)) => handshake.handle_greeting(Time::ZERO, greeting),
            Ok(_) | Err(_) => handshake.handle_noise(Time::ZERO),
        }
    }
    let mut outcomes = 0;
    while let Some(effect) = handshake.poll_effect() {
        match effect {
            Effect::Send(greeting) => {
                again(ENVELOPE, &Content::Greeting(greeting));
                continue;
            }
            Effect::Established(_) => last = "established".to_owned(),
            Effect::Refused { refusal, .. } => last = word(&refusal),
        }
        outcomes += 1;
    }
    assert!(outcomes <= 1, "a handshake ends once");
    last
}

const US: Identity = Identity { cluster: ClusterId(77), node: NodeId(1), build: 5 };

fn read_log(bytes: &[u8]) -> String {
    let mut disk = MemoryDisk::new();
    disk.put("log-00000000000000000001", bytes.to_vec());
    open(disk)
}

fn read_snapshot(bytes: &[u8]) -> String {
    let (mut disk, file) = disk_with_snapshot();
    disk.put(&file, bytes.to_vec());
    open(disk)
}

/// A disk opens, and then is the same when it is opened again; or is not changed.
fn open(mut disk: MemoryDisk) -> String {
    let files = |disk: &MemoryDisk| disk.list().expect("it lists");
    let before = files(&disk);
    match Storage::open(&mut disk, US) {
        Ok((storage, stored)) => {
            let outcome = if storage.cut_off().is_some() { "cut-off" } else { "opens" };
            let (storage, again) = Storage::open(&mut disk, US).expect("it was just written");
            assert!(storage.cut_off().is_none() && again == stored, "a copy is the same");
            outcome.to_owned()
        }
        Err(error) => {
            assert_eq!(files(&disk), before, "nothing was changed");
            match error {
                OpenError::Damaged { what, .. } => what.replace([' ', ','], "-"),
                other => word(&other),
            }
        }
    }
}

/// The name of a variant.
fn word(of: &impl std::fmt::Debug) -> String {
    let text = format!("{of:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn members() -> Members {
    Members { voters: [NodeId(1), NodeId(2)].into(), ..Members::default() }
}

fn entries(from: u64, to: u64) -> Vec<Entry> {
    let payload = |index: u64| match index % 4 {
        0 => Payload::Empty,
        1 => Payload::Members(Box::new(members())),
        _ => Payload::Command(Bytes::from(vec![index as u8; 20])),
    };
    let entry = |index| Entry { term: Term(1), index: Index(index), payload: payload(index) };
    (from..=to).map(entry).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let last = (Term(3), Index(8));
    let (entries, chunk) = (entries(9, 12), Bytes::from_static(b"state"));
    let bodies = [
        Body::Append { prev: last, entries, commit: Index(7), round: 5 },
        Body::Rejected { prev: Index(9), hint: last, round: 3 },
        Body::Snapshot { last, members: members(), offset: 0, chunk, done: true, round: 1 },
        Body::ReadIndexIs { ticket: 4, index: Some(Index(3)) },
    ];
    let message = |body| Content::Raft(Message { term: Term(4), body });
    let mut all: Vec<Vec<u8>> = bodies.map(message).iter().map(frame).collect();
    all.push(frame(&Content::Mail(b"words ".repeat(900).into())));
    all.push(frame(&Content::Gossip(Bytes::new())));
    all.push(all.concat());
    all
}

fn frame(content: &Content) -> Vec<u8> {
    wire::encode(ENVELOPE, content).expect("it fits")
}

fn spec(node: u64) -> wire::HandshakeSpec {
    let mut kinds = wire::Fingerprints::default();
    for (kind, fingerprint) in [("cart.add", 11), ("cart.drop", 20)] {
        let schema = wire::Schema { fingerprint, others: vec![1, 2] };
        kinds.insert(kind, schema).expect("there is room");
    }
    wire::HandshakeSpec::new(wire::Hello {
        cluster: ClusterId(7),
        node: NodeId(node),
        start: wire::Start { incarnation: 3, draw: node },
        versions: wire::Versions { min: 1, max: 2 },
        build: 9,
        lane: 0,
        kinds,
    })
}

fn greetings() -> Vec<Vec<u8>> {
    let hello = |node| Greeting::Hello(Box::new(spec(node).hello));
    let schemas = wire::Refusal::Schemas { kinds: vec!["cart.add".to_owned()], count: 1 };
    let of = |row: &[Greeting]| {
        row.iter().flat_map(|it| frame(&Content::Greeting(it.clone()))).collect::<Vec<u8>>()
    };
    let refuse = Greeting::Refuse;
    vec![
        of(&[hello(1), Greeting::Welcome]),
        of(&[hello(1), refuse(schemas)]),
        of(&[hello(2), refuse(wire::Refusal::Deadline)]),
        of(&[refuse(wire::Refusal::OldStart { node: NodeId(1), refused: 1, wanted: 2 })]),
    ]
}

fn write(entries: Vec<Entry>, snapshot: Option<Snapshot>) -> Write {
    let vote = Some(Vote { term: Term(2), voted_for: Some(NodeId(1)) });
    Write { sequence: 1, vote, cut_from: None, entries, snapshot, left: None }
}

/// A log of some records, the first of them copied at an opening.
fn logs() -> Vec<Vec<u8>> {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = Storage::open(&mut disk, US).expect("it is empty");
    for at in 0..4 {
        let cut_from = (at == 3).then_some(Index(13));
        let change = Write { cut_from, ..write(entries(at * 4 + 1, at * 4 + 4), None) };
        storage
            .write(&[(GroupId(at % 2), Write { entries: vec![], ..change.clone() })])
            .expect("ok");
        storage.write(&[(GroupId(9), change)]).expect("there is room");
        storage.sync().expect("it works");
    }
    storage.forget(GroupId(1)).expect("there is room");
    storage.sync().expect("it works");
    vec![disk.read("log-00000000000000000001", 0, usize::MAX).expect("it is there")]
}

/// A disk whose log speaks of a snapshot, and the file of that.
fn disk_with_snapshot() -> (MemoryDisk, String) {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = Storage::open(&mut disk, US).expect("it is empty");
    let last = (Term(1), Index(7));
    let snapshot = Snapshot { last, members: members(), state: Bytes::from(vec![3; 90]) };
    storage.write(&[(GroupId(9), write(entries(8, 9), Some(snapshot)))]).expect("there is room");
    storage.sync().expect("it works");
    let file = disk.list().expect("it lists").pop().expect("the snapshot is last");
    (disk, file)
}

fn snapshots() -> Vec<Vec<u8>> {
    let (disk, file) = disk_with_snapshot();
    vec![disk.read(&file, 0, usize::MAX).expect("it is there")]
}
