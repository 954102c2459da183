//! What is no torn end: each has an error of its own, and changes nothing.

use super::*;

fn bytes_of(disk: &MemoryDisk, file: &str) -> Vec<u8> {
    disk.read(file, 0, usize::MAX).expect("it is there")
}

fn newest_log(disk: &MemoryDisk) -> String {
    let files = disk.list().expect("it lists");
    files.into_iter().rfind(|file| file.starts_with("log-")).expect("there is a log")
}

/// A disk with a snapshot, and a log of five records, each synced.
fn stored() -> MemoryDisk {
    let mut disk = MemoryDisk::new();
    let first = Write { entries: entries(1, 30), ..nothing() };
    let second = Write { snapshot: Some(snapshot(10)), ..nothing() };
    let more = |from| Write { entries: entries(from, from + 9), ..nothing() };
    store(&mut disk, &[first, second, more(31), more(41), more(51)]);
    disk
}

/// Opens a disk whose `file` was changed, and wants an error and an unchanged disk.
fn check(disk: &MemoryDisk, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> OpenError {
    let mut disk = disk.clone();
    let mut bytes = bytes_of(&disk, file);
    change(&mut bytes);
    disk.put(file, bytes.clone());
    let files = disk.list();
    let error = Storage::open(&mut disk, US).expect_err("it is damaged");
    assert_eq!((disk.list(), bytes_of(&disk, file)), (files, bytes), "nothing was changed");
    error
}

#[test]
fn each_damaged_byte_before_the_last_record_is_found() {
    let disk = stored();
    let file = newest_log(&disk);
    let bytes = bytes_of(&disk, &file);
    let last = (0..bytes.len()).rfind(|at| record::may_begin(&bytes[*at..])).expect("records");
    for at in segment::HEAD_BYTES..last {
        let error = check(&disk, &file, |bytes| bytes[at] ^= 0x10);
        let OpenError::Damaged { file: named, at: place, .. } = error else { panic!("{error}") };
        assert_eq!(named, file);
        assert!(place <= at as u64 && record::may_begin(&bytes[place as usize..]), "{at} {place}");
    }
}

#[test]
fn a_torn_last_record_is_cut_off_and_said_so() {
    let disk = stored();
    let file = newest_log(&disk);
    let bytes = bytes_of(&disk, &file);
    let last = (0..bytes.len()).rfind(|at| record::may_begin(&bytes[*at..])).expect("records");
    for end in last + 1..bytes.len() {
        let mut disk = disk.clone();
        disk.put(&file, bytes[..end].to_vec());
        let (storage, found) = open(&mut disk);
        let (at, bytes) = (last as u64, (end - last) as u64);
        assert_eq!(storage.cut_off(), Some(&CutOff { file: file.clone(), at, bytes }));
        assert_eq!(found[&G].entries, entries(11, 50));
    }
}

#[test]
fn records_of_one_batch_may_be_kept_in_any_part() {
    // The second record reached the disk, the first did not: that is a torn end.
    let mut disk = stored();
    let (mut storage, _) = open(&mut disk);
    let more = |group, to| (GroupId(group), Write { entries: entries(1, to), ..nothing() });
    storage.write(&[more(8, 5), more(9, 5)]).expect("there is room");
    storage.write(&[more(10, 5)]).expect("there is room");
    storage.sync().expect("the disk works");
    let file = newest_log(&disk);
    let bytes = bytes_of(&disk, &file);
    let starts: Vec<usize> =
        (0..bytes.len()).filter(|at| record::may_begin(&bytes[*at..])).collect();
    let first = starts[starts.len() - 3];
    let mut torn = bytes.clone();
    torn[first..first + 60].fill(0);
    disk.put(&file, torn);
    let (storage, found) = open(&mut disk);
    assert_eq!(storage.cut_off().map(|cut| cut.at), Some(first as u64));
    assert_eq!(found.keys().collect::<Vec<_>>(), [&G]);
}

#[test]
fn a_record_inside_a_command_is_no_record() {
    // Its marks are far beyond where the command is, so they would vouch for all of that.
    let mut long = MemoryDisk::new();
    let rounds = (0..40).map(|at| entries(at * 30 + 1, at * 30 + 30));
    let writes: Vec<Write> = rounds.map(|entries| Write { entries, ..nothing() }).collect();
    store(&mut long, &writes);
    let log = bytes_of(&long, &newest_log(&long));
    let mut disk = stored();
    let (mut storage, _) = open(&mut disk);
    let payload = Payload::Command(log.into());
    let entry = Entry { term: Term(1), index: Index(61), payload };
    storage.write(&[(G, Write { entries: vec![entry], ..nothing() })]).expect("there is room");
    let file = newest_log(&disk);
    let mut bytes = bytes_of(&disk, &file);
    bytes.pop();
    disk.put(&file, bytes);
    let (storage, found) = open(&mut disk);
    assert!(storage.cut_off().is_some());
    assert_eq!(found[&G].entries, entries(11, 60));
}

#[test]
fn other_formats_clusters_and_nodes_are_told_apart() {
    let disk = stored();
    let files = disk.list().expect("it lists");
    let snapshot = files.iter().find(|file| file.starts_with("snapshot-")).expect("one");
    for file in [&newest_log(&disk), snapshot] {
        let error = check(&disk, file, |bytes| bytes[8] = 0);
        assert!(matches!(error, OpenError::Format { found: 0, known: 1, .. }), "{error}");
        let error = check(&disk, file, |bytes| bytes[3] = 0);
        assert!(matches!(error, OpenError::Damaged { at: 0, .. }), "{error}");
        let error = check(&disk, file, |bytes| bytes.truncate(20));
        assert!(matches!(error, OpenError::Damaged { at: 0, .. }), "{error}");
        let error = check(&disk, file, |bytes| bytes[20] ^= 1);
        assert!(matches!(error, OpenError::Damaged { at: 0, .. }), "{error}");
    }
    let us = |identity| Storage::open(&mut disk.clone(), identity).expect_err("not ours");
    let error = us(Identity { cluster: ClusterId(78), ..US });
    assert!(matches!(error, OpenError::OtherCluster { ours: ClusterId(78), .. }), "{error}");
    let error = us(Identity { node: NodeId(2), ..US });
    assert!(matches!(error, OpenError::OtherNode { found: NodeId(1), .. }), "{error}");
    assert!(Storage::open(&mut disk.clone(), Identity { build: 6, ..US }).is_ok());
}

#[test]
fn a_damaged_or_foreign_snapshot_is_found() {
    let disk = stored();
    let files = disk.list().expect("it lists");
    let file = files.iter().find(|file| file.starts_with("snapshot-")).expect("one");
    for at in 88..bytes_of(&disk, file).len() {
        let error = check(&disk, file, |bytes| bytes[at] ^= 1);
        assert!(matches!(error, OpenError::Damaged { .. }), "{at}: {error}");
    }
    // One of another cluster, whole in itself, under the name of ours.
    let mut theirs = MemoryDisk::new();
    let they = Identity { cluster: ClusterId(1), ..US };
    let draft = snapshot(10);
    let draft = Draft::new(&they, G, &draft);
    draft.save(&mut theirs).expect("there is room");
    let error = check(&disk, file, |bytes| *bytes = bytes_of(&theirs, &draft.file));
    assert!(matches!(error, OpenError::OtherCluster { .. }), "{error}");
}

#[test]
fn missing_files_are_named() {
    let disk = stored();
    let mut one = disk.clone();
    let snapshot = one.list().expect("it lists").pop().expect("the snapshot is last");
    one.remove(&snapshot).expect("it is there");
    let error = Storage::open(&mut one, US).expect_err("a snapshot is missing");
    let needed_by = "group g4".to_owned();
    assert_eq!(error, OpenError::Missing { file: snapshot, needed_by });
    let mut two = disk.clone();
    let log = newest_log(&two);
    two.remove(&log).expect("it is there");
    let error = Storage::open(&mut two, US).expect_err("the log is missing");
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
}

#[test]
fn a_sealed_segment_must_be_whole() {
    let mut disk = MemoryDisk::new();
    let (mut storage, _) = open(&mut disk);
    storage.set_segment_bytes(100);
    for at in 0..4 {
        let write = Write { entries: entries(at * 10 + 1, at * 10 + 10), ..nothing() };
        storage.write(&[(G, write)]).expect("there is room");
        storage.sync().expect("the disk works");
    }
    let files = disk.list().expect("it lists");
    assert!(files.len() > 2, "{files:?}");
    let error = check(&disk, &files[0], |bytes| {
        bytes.pop();
    });
    assert!(matches!(error, OpenError::Damaged { what: "it ends early", .. }), "{error}");
    disk.remove(&files[1]).expect("it is there");
    let error = Storage::open(&mut disk, US).expect_err("a segment is missing");
    let needed_by = files[2].clone();
    assert_eq!(error, OpenError::Missing { file: files[1].clone(), needed_by });
}
