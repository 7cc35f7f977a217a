//! What the store asks of a file system besides reading and writing.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Room on the file system of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Identifies the file system.
    pub device: u64,
    /// Bytes that this process may still write there.
    pub free: u64,
}

/// Says how much room there is, and syncs. Tests use others than [`StatVfs`].
pub trait Disk: Send + Sync {
    /// Room on the file system of an existing folder.
    ///
    /// # Errors
    /// What the file system says.
    fn room(&self, folder: &Path) -> io::Result<Room>;

    /// Writes out the bytes of one file.
    ///
    /// # Errors
    /// What the file system says. It reports a failure once; a later sync of the same file
    /// succeeds.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Writes out all data of a file system, other programs' files included.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_all_of(&self, any_file: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(any_file)?)
    }
}

/// The real file systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatVfs;

impl Disk for StatVfs {
    fn room(&self, folder: &Path) -> io::Result<Room> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(Room {
            device: fs::metadata(folder)?.dev(),
            free: found.f_bavail.saturating_mul(found.f_frsize),
        })
    }
}

/// Gives a file its size and, if the file system can, its blocks.
pub(crate) fn preallocate(file: &File, size: u64, path: &Path) -> Result<()> {
    let failed = |error: Errno| Error::of_path(&error.into(), "preallocate the part file", path);
    if size == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            rustix::fs::ftruncate(file, size).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
