//! One writer for each destination: an OS lock that dies with its owner.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::beside::Dir;
use crate::error::{Error, Kind, Result};
use crate::model::NodeId;

/// Bytes of a lock file at most.
const OWNER_MOST: u64 = 4096;

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
    dir: Dir,
    path: PathBuf,
    _file: File,
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        self.dir.remove(&self.path);
    }
}

/// Asks for the lock at a path; does not wait.
///
/// The lock is `flock`'s: it belongs to the open file, so that two stores of one process exclude
/// each other as two processes do.
///
/// # Errors
/// `DestinationBusy` where another user holds it; `DestinationNotWritable` where what lies there is
/// no lock of ours and cannot be removed; what the disk said.
pub(crate) fn ask(dir: &Dir, path: &Path, node: &NodeId) -> Result<Asked> {
    let failed = |error: &std::io::Error| Error::of_path(error, "lock the destination", path);
    loop {
        let mut file = match dir.open(path, OFlags::RDWR, OWNER_MOST) {
            Ok(Some(file)) => file,
            // Root's, for one who may only read it: whoever holds it is believed, and none does for
            // long after it is removed.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                match dir
                    .open(path, OFlags::RDONLY, OWNER_MOST)
                    .map_err(|e| failed(&e))?
                {
                    Some(mut file) if is_held(&file) => {
                        return Ok(Asked::Theirs(owner(&mut file)));
                    }
                    _ => dir.create(path, OFlags::empty())?,
                }
            }
            Err(error) => return Err(failed(&error)),
            Ok(None) => {
                refuse_held(dir, path)?;
                dir.create(path, OFlags::empty())?
            }
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Asked::Theirs(owner(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        // The owner before may have removed the file between our opening and our locking it.
        let locked = file.metadata().map_err(|error| failed(&error))?;
        let named = dir.identity(path);
        if named.is_ok_and(|(id, _)| id == (locked.dev(), locked.ino())) {
            sign(&mut file, node).map_err(|error| failed(&error))?;
            return Ok(Asked::Ours(DiskLock {
                dir: dir.clone(),
                path: path.to_owned(),
                _file: file,
            }));
        }
    }
}

fn is_held(file: &File) -> bool {
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// A file that is no lock of ours is about to be replaced: unless it is one that works for another
/// user, who may be writing what we want.
fn refuse_held(dir: &Dir, path: &Path) -> Result<()> {
    let Some(file) = dir.open_any(path) else {
        return Ok(());
    };
    if !is_held(&file) {
        return Ok(());
    }
    let user = file.metadata().map_or(0, |found| found.uid());
    let what = format!("User {user} is writing to the same destination");
    Err(Error::new(Kind::DestinationBusy, what)
        .with_path(path)
        .with_remedy("Wait for that to end, or choose another destination"))
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
    file.take(OWNER_MOST).read_to_string(&mut text).ok()?;
    serde_json::from_str::<Owner>(&text)
        .ok()
        .map(|owner| owner.node)
}
