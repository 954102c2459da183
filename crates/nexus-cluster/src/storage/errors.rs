//! Why a directory cannot be used, or cannot be written.

use crate::{ClusterId, DiskError, NodeId};

/// Why storage does not open. Nothing on the disk was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk itself. Opening makes a fresh copy of the log: it needs room for that.
    #[error("the disk failed while the log was opened; what was stored is untouched")]
    Disk(#[from] DiskError),
    /// Something that was synced is no longer as it was written.
    #[error(
        "{file} is damaged at byte {at}: {what}. This is not the torn end that a crash leaves, \
         so nothing was cut off or changed. Restore the directory from a backup, or remove it \
         and let the node join again under a new identity"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it, in bytes.
        at: u64,
        /// How that shows.
        what: &'static str,
    },
    /// A file that others refer to is not there.
    #[error(
        "{file} is missing, and {needed_by} needs it; nothing was changed. Put it back, or \
         remove the directory and let the node join again under a new identity"
    )]
    Missing {
        /// Which file.
        file: String,
        /// Which file or group refers to it.
        needed_by: String,
    },
    /// Written by a version that lays files out otherwise.
    #[error(
        "{file} has format {found}, this build reads {known}; nothing was changed. Start the \
         build that wrote it, or one that says it can upgrade from format {found}"
    )]
    Format {
        /// Which file.
        file: String,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The directory is another cluster's.
    #[error(
        "{file} belongs to cluster {found}, this node to {ours}; nothing was changed. Point the \
         node at its own directory, or at an empty one"
    )]
    OtherCluster {
        /// Which file.
        file: String,
        /// Whose it is.
        found: ClusterId,
        /// Ours.
        ours: ClusterId,
    },
    /// The directory is another node's.
    #[error(
        "{file} belongs to node {found}, this is {ours}; nothing was changed. Point the node at \
         its own directory: one directory copied to two nodes would vote twice"
    )]
    OtherNode {
        /// Which file.
        file: String,
        /// Whose it is.
        found: NodeId,
        /// Ours.
        ours: NodeId,
    },
}

/// Why something is not on disk. Acknowledge nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Nothing of the batch is stored, and storage is as before: make room and try again.
    #[error("the batch was not written")]
    Refused(#[source] DiskError),
    /// Nothing of the batch is stored, and storage is as before. Write less at once.
    #[error("a record of {bytes} bytes, more than {bytes_max}; nothing was written")]
    TooLong {
        /// How long it would be.
        bytes: usize,
        /// The longest.
        bytes_max: usize,
    },
    /// Nobody knows what of the unsynced part is on disk. Stop, and open storage anew.
    #[error("the log cannot be trusted beyond its last sync and must be opened anew")]
    Broken(#[source] DiskError),
}
