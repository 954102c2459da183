//! A disk that keeps what it promised, and as little else as it likes.
//!
//! What a crash may do follows from the promises of [`Disk`] alone: keep any prefix of what
//! was appended since the last sync, undo a truncation that was not synced, and undo the
//! latest changes to the folder that no sync has made last.

use std::collections::BTreeMap;

use nexus_base::Rng;
use nexus_cluster::{Disk, DiskError};

/// Changes to the folder that wait for a sync, at most; older ones last from then on, as a
/// file system writes its journal now and then.
const CHANGES_WAITING_MAX: usize = 64;

#[derive(Clone, Default, Debug)]
struct File {
    bytes: Vec<u8>,
    /// How much of `bytes` survives a crash.
    synced: usize,
    /// What stood behind `bytes[..synced]` when it was last synced, and was cut off since.
    cut: Vec<u8>,
}

/// A change to the folder, with what it takes to undo it.
#[derive(Clone, Debug)]
enum Change {
    Created(String),
    Renamed { from: String, to: String, over: Option<File> },
    Removed(String, File),
}

/// How much of what was not synced a crash leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaves {
    /// All: only the process died.
    All,
    /// Nothing.
    Nothing,
    /// Some prefix.
    Some,
}

/// The disk of one node.
#[derive(Clone, Default, Debug)]
pub(crate) struct SimDisk {
    files: BTreeMap<String, File>,
    changes: Vec<Change>,
    /// Whether it takes no more.
    pub(crate) full: bool,
    /// Bytes that it takes before the machine dies; none if it does not.
    fuse: Option<usize>,
}

impl SimDisk {
    /// Has the machine die once `bytes` more are appended: what comes after fails.
    pub(crate) fn light_fuse(&mut self, bytes: usize) {
        self.fuse = Some(bytes);
    }

    /// The machine, or only the process, has died.
    pub(crate) fn crash(&mut self, leaves: Leaves, rng: &mut Rng) {
        self.fuse = None;
        if leaves == Leaves::All {
            return;
        }
        self.undo_changes(leaves, rng);
        for file in self.files.values_mut() {
            file.crash(leaves, rng);
        }
    }

    fn undo_changes(&mut self, leaves: Leaves, rng: &mut Rng) {
        let keep = match leaves {
            Leaves::Some => rng.below(self.changes.len() as u64 + 1) as usize,
            _ => 0,
        };
        for change in self.changes.split_off(keep).into_iter().rev() {
            match change {
                Change::Created(name) => drop(self.files.remove(&name)),
                Change::Removed(name, file) => drop(self.files.insert(name, file)),
                Change::Renamed { from, to, over } => {
                    if let Some(file) = self.files.remove(&to) {
                        self.files.insert(from, file);
                    }
                    if let Some(over) = over {
                        self.files.insert(to, over);
                    }
                }
            }
        }
        self.changes.clear();
    }

    fn change(&mut self, change: Change) {
        if self.changes.len() == CHANGES_WAITING_MAX {
            self.changes.remove(0);
        }
        self.changes.push(change);
    }

    fn file(&self, name: &str) -> Result<&File, DiskError> {
        self.files.get(name).ok_or_else(|| DiskError::Missing(name.to_owned()))
    }

    /// How many of `count` bytes are still taken.
    fn burn(&mut self, count: usize) -> usize {
        let Some(left) = &mut self.fuse else { return count };
        let taken = count.min(*left);
        *left -= taken;
        taken
    }

    fn alive(&self) -> Result<(), DiskError> {
        if self.fuse == Some(0) { Err(died()) } else { Ok(()) }
    }
}

fn died() -> DiskError {
    DiskError::Failed("the machine died".to_owned())
}

