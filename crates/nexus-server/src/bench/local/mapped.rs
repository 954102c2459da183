//! A gibibyte of state that nobody looks at, in memory and on a disk.

use nexus::MappedFolder;

use super::super::harness::{Sheet, now, resident_bytes};

/// Bytes of state.
const STATE_BYTES: usize = 1 << 30;

/// Bytes written or looked at in one go.
const PART_BYTES: usize = 1 << 20;

/// Mapped, in the folder for temporary files: set `TMPDIR` to one on a disk.
pub fn on(sheet: &mut Sheet) {
    let folder = MappedFolder::open(&std::env::temp_dir(), 2 * STATE_BYTES as u64)
        .expect("the temporary folder is on ext4, XFS or tmpfs");
    let mut state = folder.create().expect("the folder is there");
    let start = now();
    state.resize(STATE_BYTES).expect("the disk has two gibibytes left");
    fill(&mut state);
    sheet.put("1 GiB written", "ms", start.elapsed().as_secs_f64() * 1e3);
    put_resident(sheet, "resident when written");
    let start = now();
    state.cool().expect("the disk works");
    sheet.put("1 GiB cooled", "ms", start.elapsed().as_secs_f64() * 1e3);
    put_resident(sheet, "resident when cold");
    look(sheet, &state);
}

/// On the heap. Nothing takes it out of memory where there is no swap.
pub fn off(sheet: &mut Sheet) {
    let start = now();
    let mut state = vec![0; STATE_BYTES];
    fill(&mut state);
    sheet.put("1 GiB written", "ms", start.elapsed().as_secs_f64() * 1e3);
    put_resident(sheet, "resident when written");
    put_resident(sheet, "resident when cold");
    look(sheet, &state);
}

fn fill(state: &mut [u8]) {
    for (index, part) in state.chunks_mut(PART_BYTES).enumerate() {
        part.fill(index as u8 | 1);
    }
}

fn put_resident(sheet: &mut Sheet, name: &str) {
    sheet.put(name, "MiB", resident_bytes() as f64 / f64::from(1 << 20));
}

/// All of it is looked at once more, and again when it is in memory.
fn look(sheet: &mut Sheet, state: &[u8]) {
    for name in ["1 GiB read when cold", "1 GiB read when warm"] {
        let start = now();
        let sum: u64 = state.iter().map(|byte| u64::from(*byte)).sum();
        sheet.put(name, "ms", start.elapsed().as_secs_f64() * 1e3);
        assert!(sum >= STATE_BYTES as u64, "every byte is there");
    }
}
