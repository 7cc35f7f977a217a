//! Folders and locks of the objects of one inventory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blob_place;
use super::elsewhere::Elsewhere;
use super::hub_cache;
use super::inner::Inner;
use super::inspect::{Inspection, inspect, refuse_unfit_tree};
use super::listing::Listing;
use super::lock::{DiskLock, LockAttempt, try_lock};
use super::own_names;
use super::paths::Folders;
use super::plan::{Inspected, Plan, plan};
use super::slot::{Slot, base};
use crate::beside::{Anchor, Dir};
use crate::error::{Error, Kind, Result};
use crate::model::NodeId;
use crate::threads::locked;

/// Dropped without [`Claims::into_locks`], it gives its locks back.
pub(crate) struct Claims<'a> {
    inner: &'a Inner,
    folders: Folders,
    /// Folders that users named; None for those that do not exist yet.
    anchors: HashMap<PathBuf, Option<Arc<Anchor>>>,
    locks: HashMap<PathBuf, DiskLock>,
    /// Locks that other writers have.
    theirs: HashMap<PathBuf, Option<NodeId>>,
    /// Of folders whose lock is ours.
    listing: Listing,
    pub(crate) elsewhere: Elsewhere,
    /// Folders of part files that were found, and those that were made under a lock of ours, by the
    /// folder of their blobs.
    parts: HashMap<PathBuf, Option<Dir>>,
    made_parts: HashMap<PathBuf, MadeParts>,
}

/// A folder of part files that was made, and the lock of its repository.
struct MadeParts {
    dir: Dir,
    lock: PathBuf,
}

impl Drop for Claims<'_> {
    /// Where the inventory has failed, no empty folder of ours stays in a hub cache.
    fn drop(&mut self) {
        for made in self.made_parts.values() {
            if self.locks.contains_key(&made.lock) {
                std::fs::remove_dir(made.dir.path()).ok();
            }
        }
    }
}

/// A lock that an object needs.
enum Claim {
    /// Ours since an earlier inventory.
    Held,
    /// Ours since this one.
    New,
    Theirs(Option<NodeId>),
}

impl<'a> Claims<'a> {
    pub(crate) fn new(inner: &'a Inner) -> Self {
        Self {
            inner,
            folders: Folders::default(),
            anchors: HashMap::new(),
            locks: HashMap::new(),
            theirs: HashMap::new(),
            listing: Listing::default(),
            elsewhere: Elsewhere::default(),
            parts: HashMap::new(),
            made_parts: HashMap::new(),
        }
    }

    /// The locks that are new.
    pub(crate) fn into_locks(mut self) -> HashMap<PathBuf, DiskLock> {
        std::mem::take(&mut self.locks)
    }

