//! A disk in memory, for tests: it can crash, be full, and lie about a sync.

use std::collections::BTreeMap;

use nexus_base::{Ratio, Rng};

use super::{Disk, DiskError};

/// Files in memory that keep apart what a crash would leave.
///
/// What was not synced, a crash may keep any part of: a prefix of what was appended, with or
/// without noise behind it; a name, or the one before it.
#[derive(Clone, Default, Debug)]
pub struct MemoryDisk {
    names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Contents>,
    safe_names: BTreeMap<String, u64>,
    /// Changes of names that are not safe yet, in order.
    renamings: Vec<Renaming>,
    files_made: u64,
    room: Option<u64>,
    syncs_until_failure: Option<u64>,
}

#[derive(Clone, Default, Debug)]
struct Contents {
    now: Vec<u8>,
    safe: Vec<u8>,
    /// Up to here both are alike.
    same: usize,
    /// A sync failed: later ones say they succeed, and do nothing.
    lying: bool,
}

impl Contents {
    fn safely(bytes: Vec<u8>) -> Contents {
        Contents { same: bytes.len(), now: bytes.clone(), safe: bytes, lying: false }
    }
}

#[derive(Clone, Debug)]
enum Renaming {
    Made(String, u64),
    Renamed { from: String, to: String, file: u64 },
    Removed(String, u64),
}

impl Renaming {
    fn file(&self) -> u64 {
        match self {
            Renaming::Made(_, file)
            | Renaming::Renamed { file, .. }
            | Renaming::Removed(_, file) => *file,
        }
    }

    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            Renaming::Made(name, file) => {
                names.insert(name, file);
            }
            Renaming::Renamed { from, to, file } => {
                if names.get(&from) == Some(&file) {
                    names.remove(&from);
                    names.insert(to, file);
                }
            }
            Renaming::Removed(name, file) => {
                if names.get(&name) == Some(&file) {
                    names.remove(&name);
                }
            }
        }
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// How many bytes its files may have in all; none for no limit.
    pub fn set_room(&mut self, bytes: Option<u64>) {
        self.room = bytes;
    }

    /// Bytes of all files.
    pub fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[file].now.len() as u64).sum()
    }

    /// Has a sync fail after `count` more; none for no failure. Nothing that is unsynced in
    /// its file then is ever safe, though later syncs succeed.
    pub fn fail_sync_after(&mut self, count: Option<u64>) {
        self.syncs_until_failure = count;
    }

    /// Puts a file there, safely, as somebody from outside would.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.files_made += 1;
        let file = self.files_made;
        self.files.insert(file, Contents::safely(bytes));
        self.names.insert(name.to_owned(), file);
        self.safe_names.insert(name.to_owned(), file);
    }

    /// The power goes, and comes back.
    pub fn crash(&mut self, rng: &mut Rng) {
        for renaming in std::mem::take(&mut self.renamings) {
            if rng.chance(Ratio::new(1, 2)) {
                renaming.apply(&mut self.safe_names);
            }
        }
        self.names = self.safe_names.clone();
        let named: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
        for contents in self.files.values_mut() {
            *contents = Contents::safely(torn(contents, rng));
        }
        self.syncs_until_failure = None;
    }

    fn file(&self, name: &str) -> Result<u64, DiskError> {
        self.names.get(name).copied().ok_or_else(|| DiskError::Missing(name.to_owned()))
    }

    fn contents(&mut self, name: &str) -> Result<&mut Contents, DiskError> {
        let file = self.file(name)?;
        Ok(self.files.get_mut(&file).expect("a name is of a file"))
    }
}

/// What a crash leaves of a file.
fn torn(contents: &Contents, rng: &mut Rng) -> Vec<u8> {
    let Contents { now, safe, same, .. } = contents;
    if *same < safe.len() && rng.chance(Ratio::new(1, 2)) {
        // It was cut off, and that did not reach the disk.
        return safe.clone();
    }
    let unsafe_bytes = now.len() - same;
    let kept = rng.below(unsafe_bytes as u64 + 1) as usize;
    let mut left = now[..same + kept].to_vec();
    match rng.below(4) {
        // The length reached the disk, the bytes did not.
        0 => left.resize(now.len(), 0),
        // A block before another.
        1 if kept < unsafe_bytes => {
            left.resize(now.len(), 0);
            let from = same + kept + rng.below((unsafe_bytes - kept) as u64) as usize;
            left[from..].copy_from_slice(&now[from..]);
        }
        _ => {}
    }
    left
}

impl Disk for MemoryDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.names.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.files[&self.file(name)?].now.len() as u64)
    }

    fn read(&self, name: &str, at: u64, count: usize) -> Result<Vec<u8>, DiskError> {
        let bytes = &self.files[&self.file(name)?].now;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(count).min(bytes.len());
        Ok(bytes[from..to].to_vec())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        if !self.names.contains_key(name) {
            self.files_made += 1;
            self.files.insert(self.files_made, Contents::default());
            self.names.insert(name.to_owned(), self.files_made);
            self.renamings.push(Renaming::Made(name.to_owned(), self.files_made));
        }
        let room = self.room.map(|room| room.saturating_sub(self.used()) as usize);
        let fits = bytes.len().min(room.unwrap_or(usize::MAX));
        self.contents(name)?.now.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(DiskError::Full) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let file = self.file(name)?;
        let fails = self.syncs_until_failure == Some(0);
        self.syncs_until_failure = match self.syncs_until_failure {
            Some(0) | None => None,
            Some(count) => Some(count - 1),
        };
        let contents = self.contents(name)?;
        if fails {
            contents.lying = true;
            return Err(DiskError::Failed("input/output error".to_owned()));
        }
        if !contents.lying {
            contents.safe.truncate(contents.same);
            contents.safe.extend_from_slice(&contents.now[contents.same..]);
            contents.same = contents.now.len();
        }
        let renamings = std::mem::take(&mut self.renamings);
        let (ours, others) = renamings.into_iter().partition(|it| it.file() == file);
        self.renamings = others;
        for renaming in ours {
            renaming.apply(&mut self.safe_names);
        }
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let contents = self.contents(name)?;
        contents.now.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        contents.same = contents.same.min(contents.now.len());
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let file = self.file(from)?;
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
        let (from, to) = (from.to_owned(), to.to_owned());
        self.renamings.push(Renaming::Renamed { from, to, file });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let file = self.file(name)?;
        self.names.remove(name);
        self.renamings.push(Renaming::Removed(name.to_owned(), file));
        Ok(())
    }
}
