//! The staged tree: claimed under a lock that dies with its owner, put in its place, removed if
//! anything fails.
//!
//! It is staged beside its destination and exchanged with it in one step. Where that cannot be (the
//! destination is a mount point, or the folder above is not this user's to write to), it is staged
//! inside the destination, and its entries are moved one after the other. A run that is killed
//! between two of these leaves a tree that its record does not call whole.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::place::{Place, not_empty};
use crate::beside::{erase_tree, is_me_or_root};
use crate::error::{Error, Kind, Result};

/// Names that are tried before a random one. A fixed few, so that what a killed run left is found
/// without listing a folder that may have a million entries.
const SLOTS: u32 = 4;

pub(super) struct Staging {
    place: Place,
    /// Of the staged root, in the place's folder.
    name: OsString,
    /// The staged root; holds the lock.
    root: OwnedFd,
    replace: bool,
    /// Whether the stage is still there to be removed.
    staged: bool,
}

impl Staging {
    /// Looks at the destination, removes what killed runs left and makes a new staged root.
    pub(super) fn claim(destination: &Path, replace: bool) -> Result<Self> {
        let place = Place::find(destination)?;
        place.check_free(replace)?;
        let failed = |e: &io::Error| Error::of_path(e, "create a folder", &place.destination);
        let mut claimed = None;
        for slot in 0..SLOTS {
            let name = place.staged_name(&slot.to_string());
            remove_leftover(place.dir.fd(), &name);
            if claimed.is_none() {
                claimed = make(place.dir.fd(), &name)
                    .map_err(|e| failed(&e))?
                    .map(|root| (name, root));
            }
        }
        if claimed.is_none() {
            let name = place.random_name();
            claimed = make(place.dir.fd(), &name)
                .map_err(|e| failed(&e))?
                .map(|root| (name, root));
        }
        let Some((name, root)) = claimed else {
            return Err(Error::new(
                Kind::DestinationBusy,
                "Others are unpacking to the same folder",
            )
            .with_path(place.destination));
        };
        Ok(Self {
            place,
            name,
            root,
            replace,
            staged: true,
        })
    }

    /// The staged root.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Where the staged root is as long as nobody moves it.
    pub(super) fn path(&self) -> PathBuf {
        let destination = &self.place.destination;
        match (self.place.is_inside, destination.parent()) {
            (false, Some(above)) => above.join(&self.name),
            _ => destination.join(&self.name),
        }
    }

    /// What the tree is called in errors: where it will be.
    pub(super) fn shown(&self) -> &Path {
        &self.place.destination
    }

    /// Syncs the file system that the tree is on.
    pub(super) fn sync(&self) -> Result<()> {
        rustix::fs::syncfs(&self.root)
            .map_err(|e| Error::of_path(&e.into(), "sync the tree", &self.place.destination))
    }

    /// Puts the staged tree in its place. An old tree of ours goes after that; so does nothing
    /// else, whatever came there meanwhile.
    pub(super) fn exchange(mut self, sync: bool) -> Result<()> {
        match self.place.is_inside {
            true => self.move_in()?,
            false => self.rename()?,
        }
        match sync {
            true => self.place.dir.sync(),
            false => Ok(()),
        }
    }

    fn rename(&mut self) -> Result<()> {
        let place = &self.place;
        let dir = place.dir.fd();
        // rename(2) puts a folder in the place of nothing or of an empty folder only.
        match rustix::fs::renameat(dir, &self.name, dir, place.name()) {
            Ok(()) => self.staged = false,
            Err(Errno::NOTEMPTY | Errno::EXIST) if self.replace => self.replace_old()?,
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {
                return Err(not_empty(&place.destination));
            }
            Err(error) => return Err(place.failed(error)),
        }
        Ok(())
    }

