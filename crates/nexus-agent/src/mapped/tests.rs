use super::*;

const LIMIT: u64 = 64 << 20;

/// A folder for tests; `None`, said so, where the temporary one cannot hold
/// mapped state.
fn folder(bytes_max: u64) -> Option<MappedFolder> {
    match MappedFolder::open(&std::env::temp_dir(), bytes_max) {
        Ok(folder) => Some(folder),
        Err(error) => {
            let MappedError::Folder { source, .. } = &error else { panic!("{error}") };
            assert_eq!(source.kind(), io::ErrorKind::Unsupported, "{error}: {source}");
            None
        }
    }
}

#[track_caller]
fn check_use(folder: &MappedFolder, stores: usize, bytes: u64) {
    let used = folder.in_use();
    assert_eq!((used.stores, used.bytes), (stores, bytes));
}

#[test]
fn bytes_stay_through_growth_and_cooling() {
    let Some(folder) = folder(LIMIT) else { return };
    let mut store = folder.create().expect("there is room");
    assert!(store.is_empty());
    let mut expected = Vec::new();
    for round in 0..200u32 {
        let part: Vec<u8> = (0..5_000u32).map(|at| (at * 7 + round) as u8).collect();
        store.extend_from_slice(&part).expect("there is room");
        expected.extend_from_slice(&part);
        if round % 50 == 49 {
            store.cool().expect("the disk works");
        }
    }
    assert!(*store == *expected, "what was appended is there");
    store[123_456] ^= 0xFF;
    expected[123_456] ^= 0xFF;
    store.cool().expect("the disk works");
    assert!(*store == *expected, "what was changed is there");
}

#[test]
fn what_is_cut_off_comes_back_as_zeros() {
    let Some(folder) = folder(LIMIT) else { return };
    let mut store = folder.create().expect("there is room");
    store.extend_from_slice(&[1; 100_000]).expect("there is room");
    store.resize(10).expect("shorter is always possible");
    store.resize(300_000).expect("there is room");
    assert_eq!(store[..10], [1; 10]);
    assert!(store[10..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_limit_is_an_error_that_changes_nothing() {
    let Some(folder) = folder(1 << 20) else { return };
    let mut store = folder.create().expect("there is room");
    store.resize(900 << 10).expect("below the limit");
    let before = folder.in_use();
    let error = store.resize(2 << 20).expect_err("beyond the limit");
    assert!(matches!(error, MappedError::Limit { bytes_max: 1_048_576, .. }), "{error}");
    assert_eq!((store.len(), folder.in_use()), (900 << 10, before));
    // Growing ahead would pass the limit; growing as asked does not.
    store.resize(1 << 20).expect("just the limit");
    let mut other = folder.create().expect("a store without bytes");
    assert!(matches!(other.resize(1), Err(MappedError::Limit { .. })));
    drop(store);
    other.resize(1).expect("there is room again");
    drop(other);
    check_use(&folder, 0, 0);
}

#[test]
fn a_full_disk_is_an_error_and_no_signal() {
    let Some(folder) = folder(MAPPED_BYTES_MAX) else { return };
    let mut store = folder.create().expect("there is room");
    store.extend_from_slice(b"here to stay").expect("there is room");
    let free = store.file.free_bytes().expect("the disk tells");
    let error = store.resize(free as usize + (1 << 30)).expect_err("more than there is");
    assert!(matches!(error, MappedError::DiskFull { .. } | MappedError::Limit { .. }), "{error}");
    assert_eq!(*store, *b"here to stay");
    check_use(&folder, 1, store.capacity() as u64);
}

#[test]
fn absurd_lengths_are_errors() {
    let Some(folder) = folder(MAPPED_BYTES_MAX) else { return };
    let mut store = folder.create().expect("there is room");
    for len in [usize::MAX, usize::MAX - 1, isize::MAX as usize, 1 << 45] {
        assert!(store.resize(len).is_err(), "{len}");
    }
    assert_eq!((store.len(), store.capacity()), (0, 0));
}

#[test]
fn a_file_that_was_cut_from_outside_is_noticed() {
    let Some(folder) = folder(LIMIT) else { return };
    let mut store = folder.create().expect("there is room");
    store.resize(1 << 20).expect("there is room");
    store.file.cut_for_test(4_096);
    assert!(matches!(store.cool(), Err(MappedError::Cut)));
    assert!(matches!(store.resize(4 << 20), Err(MappedError::Cut)));
}

#[test]
fn a_folder_that_cannot_hold_state_is_named() {
    for path in ["/nowhere/at/all", "/proc", "/dev/null"] {
        let error = MappedFolder::open(Path::new(path), LIMIT).expect_err("no place for state");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "two runs of the tests use two folders")]
fn files_have_no_names() {
    let path = std::env::temp_dir().join(format!("nexus-mapped-{}", std::process::id()));
    let _ = std::fs::create_dir(&path);
    let Ok(folder) = MappedFolder::open(&path, LIMIT) else { return };
    let mut store = folder.create().expect("there is room");
    store.resize(1 << 20).expect("there is room");
    assert_eq!(std::fs::read_dir(&path).expect("a folder").count(), 0);
    // The folder can go: what is there stays.
    std::fs::remove_dir(&path).expect("it is empty");
    store[5] = 5;
    store.cool().expect("the disk works");
    assert_eq!(store[5], 5);
    assert!(matches!(folder.create(), Err(MappedError::Folder { .. })));
}

#[test]
fn stores_are_counted_and_bounded() {
    let Some(folder) = folder(LIMIT) else { return };
    folder.shared.stores.store(MAPPED_STORES_MAX, Ordering::Relaxed);
    assert!(matches!(folder.create(), Err(MappedError::TooMany)));
    folder.shared.stores.store(0, Ordering::Relaxed);
    let stores: Vec<_> = (0..3).map(|_| folder.create().expect("there is room")).collect();
    check_use(&folder, 3, 0);
    drop(stores);
    check_use(&folder, 0, 0);
}
