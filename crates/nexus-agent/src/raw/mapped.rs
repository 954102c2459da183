//! A file without a name, mapped into memory.
//!
//! A slice of mapped memory is sound while nobody else writes the file, and it
//! can be read and written while the file has blocks behind every byte of it:
//! where it has none, the system ends the process with SIGBUS. So the file is
//!
//! * opened without a name (`O_TMPFILE`, and `O_EXCL` so that it can never be
//!   given one), with no descriptor but ours. What is left is somebody with our
//!   rights who goes through `/proc/PID/fd` on purpose, who could as well write
//!   to our memory;
//! * given its blocks (`fallocate`) before they are mapped, on file systems that
//!   overwrite blocks in place: see `IN_PLACE`. A full disk is an error here,
//!   and nothing later;
//! * never made shorter below what is mapped.
//!
//! What no check helps against is a disk that fails under a page that is read
//! back: as with swap, the process ends.

use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
pub(crate) use linux::PrivateFile;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use memmap2::{MmapMut, MmapOptions, RemapOptions, UncheckedAdvice};
    use rustix::fs::{Advice, FallocateFlags, Mode, OFlags};

    use super::*;

    /// File systems that put a write where the block was before, so that a block
    /// once given is enough for ever: ext2 to ext4, XFS, and tmpfs, which has no
    /// disk. Those that write elsewhere (Btrfs, ZFS) may find the disk full then.
    ///
    /// Source: `linux/magic.h`.
    const IN_PLACE: [u64; 3] = [0xEF53, 0x5846_5342, 0x0102_1994];

    /// Times a call is begun again because a signal came between. A guess: one
    /// signal is rare, sixteen are a storm.
    const INTERRUPTIONS_MAX: usize = 16;

    /// See the module.
    pub(crate) struct PrivateFile {
        file: OwnedFd,
        /// All of the file; `None` while it is empty.
        map: Option<MmapMut>,
    }

    impl PrivateFile {
        /// An empty file on the disk of `folder`.
        ///
        /// # Errors
        /// What the system said; `Unsupported` where the file system has no
        /// nameless files, or is none of [`IN_PLACE`].
        pub(crate) fn create(folder: &Path) -> io::Result<PrivateFile> {
            let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
            let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?;
            let kind = rustix::fs::fstatfs(&file)?.f_type as u64;
            if !IN_PLACE.contains(&kind) {
                let text = format!("a file system of type {kind:#x} may need blocks later on");
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
            Ok(PrivateFile { file, map: None })
        }

        /// Bytes mapped.
        pub(crate) fn bytes(&self) -> usize {
            self.map.as_ref().map_or(0, |map| map.len())
        }

        /// Bytes the disk has left for us.
        pub(crate) fn free_bytes(&self) -> io::Result<u64> {
            let disk = rustix::fs::fstatfs(&self.file)?;
            Ok((disk.f_bavail as u64).saturating_mul(disk.f_bsize as u64))
        }

        /// Whether the file is as long as what is mapped of it.
        pub(crate) fn is_whole(&self) -> io::Result<bool> {
            Ok(rustix::fs::fstat(&self.file)?.st_size as u64 >= self.bytes() as u64)
        }

        /// Makes it `bytes` long; the new ones are zero. Never makes it shorter.
        ///
        /// # Errors
        /// What the system said; the file is as it was.
        pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
            let before = self.bytes();
            if bytes <= before {
                return Ok(());
            }
            if let Err(error) = self.allocate(before as u64, (bytes - before) as u64) {
                // Part of it may have been given. Beyond what is mapped, so that
                // nobody misses it; where it fails the blocks go with the file.
                let _ = rustix::fs::ftruncate(&self.file, before as u64);
                return Err(error);
            }
            match &mut self.map {
                // SAFETY: the file has blocks for `bytes`, and nobody borrows the
                // mapping: we have it exclusively.
                Some(map) => unsafe { map.remap(bytes, RemapOptions::new().may_move(true)) },
                none => {
                    // SAFETY: nobody else writes or shortens the file, and it has
                    // blocks for `bytes`: see the module.
                    *none = Some(unsafe { MmapOptions::new().len(bytes).map_mut(&self.file) }?);
                    Ok(())
                }
            }
        }

        /// Does what nobody should.
        #[cfg(test)]
        pub(crate) fn cut_for_test(&self, bytes: u64) {
            rustix::fs::ftruncate(&self.file, bytes).expect("a file can be made shorter");
        }

        fn allocate(&self, from: u64, bytes: u64) -> io::Result<()> {
            let mut tries = 0;
            loop {
                match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, bytes) {
                    Err(rustix::io::Errno::INTR) if tries < INTERRUPTIONS_MAX => tries += 1,
                    other => return Ok(other?),
                }
            }
        }

        pub(crate) fn as_slice(&self) -> &[u8] {
            self.map.as_deref().unwrap_or_default()
        }

        pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
            self.map.as_deref_mut().unwrap_or_default()
        }

        /// Writes to the disk what is not there yet, and takes all of it out of
        /// memory. It comes back page by page when it is looked at.
        pub(crate) fn cool(&mut self) -> io::Result<()> {
            let Some(map) = &mut self.map else { return Ok(()) };
            map.flush()?;
            // SAFETY: the mapping is shared with its file, which has every byte:
            // what is read afterwards is what was there before.
            unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) }?;
            // The pages are out of our memory, and now out of the system's as well.
            Ok(rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed)?)
        }
    }
}

/// Only Linux has nameless files that can be given blocks.
#[cfg(not(target_os = "linux"))]
pub(crate) struct PrivateFile(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl PrivateFile {
    pub(crate) fn create(_folder: &Path) -> io::Result<PrivateFile> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has what mapped state needs"))
    }

    pub(crate) fn bytes(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        match self.0 {}
    }

    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        match self.0 {}
    }

    pub(crate) fn grow(&mut self, _bytes: usize) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self.0 {}
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self.0 {}
    }

    pub(crate) fn cool(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
