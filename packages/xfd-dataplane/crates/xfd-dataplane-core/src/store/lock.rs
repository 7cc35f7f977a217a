//! One writer for each destination: an OS lock that dies with its owner.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::beside::Dir;
use crate::decides::cache::FileKind;
use crate::error::{Error, Kind, Result};
use crate::model::NodeId;

/// Bytes of a lock file at most.
const MAX_LOCK_FILE_BYTES: u64 = 4096;

/// The holder of a lock, as the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    node: NodeId,
    /// Distinguishes two owners on one node.
    nonce: u64,
}

/// The result of trying a lock.
pub(crate) enum LockAttempt {
    /// It is ours.
    Ours(DiskLock),
    /// Another writer has it; the id of its node, if the file says so.
    Theirs(Option<NodeId>),
}

/// A held lock. Dropped, it removes its file before it unlocks it, so that no other writer locks a
/// file without a name.
#[derive(Debug)]
pub(crate) struct DiskLock {
    dir: Dir,
    path: PathBuf,
    file: File,
}

impl DiskLock {
    /// Whether another writer that looks into this folder finds the lock. It does not after
    /// somebody removed the folder, or moved it away.
    pub(crate) fn is_found_in(&self, dir: &Dir) -> Result<bool> {
        is_named(dir, &self.path, &self.file)
    }
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        self.dir.remove(&self.path);
    }
}

/// Tries the lock at a path, without waiting.
///
/// The lock is `flock`'s: it belongs to the open file, so that two stores of one process exclude
/// each other as two processes do.
///
/// # Errors
/// `DestinationBusy` if another user holds it; `DestinationNotWritable` if another file is there
/// that cannot be removed; what the disk said.
pub(crate) fn try_lock(dir: &Dir, path: &Path, node: &NodeId) -> Result<LockAttempt> {
    loop {
        let mut file = match dir.open(path, OFlags::RDWR, MAX_LOCK_FILE_BYTES) {
            Ok(Some(file)) => file,
            // Root's lock file, which this user may only read. A holder is believed. Without one
            // the file is removed.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                let found = dir.open(path, OFlags::RDONLY, MAX_LOCK_FILE_BYTES);
                match found.map_err(failed(path))? {
                    Some(mut file) if !remove_unheld(dir, path, &file)? => {
                        return Ok(LockAttempt::Theirs(owner(&mut file)));
                    }
                    Some(_) => {}
                    None => make_room(dir, path)?,
                }
                continue;
            }
            Err(error) => return Err(failed(path)(error)),
            Ok(None) => match dir.create_new(path, OFlags::empty())? {
                Some(file) => file,
                None => {
                    make_room(dir, path)?;
                    continue;
                }
            },
        };
        if !lock(path, &file)? {
            return Ok(LockAttempt::Theirs(owner(&mut file)));
        }
        // The previous owner may have removed the file after it was opened here.
        if is_named(dir, path, &file)? {
            sign(&mut file, node).map_err(failed(path))?;
            return Ok(LockAttempt::Ours(DiskLock {
                dir: dir.clone(),
                path: path.to_owned(),
                file,
            }));
        }
    }
}

/// Locks a file; false if another one holds its lock.
fn lock(path: &Path, file: &File) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(failed(path)(error)),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::of_path(&error, "lock the destination", path)
}

/// Whether the path still names this file.
fn is_named(dir: &Dir, path: &Path, file: &File) -> Result<bool> {
    let opened = file.metadata().map_err(failed(path))?;
    let named = dir.identity(path);
    Ok(named.is_ok_and(|(id, _)| id == (opened.dev(), opened.ino())))
}

/// Removes a lock file that nobody holds; returns false if somebody does.
///
/// It is removed under its own lock. Without that, another writer could lock it between the look
/// and the removal, and would then hold a lock without a name.
fn remove_unheld(dir: &Dir, path: &Path, file: &File) -> Result<bool> {
    let is_held = !lock(path, file)?;
    // The owner may have removed the file after it was opened here.
    let is_named = is_named(dir, path, file)?;
    if is_named && !is_held {
        dir.clear(path)?;
    }
    Ok(!(is_named && is_held))
}

/// Removes what is no lock of this user's. A lock that another user holds stays, since that user
/// may be writing the same destination. So does a lock of this user's that was just made.
fn make_room(dir: &Dir, path: &Path) -> Result<()> {
    let Some(file) = dir.open_any(path) else {
        // The owner may have removed it meanwhile, and another writer may have the next one.
        return match dir.look(path)? {
            Some(found) if found.kind != FileKind::File || dir.open_any(path).is_none() => {
                dir.clear(path)
            }
            Some(_) | None => Ok(()),
        };
    };
    let believed = dir.open(path, OFlags::RDONLY, MAX_LOCK_FILE_BYTES);
    if believed.is_ok_and(|file| file.is_some()) || remove_unheld(dir, path, &file)? {
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
    file.take(MAX_LOCK_FILE_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    serde_json::from_str::<Owner>(&text)
        .ok()
        .map(|owner| owner.node)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::beside::{Anchor, Opened};

    #[test]
    fn of_many_threads_one_at_a_time_has_the_lock_and_none_fails() {
        let folder = tempfile::tempdir().unwrap();
        let holders = AtomicUsize::new(0);
        let taken = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for k in 0..8 {
                let (holders, taken, folder) = (&holders, &taken, folder.path());
                scope.spawn(move || {
                    let anchor = Anchor::find(&Opened::new(), folder).unwrap().unwrap();
                    let dir = anchor.dir(Path::new("")).unwrap();
                    let path = folder.join(".a.xfd-lock");
                    for _ in 0..300 {
                        if let LockAttempt::Ours(lock) =
                            try_lock(&dir, &path, &format!("n{k}")).unwrap()
                        {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(taken.load(Ordering::SeqCst) > 0);
    }
}
