//! Large state on a disk instead of in memory: bytes that an agent holds as it
//! would hold a `Vec<u8>`, and that leave memory when nobody looks at them.
//!
//! For state that is large and mostly cold. Small state is better in the agent:
//! each store is one open file of its process.
//!
//! Not for keeping: the files have no names, and are gone with their stores.
//! That is what makes them safe to map; see `raw/mapped.rs`.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::raw::PrivateFile;

/// Bytes in one folder, at most, whatever it is told: the largest file of ext4
/// with its usual blocks (16 TiB).
pub const MAPPED_BYTES_MAX: u64 = 1 << 44;

/// Stores in one folder, at most: each is an open file, of which a process
/// often has no more than 20,000. A guess that leaves most for connections.
pub const MAPPED_STORES_MAX: usize = 4_096;

/// A store's file grows by at least this much, and in multiples of it. A guess.
const GROW_BYTES_MIN: usize = 64 << 10;

/// A store's file grows by half of what it has, but by at most this much more
/// than was asked for: the disk is not to fill with room nobody uses. A guess.
const GROW_BYTES_MAX: usize = 256 << 20;

/// Why mapped state could not be had, or not made larger. Nothing has changed
/// then; a store is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MappedError {
    /// The folder is none, may not be written to, or lies on a file system that
    /// cannot hold mapped state.
    #[error(
        "mapped state cannot lie in {}; nothing changed; choose a folder on ext4, XFS or tmpfs \
         that this process may write to",
        .folder.display()
    )]
    Folder {
        /// What was given.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk has less than was asked for.
    #[error(
        "the disk of mapped state has {free} bytes left, and {asked} more were asked for; \
         nothing changed; make room there"
    )]
    DiskFull {
        /// Bytes asked for.
        asked: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The folder holds as much as it was allowed to.
    #[error(
        "mapped state may take {bytes_max} bytes, and {asked} more were asked for; nothing \
         changed; drop a store or allow more"
    )]
    Limit {
        /// Bytes asked for.
        asked: u64,
        /// What the folder may hold.
        bytes_max: u64,
    },
    /// The folder has as many stores as one can have.
    #[error("a folder has at most {MAPPED_STORES_MAX} mapped stores; nothing changed; drop one")]
    TooMany,
    /// Somebody made the file shorter from outside, on purpose: it has no name.
    /// What lay beyond is lost, and looking there ends the process.
    #[error("the file of mapped state was made shorter from outside; drop the store")]
    Cut,
    /// The disk failed, or the system has no more open files. Nothing is lost
    /// that was there.
    #[error("the disk of mapped state failed; what is in memory is still there")]
    Disk(#[source] io::Error),
}

/// Where stores lie, and how much they may take together.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::{Agent, KindSpec, Mapped, MappedFolder};
///
/// struct Archive {
///     pages: Mapped,
/// }
///
/// impl Agent for Archive {
///     const KIND: &'static str = "archive";
///     fn new(_key: &str) -> Archive {
///         unreachable!("made by its kind's own function")
///     }
/// }
///
/// # let path = std::env::temp_dir();
/// # let Ok(folder) = MappedFolder::open(&path, 1 << 30) else { return Ok(()) };
/// // A constructor that panics is an agent that is not spawned.
/// let archives = KindSpec::from_fn(move |_key| Archive {
///     pages: folder.create().expect("the disk has room"),
/// });
/// # let _ = archives;
/// # Ok::<(), nexus::MappedError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MappedFolder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
    stores: AtomicUsize,
}

/// What a folder's stores take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MappedUse {
    /// Stores there are.
    pub stores: usize,
    /// Bytes of disk they take.
    pub bytes: u64,
    /// Bytes they may take.
    pub bytes_max: u64,
}

