//! The files of one node, as its storage sees them.
//!
//! So few acts that a simulated disk can do each of them wrong: lose what was not synced,
//! tear the last append, be full.

mod memory;

pub use memory::MemoryDisk;

/// A folder of files that are written at their end.
///
/// What was appended is there for sure only after [`Disk::sync`]; before, a crash may keep
/// any prefix of it. Names are plain: lower-case letters, digits, `-` and `.`.
pub trait Disk {
    /// Names of all files, in order.
    ///
    /// # Errors
    /// [`DiskError`].
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// The length of a file, in bytes.
    ///
    /// # Errors
    /// [`DiskError::Missing`], and others.
    fn len(&self, name: &str) -> Result<u64, DiskError>;

    /// Up to `count` bytes of a file from `at` on; fewer where it ends.
    ///
    /// # Errors
    /// [`DiskError::Missing`], and others.
    fn read(&self, name: &str, at: u64, count: usize) -> Result<Vec<u8>, DiskError>;

    /// Adds to the end of a file, which is made if there is none.
    ///
    /// # Errors
    /// [`DiskError::Full`] and others; some of the bytes may have been written then.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;

    /// Has what was written to a file, its length and its name survive a crash.
    ///
    /// # Errors
    /// [`DiskError`]; nothing is known of the file's unsynced part then, and a further
    /// sync that succeeds does not change that.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;

    /// Cuts a file off; survives a crash after a sync.
    ///
    /// # Errors
    /// [`DiskError::Missing`], and others.
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError>;

    /// Calls a file otherwise, in place of one that has the name; either both or nothing
    /// of it survives a crash, and after a sync of `to` it has.
    ///
    /// # Errors
    /// [`DiskError::Missing`], and others.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`DiskError::Missing`], and others.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
}

/// Why the disk did not do it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// No file has the name.
    #[error("there is no file {0}")]
    Missing(String),
    /// There is no room. Make some, then start the node anew.
    #[error("the disk is full")]
    Full,
    /// The system refused otherwise.
    #[error("the disk failed: {0}")]
    Failed(String),
}

impl<D: Disk + ?Sized> Disk for &mut D {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        (**self).list()
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        (**self).len(name)
    }

    fn read(&self, name: &str, at: u64, count: usize) -> Result<Vec<u8>, DiskError> {
        (**self).read(name, at, count)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        (**self).append(name, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).sync(name)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        (**self).truncate(name, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        (**self).rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        (**self).remove(name)
    }
}