    fn replace_old(&mut self) -> Result<()> {
        let place = &self.place;
        let (dir, name) = (place.dir.fd(), place.name());
        let failed = |e: Errno| place.failed(e);
        // The old tree is about to have our staged name, which others take for a leftover unless
        // it is locked.
        let old = open_folder(dir, name).map_err(failed)?;
        let _ = rustix::fs::flock(&old, FlockOperation::NonBlockingLockExclusive);
        match rustix::fs::renameat_with(dir, &self.name, dir, name, RenameFlags::EXCHANGE) {
            Ok(()) => {
                self.staged = false;
                remove_tree(dir, &self.name);
                return Ok(());
            }
            // Some network and overlay file systems have no exchange.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(failed(error)),
        }
        let aside = place.random_name();
        rustix::fs::renameat(dir, name, dir, &aside).map_err(failed)?;
        if let Err(error) = rustix::fs::renameat(dir, &self.name, dir, name) {
            let _ = rustix::fs::renameat(dir, &aside, dir, name);
            return Err(failed(error));
        }
        self.staged = false;
        remove_tree(dir, &aside);
        Ok(())
    }

    /// Moves the entries of the stage into the destination that it is in, and old ones aside.
    fn move_in(&mut self) -> Result<()> {
        let place = &self.place;
        let dir = place.dir.fd();
        let failed = |e: Errno| place.failed(e);
        let looked = |e: io::Error| Error::of_path(&e, "look at the tree", &place.destination);
        let old = place.entries().map_err(looked)?;
        if !old.is_empty() && !self.replace {
            return Err(not_empty(&place.destination));
        }
        let new = names(&self.root).map_err(failed)?;
        let aside_name = place.random_name();
        let aside = make(dir, &aside_name).map_err(looked)?;
        let aside = aside.ok_or_else(|| failed(Errno::EXIST))?;
        let out = old.iter().map(|name| (dir, aside.as_fd(), name));
        let into = new.iter().map(|name| (self.root.as_fd(), dir, name));
        let moves: Vec<_> = out.chain(into).collect();
        for (done, (from, to, name)) in moves.iter().enumerate() {
            if let Err(error) = rustix::fs::renameat(from, *name, to, *name) {
                for (from, to, name) in moves[..done].iter().rev() {
                    let _ = rustix::fs::renameat(to, *name, from, *name);
                }
                let _ = rustix::fs::unlinkat(dir, &aside_name, AtFlags::REMOVEDIR);
                return Err(failed(error));
            }
        }
        self.staged = false;
        remove_tree(dir, &self.name);
        remove_tree(dir, &aside_name);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.staged {
            remove_tree(self.place.dir.fd(), &self.name);
        }
    }
}

/// A new folder, locked; None if it is someone else's.
fn make(dir: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    match rustix::fs::mkdirat(dir, name, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(None),
        other => other?,
    }
    let root = match open_folder(dir, name) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    // Where folders cannot be locked (some network file systems), leftovers stay.
    if rustix::fs::flock(&root, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
    {
        // Someone took it for a leftover in the moment before the lock, and removes it.
        return Ok(None);
    }
    let ours = rustix::fs::fstat(&root)?;
    let there = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
    Ok(there
        .is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino))
        .then_some(root))
}

/// Removes a staged tree whose owner is gone.
fn remove_leftover(dir: BorrowedFd<'_>, name: &OsStr) {
    let Ok(root) = open_folder(dir, name) else {
        return;
    };
    let is_ours = rustix::fs::fstat(&root).is_ok_and(|found| is_me_or_root(found.st_uid));
    let lock = FlockOperation::NonBlockingLockExclusive;
    if is_ours && rustix::fs::flock(&root, lock).is_ok() {
        remove_tree(dir, name);
    }
}

fn open_folder(dir: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

fn names(folder: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?.file_name().to_bytes().to_owned();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// Removes a tree of ours. What cannot be removed is left for the next run.
fn remove_tree(dir: BorrowedFd<'_>, name: &OsStr) {
    if let Err(error) = erase_tree(dir, name) {
        tracing::warn!(name = %name.display(), %error, "staged_tree_not_removed");
    }
}
