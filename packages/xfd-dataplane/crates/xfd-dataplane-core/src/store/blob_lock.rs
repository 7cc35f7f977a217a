//! The hub's lock of a blob, which `huggingface_hub` holds while it downloads: `flock`'s, on a file
//! that stays.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::beside::Dir;
use crate::error::{Error, Result};

/// A held lock.
#[derive(Debug)]
pub(crate) struct BlobLock {
    _file: File,
}

/// The result of trying a lock.
pub(crate) enum Attempt {
    Ours(BlobLock),
    Theirs,
    /// The file system has no locks.
    Unknown,
}

fn path_of(dir: &Dir, blob: &Path) -> PathBuf {
    let mut name = blob.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    dir.path().join(name)
}

/// Tries the lock of a blob, without waiting. `dir` is the folder of its repository's locks.
///
/// # Errors
/// `DestinationNotWritable`, or what else the disk said.
pub(crate) fn attempt(dir: &Dir, blob: &Path) -> Result<Attempt> {
    let path = path_of(dir, blob);
    let failed = |error: &std::io::Error| Error::of_path(error, "lock the blob", &path);
    let file = dir.open_lock(&path).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Attempt::Ours(BlobLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Theirs),
        Err(TryLockError::Error(error)) => match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EOPNOTSUPP | libc::ENOLCK) => Ok(Attempt::Unknown),
            _ => Err(failed(&error)),
        },
    }
}
