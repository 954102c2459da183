//! The storage of production, on a simulated disk that the world can reach as well.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use nexus_cluster::raft::{Stored, Write};
use nexus_cluster::storage::{Identity, OpenError, Storage, WriteError};
use nexus_cluster::{ClusterId, Disk, DiskError, GroupId, NodeId};

use super::disk::SimDisk;

/// Bytes of a segment. Few, so that there are many.
const SEGMENT_BYTES: u64 = 16 << 10;

/// A disk that storage writes to, and that the world fills and breaks.
#[derive(Clone, Default, Debug)]
pub(crate) struct SharedDisk(Rc<RefCell<SimDisk>>);

impl SharedDisk {
    /// Does something to the disk itself.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut SimDisk) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }
}

impl Disk for SharedDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.borrow().list()
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        self.0.borrow().len(name)
    }

    fn read(&self, name: &str, at: u64, count: usize) -> Result<Vec<u8>, DiskError> {
        self.0.borrow().read(name, at, count)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.borrow_mut().append(name, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().sync(name)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.0.borrow_mut().truncate(name, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().remove(name)
    }
}

/// What the members of a node have stored.
pub(crate) type AllStored = BTreeMap<GroupId, Stored>;

/// The storage of one running node.
pub(crate) type NodeStorage = Storage<SharedDisk>;

/// Opens the storage of a node.
///
/// # Errors
/// The disk's; a log that is damaged is our own mistake, or the disk's promise is broken.
pub(crate) fn open(disk: &SharedDisk, node: NodeId) -> Result<(NodeStorage, AllStored), DiskError> {
    let identity = Identity { cluster: ClusterId(1), node, build: 0 };
    match Storage::open(disk.clone(), identity) {
        Ok((mut storage, stored)) => {
            storage.set_segment_bytes(SEGMENT_BYTES);
            Ok((storage, stored))
        }
        Err(OpenError::Disk(error)) => Err(error),
        Err(error) => panic!("the storage of {node} does not open: {error}"),
    }
}

/// Writes a batch, and has it survive.
///
/// # Errors
/// As storage has them; the node must stop.
pub(crate) fn write(
    storage: &mut NodeStorage,
    batch: &[(GroupId, Write)],
) -> Result<(), WriteError> {
    storage.write(batch)?;
    storage.sync()
}
