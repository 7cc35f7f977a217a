//! The staged tree beside its destination: claimed under a lock that dies with its owner,
//! exchanged in one step, removed if anything fails.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Error, Kind, Result};

/// Names that are tried before a random one. A fixed few, so that what a killed run left is found
/// without listing a folder that may have a million entries.
const SLOTS: u32 = 4;

/// Longest name of a file that Linux file systems take, in bytes.
const NAME_MAX: usize = 255;

pub(super) struct Staging {
    /// The tree's final place, with a link to a folder resolved.
    destination: PathBuf,
    path: PathBuf,
    /// The staged root; holds the lock.
    root: OwnedFd,
    replace: bool,
    /// Whether `path` is still there to be removed.
    staged: bool,
}

impl Staging {
    /// Looks at the destination, removes what killed runs left and makes a new staged root.
    pub(super) fn claim(destination: &Path, replace: bool) -> Result<Self> {
        let destination = resolve(destination);
        check_free(&destination, replace)?;
        let failed = |e: &io::Error, doing| Error::of_path(e, doing, &destination);
        let (Some(parent), Some(_)) = (destination.parent(), destination.file_name()) else {
            return Err(
                Error::new(Kind::Destination, "No folder can be unpacked to there")
                    .with_path(&destination),
            );
        };
        fs::create_dir_all(parent).map_err(|e| failed(&e, "create the folder above"))?;
        let mut claimed = None;
        for slot in 0..SLOTS {
            let path = beside(&destination, &slot.to_string());
            remove_leftover(&path);
            if claimed.is_none() {
                claimed = make(&path)
                    .map_err(|e| failed(&e, "create a folder"))?
                    .map(|root| (path, root));
            }
        }
        if claimed.is_none() {
            let path = beside(&destination, &format!("{:016x}", fastrand::u64(..)));
            claimed = make(&path)
                .map_err(|e| failed(&e, "create a folder"))?
                .map(|root| (path, root));
        }
        let Some((path, root)) = claimed else {
            return Err(Error::new(
                Kind::DestinationBusy,
                "Others are unpacking to the same folder",
            )
            .with_path(&destination));
        };
        Ok(Self {
            destination,
            path,
            root,
            replace,
            staged: true,
        })
    }

    /// The staged root.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// What the tree is called in errors: where it will be.
    pub(super) fn shown(&self) -> &Path {
        &self.destination
    }

    /// Syncs the file system that the tree is on.
    pub(super) fn sync(&self) -> Result<()> {
        rustix::fs::syncfs(&self.root)
            .map_err(|e| Error::of_path(&e.into(), "sync the tree", &self.destination))
    }

    /// Puts the staged tree in its place. An old tree of ours goes after that; so does nothing
    /// else, whatever came there meanwhile.
    pub(super) fn exchange(mut self, sync: bool) -> Result<()> {
        let destination = self.destination.clone();
        let failed = |e: Errno, doing| Error::of_path(&e.into(), doing, &destination);
        // rename(2) puts a folder in the place of nothing or of an empty folder only.
        match rustix::fs::rename(&self.path, &self.destination) {
            Ok(()) => self.staged = false,
            Err(Errno::NOTEMPTY | Errno::EXIST) if self.replace => self.replace_old()?,
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {
                return Err(not_empty(&self.destination));
            }
            Err(error) => return Err(failed(error, "put the tree in its place")),
        }
        if sync && let Some(parent) = self.destination.parent() {
            fs::File::open(parent)
                .and_then(|parent| parent.sync_all())
                .map_err(|e| Error::of_path(&e, "sync the folder above", &destination))?;
        }
        Ok(())
    }

    fn replace_old(&mut self) -> Result<()> {
        let failed =
            |e: Errno| Error::of_path(&e.into(), "put the tree in its place", &self.destination);
        // The old tree is about to have our staged name, which others take for a leftover unless
        // it is locked.
        let old = open_folder(&self.destination).map_err(failed)?;
        let _ = rustix::fs::flock(&old, FlockOperation::NonBlockingLockExclusive);
        match rustix::fs::renameat_with(
            CWD,
            &self.path,
            CWD,
            &self.destination,
            RenameFlags::EXCHANGE,
        ) {
            Ok(()) => {
                self.staged = false;
                remove_tree(&self.path);
                return Ok(());
            }
            // Some network and overlay file systems have no exchange.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(failed(error)),
        }
        let aside = beside(&self.destination, &format!("{:016x}", fastrand::u64(..)));
        rustix::fs::rename(&self.destination, &aside).map_err(failed)?;
        if let Err(error) = rustix::fs::rename(&self.path, &self.destination) {
            let _ = rustix::fs::rename(&aside, &self.destination);
            return Err(failed(error));
        }
        self.staged = false;
        remove_tree(&aside);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.staged {
            remove_tree(&self.path);
        }
    }
}

/// A destination that is a link to a folder stands for that folder.
fn resolve(destination: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(destination).is_ok_and(|found| found.is_symlink());
    match fs::canonicalize(destination) {
        Ok(folder) if is_link && folder.is_dir() => folder,
        _ => destination.to_path_buf(),
    }
}

fn check_free(destination: &Path, replace: bool) -> Result<()> {
    let failed = |e: &io::Error| Error::of_path(e, "look at the destination", destination);
    match fs::symlink_metadata(destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(&error)),
        Ok(found) if found.is_dir() => {
            let mut entries = fs::read_dir(destination).map_err(|e| failed(&e))?;
            if replace || entries.next().is_none() {
                Ok(())
            } else {
                Err(not_empty(destination))
            }
        }
        Ok(_) => Err(not_empty(destination)),
    }
}

fn not_empty(destination: &Path) -> Error {
    Error::new(
        Kind::DestinationNotEmpty,
        "There is something that this did not unpack",
    )
    .with_path(destination)
}

/// `.NAME.xfd-tree-SUFFIX` beside the destination; of a long name, the start.
fn beside(destination: &Path, suffix: &str) -> PathBuf {
    let tail = format!(".xfd-tree-{suffix}");
    let name = destination.file_name().unwrap_or_default().as_bytes();
    let length = name.len().min(NAME_MAX - tail.len() - 1);
    let name = [b".", &name[..length], tail.as_bytes()].concat();
    destination.with_file_name(OsString::from_vec(name))
}

/// A new folder, locked; None if it is someone else's.
fn make(path: &Path) -> io::Result<Option<OwnedFd>> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(None),
        other => other?,
    }
    let root = match open_folder(path) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    // Where folders cannot be locked (some network file systems), leftovers stay.
    if rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
    {
        // Someone took it for a leftover in the moment before the lock, and removes it.
        return Ok(None);
    }
    let (ours, there) = (rustix::fs::fstat(&root)?, rustix::fs::lstat(path));
    Ok(there
        .is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino))
        .then_some(root))
}

/// Removes a staged tree whose owner is gone.
fn remove_leftover(path: &Path) {
    let Ok(root) = open_folder(path) else {
        return;
    };
    if rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive).is_ok() {
        remove_tree(path);
    }
}

fn open_folder(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Removes a tree of ours, folders without write permission too. What cannot be removed is left
/// for the next run.
fn remove_tree(path: &Path) {
    let removed = fs::remove_dir_all(path).or_else(|error| {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return Err(error);
        }
        open_up(path)?;
        fs::remove_dir_all(path)
    });
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "staged_tree_not_removed");
        }
        _ => {}
    }
}

/// Gives this user all rights to the folders of a tree.
fn open_up(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
