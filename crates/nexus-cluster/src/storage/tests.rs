use bytes::Bytes;
use nexus_base::{Ratio, Rng};

use super::*;
use crate::MemoryDisk;
use crate::raft::{Entry, Index, Members, Payload, Snapshot, Term, Vote};

mod crash;
mod damage;

const US: Identity = Identity { cluster: ClusterId(77), node: NodeId(1), build: 5 };
const G: GroupId = GroupId(4);

type Opened<'a> = (Storage<&'a mut MemoryDisk>, BTreeMap<GroupId, Stored>);

fn open(disk: &mut MemoryDisk) -> Opened<'_> {
    Storage::open(disk, US).expect("it opens")
}

fn entries(from: u64, to: u64) -> Vec<Entry> {
    let entry = |index: u64| {
        let payload = Payload::Command(Bytes::from(vec![index as u8; index as usize % 40]));
        Entry { term: Term(1), index: Index(index), payload }
    };
    (from..=to).map(entry).collect()
}

fn nothing() -> Write {
    Write {
        sequence: 1,
        vote: None,
        cut_from: None,
        entries: Vec::new(),
        snapshot: None,
        left: None,
    }
}

fn snapshot(index: u64) -> Snapshot {
    let members = Members { voters: [NodeId(1), NodeId(2)].into(), ..Members::default() };
    let state = Bytes::from(index.to_le_bytes().repeat(20));
    Snapshot { last: (Term(1), Index(index)), members, state }
}

fn store(disk: &mut MemoryDisk, writes: &[Write]) {
    let (mut storage, _) = open(disk);
    for write in writes {
        storage.write(&[(G, write.clone())]).expect("there is room");
        storage.sync().expect("the disk works");
    }
}

/// After `writes`, and a crash, group [`G`] is as `expected`.
fn check(writes: &[Write], expected: &Stored) {
    let mut disk = MemoryDisk::new();
    store(&mut disk, writes);
    for seed in 0..4 {
        disk.crash(&mut Rng::new(seed));
        let (storage, mut found) = open(&mut disk);
        assert_eq!(storage.cut_off(), None, "all was synced");
        assert_eq!(found.remove(&G).as_ref(), Some(expected), "seed {seed}");
    }
}

#[test]
fn what_was_synced_is_there() {
    let vote = Vote { term: Term(3), voted_for: Some(NodeId(2)) };
    check(
        &[
            Write { vote: Some(vote), ..nothing() },
            Write { entries: entries(1, 9), ..nothing() },
            Write { cut_from: Some(Index(5)), entries: entries(5, 6), ..nothing() },
        ],
        &Stored { left: None, vote, snapshot: None, entries: entries(1, 6) },
    );
}

#[test]
fn a_snapshot_takes_the_place_of_entries_before_it() {
    let writes = [
        Write { entries: entries(1, 9), ..nothing() },
        Write { snapshot: Some(snapshot(7)), entries: entries(10, 11), ..nothing() },
    ];
    let mut stored = Stored { snapshot: Some(snapshot(7)), ..Stored::default() };
    stored.entries = entries(8, 11);
    check(&writes, &stored);
    // One far ahead of the log, as a leader sends it.
    let ahead = Write { snapshot: Some(snapshot(20)), entries: entries(21, 22), ..nothing() };
    let stored = Stored { snapshot: Some(snapshot(20)), entries: entries(21, 22), ..stored };
    check(&[writes.to_vec(), vec![ahead]].concat(), &stored);
}

#[test]
fn a_forgotten_group_is_gone_with_its_snapshot() {
    let mut disk = MemoryDisk::new();
    store(&mut disk, &[Write { snapshot: Some(snapshot(7)), ..nothing() }]);
    let (mut storage, _) = open(&mut disk);
    storage.forget(G).expect("there is room");
    storage.sync().expect("the disk works");
    assert!(open(&mut disk).1.is_empty());
    assert_eq!(disk.list().map(|files| files.len()), Ok(1), "{disk:?}");
}

