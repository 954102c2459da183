//! Random writes, syncs, crashes, full disks and failing syncs, against a model.

use super::*;

/// What may be found after a crash: the states since the last sync, in order.
struct Model {
    states: Vec<BTreeMap<GroupId, Stored>>,
}

impl Model {
    fn now(&self) -> &BTreeMap<GroupId, Stored> {
        self.states.last().expect("there is always one")
    }

    fn write(&mut self, group: GroupId, write: &Write) {
        let mut next = self.now().clone();
        let stored = next.entry(group).or_default();
        if write.left.is_some() {
            let Stored { vote, .. } = *stored;
            *stored = Stored { vote, left: write.left, ..Stored::default() };
        }
        stored.vote = write.vote.unwrap_or(stored.vote);
        if let Some(from) = write.cut_from {
            stored.entries.retain(|entry| entry.index < from);
        }
        if let Some(snapshot) = &write.snapshot {
            stored.entries.retain(|entry| entry.index > snapshot.last.1);
            stored.snapshot = Some(snapshot.clone());
        }
        stored.entries.extend(write.entries.iter().cloned());
        self.states.push(next);
    }

    fn forget(&mut self, group: GroupId) {
        let mut next = self.now().clone();
        next.remove(&group);
        self.states.push(next);
    }

    fn synced(&mut self) {
        self.states.drain(..self.states.len() - 1);
    }

    fn settle(&mut self, found: BTreeMap<GroupId, Stored>, seed: u64) {
        assert!(self.states.contains(&found), "seed {seed}: found what never was, or lost a sync");
        self.states = vec![found];
    }
}

fn some_write(rng: &mut Rng, stored: &Stored) -> Write {
    let before = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.1.0);
    let mut last = before + stored.entries.len() as u64;
    let mut write = nothing();
    if rng.chance(Ratio::new(1, 10)) {
        write.left = Some((Term(rng.below(9)), Index(last)));
    }
    if rng.chance(Ratio::new(1, 4)) {
        let voted_for = rng.chance(Ratio::new(1, 2)).then(|| NodeId(rng.below(5)));
        write.vote = Some(Vote { term: Term(rng.below(1 << 40)), voted_for });
    }
    if write.left.is_some() {
        return write;
    }
    if last > before && rng.chance(Ratio::new(1, 5)) {
        last = before + rng.below(last - before);
        write.cut_from = Some(Index(last + 1));
    }
    if rng.chance(Ratio::new(1, 8)) {
        let ahead = if rng.chance(Ratio::new(1, 4)) { 30 } else { 0 };
        let at = before + rng.below(last - before + 1) + ahead;
        if at > before {
            write.snapshot = Some(snapshot(at));
            last = last.max(at);
        }
    }
    let term = Term(rng.below(1 << 20));
    write.entries = entries(last + 1, last + rng.below(9));
    write.entries.iter_mut().for_each(|entry| entry.term = term);
    write
}

fn some_batch(rng: &mut Rng, model: &Model) -> Vec<(GroupId, Write)> {
    let mut groups: Vec<u64> = (0..4).collect();
    rng.shuffle(&mut groups);
    let of = |group: u64| {
        let stored = model.now().get(&GroupId(group)).cloned().unwrap_or_default();
        (GroupId(group), stored)
    };
    let count = 1 + rng.below(3) as usize;
    groups
        .into_iter()
        .take(count)
        .map(of)
        .map(|(group, it)| (group, some_write(rng, &it)))
        .collect()
}

/// Writes and syncs until storage is broken, or for a while.
fn run(storage: &mut Storage<&mut MemoryDisk>, model: &mut Model, rng: &mut Rng) {
    storage.set_segment_bytes(500 + rng.below(4_000));
    for _ in 0..rng.below(60) {
        let used = storage.disk.used();
        let full = rng.chance(Ratio::new(1, 10));
        storage.disk.set_room(full.then(|| used + rng.below(600)));
        if rng.chance(Ratio::new(1, 60)) {
            storage.disk.fail_sync_after(Some(rng.below(4)));
        }
        let batch = some_batch(rng, model);
        match storage.write(&batch) {
            Ok(()) => batch.iter().for_each(|(group, write)| model.write(*group, write)),
            Err(WriteError::Refused(_)) => continue,
            Err(WriteError::Broken(_)) => return,
            Err(other) => panic!("{other}"),
        }
        let group = GroupId(rng.below(4));
        if rng.chance(Ratio::new(1, 20)) && storage.forget(group).is_ok() {
            model.forget(group);
        }
        if rng.chance(Ratio::new(2, 3)) {
            match storage.sync() {
                Ok(()) => model.synced(),
                Err(_) => return,
            }
        }
    }
}

/// One seed of it; how much was cut off.
fn check(seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut disk = MemoryDisk::new();
    let mut model = Model { states: vec![BTreeMap::new()] };
    let mut cut_off = 0;
    for _ in 0..8 {
        if rng.chance(Ratio::new(1, 8)) {
            disk.fail_sync_after(Some(rng.below(2)));
            let error = Storage::open(&mut disk, US).expect_err("it syncs twice");
            assert!(matches!(error, OpenError::Disk(_)), "seed {seed}: {error}");
            if rng.chance(Ratio::new(1, 2)) {
                disk.crash(&mut rng);
            }
        }
        let (mut storage, found) = open(&mut disk);
        cut_off += u64::from(storage.cut_off().is_some());
        model.settle(found, seed);
        run(&mut storage, &mut model, &mut rng);
        disk.set_room(None);
        disk.fail_sync_after(None);
        if rng.chance(Ratio::new(3, 4)) {
            disk.crash(&mut rng);
        }
    }
    cut_off
}

#[test]
fn whatever_crashes_what_was_synced_is_there_and_nothing_else() {
    let cut_off: u64 = (0..300).map(check).sum();
    assert!(cut_off > 100, "torn ends are common: {cut_off}");
}