    /// The folder of this path, as it was found first; None if it does not exist yet.
    pub(crate) fn anchor(&mut self, folder: &Path) -> Result<Option<Arc<Anchor>>> {
        if let Some(known) = self.anchors.get(folder) {
            return Ok(known.clone());
        }
        let found = Anchor::find(&self.inner.opened, folder)?;
        self.anchors.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    /// The folder of a blob's part file; None if there is none, or the object is no blob.
    pub(crate) fn found_parts(&mut self, slot: &Slot) -> Result<Option<Dir>> {
        let Some(blob) = &slot.object.blob else {
            return Ok(None);
        };
        let folder = base(&slot.object);
        if let Some(known) = self.parts.get(folder) {
            return Ok(known.clone());
        }
        let found = blob_place::find_parts(&self.inner.opened, blob)?;
        self.parts.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    /// Makes the folder of a blob's part file. The lock of its repository is ours.
    fn make_parts(&mut self, slot: &Slot) -> Result<()> {
        let Some(blob) = &slot.object.blob else {
            return Ok(());
        };
        let folder = base(&slot.object);
        let made = match self.made_parts.get(folder) {
            Some(made) => made.dir.clone(),
            None => {
                let made = MadeParts {
                    dir: blob_place::make_parts(&self.inner.opened, blob)?,
                    lock: slot.lock_path(),
                };
                let dir = made.dir.clone();
                self.made_parts.insert(folder.to_owned(), made);
                dir
            }
        };
        slot.set_parts(Some(made));
        Ok(())
    }

    /// The folder of this path, made if it does not exist.
    fn made_anchor(&mut self, folder: &Path) -> Result<Arc<Anchor>> {
        if let Some(found) = self.anchor(folder)? {
            return Ok(found);
        }
        self.folders.make(folder)?;
        self.anchors.remove(folder);
        self.anchor(folder)?.ok_or_else(|| {
            let what = "The destination's folder went away";
            Error::new(Kind::Destination, what).with_path(folder)
        })
    }

    /// Makes the folders of an object that is to be written, and takes its lock. If the lock is
    /// new, the object is inspected again: its last writer may have finished since. A directory
    /// marker becomes a folder.
    pub(crate) fn claim(&mut self, one: &mut Inspected) -> Result<()> {
        let slot = one.slot.clone();
        if matches!(one.plan, Plan::Landed { .. }) && !slot.object.is_directory {
            return Ok(());
        }
        let anchor = self.made_anchor(base(&slot.object))?;
        slot.set_anchor(Some(anchor.clone()));
        self.folders.make_below(&anchor, &slot.relative)?;
        if slot.object.is_directory {
            return self.make_marked(&slot, &anchor);
        }
        self.folders
            .check_writable(&anchor, &slot.relative)
            .map_err(|error| explained(error, &one.inspection))?;
        if one.inspection.file_is_there {
            slot.dir()?.check_replaceable(&slot.object.destination)?;
        }
        let is_beside = slot.object.blob.is_none();
        if is_beside && !self.listing.lacks_all(&slot)
            || own_names::is_dot_file(&slot.object.destination)
        {
            own_names::check(&slot)?;
        }
        match self.lock(&slot)? {
            Claim::Held => self.make_parts(&slot)?,
            Claim::New => {
                self.make_parts(&slot)?;
                one.is_blank = self.listing.lacks_all(&slot);
                let (opened, elsewhere) = (&self.inner.opened, &mut self.elsewhere);
                one.inspection = inspect(opened, &slot, one.is_blank, false, elsewhere)?;
                one.plan = plan(&slot, &one.inspection);
                hub_cache::settle(self.inner, std::slice::from_mut(one));
            }
            Claim::Theirs(owner) => {
                one.plan = Plan::LockedByOther(owner);
                return Ok(());
            }
        }
        match one.plan {
            Plan::Landed { .. } | Plan::LockedByOther(_) => Ok(()),
            Plan::Hash | Plan::Unpack | Plan::Fetch(_) => refuse_unfit_tree(&slot, &one.inspection),
        }
    }

    /// Makes the folder of a directory marker. A folder that exists need not be writable.
    fn make_marked(&mut self, slot: &Slot, anchor: &Arc<Anchor>) -> Result<()> {
        let destination = &slot.object.destination;
        match destination.strip_prefix(anchor.path()) {
            Ok(relative) if !relative.as_os_str().is_empty() => {
                self.folders.make_below(anchor, relative)
            }
            _ => Ok(()),
        }
    }

    fn lock(&mut self, slot: &Slot) -> Result<Claim> {
        if let (Some(manifest), None) = (&slot.manifest, &slot.object.blob) {
            locked(manifest).settle()?;
        }
        let path = slot.lock_path();
        if self.locks.contains_key(&path) {
            return Ok(Claim::New);
        }
        if let Some(owner) = self.theirs.get(&path) {
            return Ok(Claim::Theirs(owner.clone()));
        }
        let dir = slot.lock_dir()?;
        {
            let mut state = self.inner.state();
            match state.locks.get(&path) {
                Some(held) if held.is_found_in(&dir)? => return Ok(Claim::Held),
                Some(_) => drop(state.locks.remove(&path)),
                None => {}
            }
        }
        match try_lock(&dir, &path, &self.inner.options.node)? {
            LockAttempt::Ours(lock) => {
                self.locks.insert(path, lock);
                if let Some(manifest) = &slot.manifest {
                    locked(manifest).reload()?;
                }
                Ok(Claim::New)
            }
            LockAttempt::Theirs(owner) => {
                self.theirs.insert(path, owner.clone());
                Ok(Claim::Theirs(owner))
            }
        }
    }
}

/// Adds a remedy if the file in the cache was not believed because of its owner.
fn explained(error: Error, inspection: &Inspection) -> Error {
    match inspection.is_foreign {
        true => error.with_remedy(
            "The file there belongs to another user, or may not be read: let root own it and all \
             read it, or choose a destination of your own",
        ),
        false => error,
    }
}