#[test]
fn a_write_can_have_a_group_forgotten() {
    let mut disk = MemoryDisk::new();
    let with_snapshot = Write { snapshot: Some(snapshot(7)), ..nothing() };
    store(&mut disk, &[with_snapshot, Write::forget()]);
    let (mut storage, stored) = open(&mut disk);
    assert!(stored.is_empty(), "{stored:?}");
    storage.sync().expect("the disk works");
    assert_eq!(disk.list().map(|files| files.len()), Ok(1), "{disk:?}");
}

#[test]
fn groups_of_which_little_is_kept_are_not_copied_all_the_time() {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = open(&mut disk);
    storage.set_segment_bytes(4_000);
    let left = Write { left: Some((Term(3), Index(9))), ..nothing() };
    let batch: Vec<_> = (0..500).map(|group| (GroupId(group), left.clone())).collect();
    storage.write(&batch).expect("there is room");
    storage.sync().expect("the disk works");
    let before = storage.log_bytes();
    for term in 1..100 {
        let vote = Some(Vote { term: Term(term), voted_for: None });
        storage.write(&[(G, Write { vote, ..nothing() })]).expect("there is room");
        storage.sync().expect("the disk works");
    }
    assert!(storage.log_bytes() > before + 4_000, "all was copied for a few votes");
}

#[test]
fn old_segments_and_snapshots_are_removed() {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = open(&mut disk);
    storage.set_segment_bytes(4_000);
    for round in 1..=100u64 {
        let last = round * 10;
        let write = Write {
            entries: entries(last - 9, last),
            snapshot: (round % 5 == 0 && round > 5).then(|| snapshot(last - 20)),
            ..nothing()
        };
        storage.write(&[(G, write)]).expect("there is room");
        storage.sync().expect("the disk works");
        assert!(storage.log_bytes() < 20_000, "{}", storage.log_bytes());
    }
    assert_eq!(storage.rolls_failed(), 0);
    let files = disk.list().expect("it lists");
    assert!(files.len() < 8, "{files:?}");
    assert_eq!(open(&mut disk).1[&G].entries, entries(981, 1_000));
}

#[test]
#[should_panic(expected = "entries of a group follow one another")]
fn a_gap_is_our_own_mistake() {
    store(&mut MemoryDisk::new(), &[Write { entries: entries(2, 3), ..nothing() }]);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let mut disk = MemoryDisk::new();
    store(&mut disk, &[Write { entries: entries(1, 3), ..nothing() }]);
    let used = disk.used();
    for room in used..used + 150 {
        let mut disk = disk.clone();
        disk.set_room(Some(room));
        let refused = Storage::open(&mut disk, US).expect_err("a copy does not fit");
        assert_eq!(refused, OpenError::Disk(DiskError::Full));
        disk.set_room(None);
        assert_eq!(open(&mut disk).1[&G].entries, entries(1, 3));
    }
    let (mut storage, _) = open(&mut disk);
    let big = Write { snapshot: Some(snapshot(3)), entries: entries(4, 9), ..nothing() };
    for more in [0, 50, 250, 300] {
        let used = storage.disk.used();
        storage.disk.set_room(Some(used + more));
        let refused = storage.write(&[(G, big.clone())]);
        assert_eq!(refused, Err(WriteError::Refused(DiskError::Full)), "{more}");
        storage.sync().expect("nothing is to be synced");
    }
    storage.disk.set_room(None);
    storage.write(&[(G, big)]).expect("there is room");
    storage.sync().expect("the disk works");
    assert_eq!(open(&mut disk).1[&G].entries, entries(4, 9));
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_reopened() {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = open(&mut disk);
    storage.write(&[(G, Write { entries: entries(1, 3), ..nothing() })]).expect("there is room");
    storage.disk.fail_sync_after(Some(0));
    assert!(matches!(storage.sync(), Err(WriteError::Broken(_))));
    assert!(matches!(storage.sync(), Err(WriteError::Broken(_))), "a second sync proves nothing");
    assert!(matches!(storage.write(&[(G, nothing())]), Err(WriteError::Broken(_))));
    // The bytes can be read though they are not on the disk: opening has to write them again.
    assert_eq!(open(&mut disk).1[&G].entries, entries(1, 3));
    disk.crash(&mut Rng::new(1));
    assert_eq!(open(&mut disk).1[&G].entries, entries(1, 3));
}
