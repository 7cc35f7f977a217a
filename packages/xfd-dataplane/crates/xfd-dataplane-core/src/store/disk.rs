//! What the store asks of a file system besides reading and writing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Room on the file system of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tells file systems apart.
    pub device: u64,
    /// Bytes that this process may still write there.
    pub free: u64,
}

/// Tells how much room there is, and syncs; another one than [`StatVfs`] makes a disk small.
pub trait Disk: Send + Sync {
    /// Room on the file system of an existing folder.
    ///
    /// # Errors
    /// What the file system says.
    fn room(&self, folder: &Path) -> io::Result<Room>;

    /// Writes out the bytes of one file.
    ///
    /// # Errors
    /// What the file system says. It says so once: who asks again is told that all is well.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Writes out everything that a file system has not yet, other programs' files included.
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

/// Opens a part file for writing, made if it is not there; a link in its place is refused.
pub(crate) fn open_part(path: &Path, truncate: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate)
        .mode(0o666)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

/// Gives a file its size and, where the file system can, its blocks.
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

/// Bytes that a file's blocks take on the disk, at most its size.
pub(crate) fn allocated(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |found| (found.blocks() * 512).min(found.len()))
}

/// Makes a folder's names durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::of_path(&error, "sync the folder", folder))
}