impl File {
    fn crash(&mut self, leaves: Leaves, rng: &mut Rng) {
        if !self.cut.is_empty() && (leaves == Leaves::Nothing || rng.below(2) == 0) {
            // The truncation is undone, and with it all that was appended after it.
            self.bytes.truncate(self.synced);
            self.bytes.append(&mut self.cut);
        } else {
            self.cut.clear();
            let unsynced = (self.bytes.len() - self.synced) as u64;
            let kept = if leaves == Leaves::Some { rng.below(unsynced + 1) } else { 0 };
            self.bytes.truncate(self.synced + kept as usize);
        }
        // What the machine reads after its restart is what is there.
        self.synced = self.bytes.len();
    }
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.files.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.file(name)?.bytes.len() as u64)
    }

    fn read(&self, name: &str, at: u64, count: usize) -> Result<Vec<u8>, DiskError> {
        let bytes = &self.file(name)?.bytes;
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let end = at.saturating_add(count).min(bytes.len());
        Ok(bytes[at..end].to_vec())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.alive()?;
        if self.full {
            return Err(DiskError::Full);
        }
        let taken = self.burn(bytes.len());
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), File::default());
            self.change(Change::Created(name.to_owned()));
        }
        let file = self.files.get_mut(name).expect("it is there now");
        file.bytes.extend_from_slice(&bytes[..taken]);
        if taken < bytes.len() { Err(died()) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.alive()?;
        let Some(file) = self.files.get_mut(name) else {
            return Err(DiskError::Missing(name.to_owned()));
        };
        file.synced = file.bytes.len();
        file.cut.clear();
        let named = |change: &Change| match change {
            Change::Created(created) => created == name,
            Change::Renamed { from, to, .. } => to == name || from == name,
            Change::Removed(removed, _) => removed == name,
        };
        // The folder's changes last in order, so the ones before it do as well.
        if let Some(last) = self.changes.iter().rposition(named) {
            self.changes.drain(..=last);
        }
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.alive()?;
        let Some(file) = self.files.get_mut(name) else {
            return Err(DiskError::Missing(name.to_owned()));
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(file.bytes.len());
        if len < file.synced {
            let mut cut = file.bytes[len..file.synced].to_vec();
            cut.append(&mut file.cut);
            (file.cut, file.synced) = (cut, len);
        }
        file.bytes.truncate(len);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.alive()?;
        let Some(file) = self.files.remove(from) else {
            return Err(DiskError::Missing(from.to_owned()));
        };
        let over = self.files.insert(to.to_owned(), file);
        self.change(Change::Renamed { from: from.to_owned(), to: to.to_owned(), over });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.alive()?;
        let Some(file) = self.files.remove(name) else {
            return Err(DiskError::Missing(name.to_owned()));
        };
        self.change(Change::Removed(name.to_owned(), file));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disk: &SimDisk, name: &str) -> Option<String> {
        let bytes = disk.read(name, 0, 100).ok()?;
        Some(String::from_utf8(bytes).expect("only letters were written"))
    }

    /// What `name` may hold after a crash, over many of them.
    #[track_caller]
    fn check(act: impl Fn(&mut SimDisk) -> Result<(), DiskError>, name: &str, expected: &[&str]) {
        let mut found = std::collections::BTreeSet::new();
        let mut rng = Rng::new(1);
        for round in 0..400 {
            let mut disk = SimDisk::default();
            act(&mut disk).expect("the disk does it");
            let leaves = if round % 4 == 0 { Leaves::Nothing } else { Leaves::Some };
            disk.crash(leaves, &mut rng);
            found.insert(read(&disk, name).unwrap_or("-".to_owned()));
        }
        let expected: std::collections::BTreeSet<_> =
            expected.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_synced_write_is_kept_and_of_others_any_prefix() {
        let appended = |disk: &mut SimDisk| {
            disk.append("a", b"xy")?;
            disk.sync("a")?;
            disk.append("a", b"zw")
        };
        check(appended, "a", &["xy", "xyz", "xyzw"]);
        check(|disk| disk.append("a", b"x"), "a", &["-", "", "x"]);
    }

    #[test]
    fn a_truncation_lasts_after_a_sync() {
        let cut = |disk: &mut SimDisk| {
            disk.append("a", b"wxyz")?;
            disk.sync("a")?;
            disk.truncate("a", 2)?;
            disk.truncate("a", 1)?;
            disk.append("a", b"!")
        };
        check(cut, "a", &["wxyz", "w", "w!"]);
        check(|disk| cut(disk).and_then(|()| disk.sync("a")), "a", &["w!"]);
    }

    #[test]
    fn a_rename_happens_or_does_not() {
        let renamed = |disk: &mut SimDisk| {
            disk.append("a", b"old")?;
            disk.append("b", b"new")?;
            disk.sync("a")?;
            disk.sync("b")?;
            disk.rename("b", "a")
        };
        check(renamed, "a", &["old", "new"]);
        check(renamed, "b", &["new", "-"]);
        check(|disk| renamed(disk).and_then(|()| disk.sync("a")), "a", &["new"]);
    }

    #[test]
    fn a_fuse_ends_it_in_the_middle_of_a_write() {
        let mut disk = SimDisk::default();
        disk.light_fuse(3);
        assert!(disk.append("a", b"xy").is_ok());
        assert!(disk.append("a", b"zw").is_err());
        assert!(disk.sync("a").is_err());
        disk.crash(Leaves::All, &mut Rng::new(1));
        assert_eq!(read(&disk, "a").as_deref(), Some("xyz"));
        assert!(disk.append("a", b"!").is_ok());
    }

    #[test]
    fn a_full_disk_says_so() {
        let mut disk = SimDisk { full: true, ..SimDisk::default() };
        assert_eq!(disk.append("a", b"x"), Err(DiskError::Full));
        assert!(matches!(disk.remove("a"), Err(DiskError::Missing(_))));
    }
}