impl MappedFolder {
    /// Puts stores on the disk of the folder at `path`, in files without names,
    /// and lets them take `bytes_max` bytes together ([`MAPPED_BYTES_MAX`] at most).
    ///
    /// # Errors
    /// [`MappedError::Folder`] if a store cannot be made there.
    pub fn open(path: &Path, bytes_max: u64) -> Result<MappedFolder, MappedError> {
        let failed = |source| MappedError::Folder { folder: path.to_owned(), source };
        PrivateFile::create(path).map_err(failed)?;
        let shared = Shared {
            path: path.to_owned(),
            bytes_max: bytes_max.min(MAPPED_BYTES_MAX),
            bytes: AtomicU64::new(0),
            stores: AtomicUsize::new(0),
        };
        Ok(MappedFolder { shared: Arc::new(shared) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// An empty store.
    ///
    /// # Errors
    /// [`MappedError::TooMany`]; [`MappedError::Folder`] if the folder is gone
    /// or the process has no open file left.
    pub fn create(&self) -> Result<Mapped, MappedError> {
        let add = |stores: usize| (stores < MAPPED_STORES_MAX).then_some(stores + 1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let added = self.shared.stores.fetch_update(set, get, add);
        added.map_err(|_| MappedError::TooMany)?;
        // From here on dropping it takes it off the count.
        let seat = Seat { shared: self.shared.clone(), bytes: 0 };
        let failed = |source| MappedError::Folder { folder: self.path().to_owned(), source };
        let file = PrivateFile::create(self.path()).map_err(failed)?;
        Ok(Mapped { file, len: 0, written: 0, seat })
    }

    /// What the stores take.
    pub fn in_use(&self) -> MappedUse {
        MappedUse {
            stores: self.shared.stores.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            bytes_max: self.shared.bytes_max,
        }
    }
}

/// One store's share of its folder.
struct Seat {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Seat {
    /// Takes `bytes` more, if the folder may hold them.
    fn take(&mut self, bytes: u64) -> bool {
        let bytes_max = self.shared.bytes_max;
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= bytes_max);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let taken = self.shared.bytes.fetch_update(set, get, add).is_ok();
        self.bytes += if taken { bytes } else { 0 };
        taken
    }

    fn give(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.shared.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give(self.bytes);
        self.shared.stores.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes on a disk, used as if they were in memory.
///
/// A page that is looked at is read in, one that is written to is written out
/// when the system finds time; under memory pressure it takes out first what has
/// not been looked at for long, and [`Mapped::cool`] takes out everything at
/// once. Growing past what the disk or the folder has is an error, not a crash.
///
/// A page that has to be read stops its thread for as long as the disk takes,
/// 0.1 to 10 ms: an agent that often looks at cold state should be of a kind
/// that blocks. If the disk fails under such a read, the process ends.
pub struct Mapped {
    file: PrivateFile,
    len: usize,
    /// Bytes from here on have never been written, so they are zero.
    written: usize,
    seat: Seat,
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({} of {} bytes)", self.len, self.capacity())
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.file.as_slice()[..self.len]
    }
}

impl DerefMut for Mapped {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.file.as_mut_slice()[..self.len]
    }
}

impl Mapped {
    /// Bytes of disk it has: it grows to this length without asking for more.
    pub fn capacity(&self) -> usize {
        self.file.bytes()
    }

    /// Makes it `len` bytes long. What is added is zero; what is cut off is
    /// gone, and its place on the disk is kept for growing again.
    ///
    /// # Errors
    /// [`MappedError`]; it is as long as before.
    pub fn resize(&mut self, len: usize) -> Result<(), MappedError> {
        self.reserve(len)?;
        if len > self.len {
            let stale = self.len..len.min(self.written);
            if !stale.is_empty() {
                self.file.as_mut_slice()[stale].fill(0);
            }
        }
        self.written = self.written.max(len);
        self.len = len;
        Ok(())
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`MappedError`]; nothing was appended.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> Result<(), MappedError> {
        let from = self.len;
        let len = from.saturating_add(bytes.len());
        self.reserve(len)?;
        self.file.as_mut_slice()[from..len].copy_from_slice(bytes);
        self.written = self.written.max(len);
        self.len = len;
        Ok(())
    }

    /// Takes it out of memory: writes to the disk what is not there yet, and
    /// lets go of the rest. Blocks for as long as the disk takes to write it.
    ///
    /// # Errors
    /// [`MappedError::Disk`]; all bytes are still there. [`MappedError::Cut`].
    pub fn cool(&mut self) -> Result<(), MappedError> {
        self.check_whole()?;
        self.file.cool().map_err(MappedError::Disk)
    }

    fn check_whole(&self) -> Result<(), MappedError> {
        match self.file.is_whole() {
            Ok(true) => Ok(()),
            Ok(false) => Err(MappedError::Cut),
            Err(error) => Err(MappedError::Disk(error)),
        }
    }

    /// Sees that the file is at least `len` bytes long.
    fn reserve(&mut self, len: usize) -> Result<(), MappedError> {
        let before = self.capacity();
        if len <= before {
            return Ok(());
        }
        self.check_whole()?;
        let exact = len.checked_next_multiple_of(GROW_BYTES_MIN).unwrap_or(len);
        let ahead = (before / 2).min(GROW_BYTES_MAX) / GROW_BYTES_MIN * GROW_BYTES_MIN;
        let generous = exact.max(before + ahead);
        // Where there is no room to grow ahead, growing as asked may still do.
        match self.grow(before, generous) {
            Err(_) if generous > exact => self.grow(before, exact),
            other => other,
        }
    }

    fn grow(&mut self, before: usize, bytes: usize) -> Result<(), MappedError> {
        let asked = (bytes - before) as u64;
        let free = self.file.free_bytes().map_err(MappedError::Disk)?;
        // Looked at first: a disk filled to its last block before the error
        // comes would trouble everybody on it.
        if asked > free {
            return Err(MappedError::DiskFull { asked, free });
        }
        if !self.seat.take(asked) {
            return Err(MappedError::Limit { asked, bytes_max: self.seat.shared.bytes_max });
        }
        let grown = self.file.grow(bytes);
        grown.map_err(|error| {
            self.seat.give(asked);
            match error.kind() {
                io::ErrorKind::StorageFull => MappedError::DiskFull { asked, free },
                _ => MappedError::Disk(error),
            }
        })
    }
}

#[cfg(all(test, target_os = "linux", not(any(loom, miri))))]
mod tests;
