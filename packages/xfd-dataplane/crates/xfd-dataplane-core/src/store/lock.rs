//! One writer for each destination: an OS lock that dies with its owner.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::NodeId;

/// Who holds a lock, as the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    node: NodeId,
    /// Tells two owners of one node apart.
    nonce: u64,
}

/// What asking for a lock gives.
pub(crate) enum Asked {
    /// It is ours.
    Ours(DiskLock),
    /// Another one has it; that node's id, where the file tells.
    Theirs(Option<NodeId>),
}

/// A held lock. Dropped, its file is removed first, so that nobody can lock the removed file and
/// believe to be alone.
#[derive(Debug)]
pub(crate) struct DiskLock {
    path: PathBuf,
    _file: File,
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        super::paths::remove(&self.path);
    }
}

/// Asks for the lock at a path; does not wait.
///
/// The lock is `flock`'s: it belongs to the open file, so that two stores of one process exclude
/// each other as two processes do.
pub(crate) fn ask(path: &Path, node: &NodeId) -> Result<Asked> {
    let failed = |error: &std::io::Error| Error::of_path(error, "lock the destination", path);
    loop {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o666)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Asked::Theirs(owner(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        // The owner before may have removed the file between our opening and our locking it.
        let locked = file.metadata().map_err(|error| failed(&error))?;
        let named = fs::symlink_metadata(path);
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino())) {
            sign(&mut file, node).map_err(|error| failed(&error))?;
            return Ok(Asked::Ours(DiskLock {
                path: path.to_owned(),
                _file: file,
            }));
        }
    }
}

fn sign(file: &mut File, node: &NodeId) -> std::io::Result<()> {
    let owner = Owner {
        node: node.clone(),
        nonce: fastrand::u64(..),
    };
    let mut line = serde_json::to_vec(&owner)?;
    line.push(b'\n');
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&line)
}

fn owner(file: &mut File) -> Option<NodeId> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str::<Owner>(&text)
        .ok()
        .map(|owner| owner.node)
}
