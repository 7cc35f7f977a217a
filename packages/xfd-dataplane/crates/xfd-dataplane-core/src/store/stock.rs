//! Taking stock: what of a catalog is here already, what may be written, and whether it fits.
//!
//! In order, so that nothing is changed before the last thing that can fail but folders and locks:
//! verdicts on what lies at the destinations; folders and locks for what is missing, and a second
//! look where a lock was taken just now; journals; room; the account.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::account::Inner;
use super::inspect::{Finding, inspect, refuse_unfit_tree};
use super::inventory;
use super::listing::Listing;
use super::lock::{Asked, DiskLock, ask};
use super::manifest::Manifest;
use super::paths::Folders;
use super::plan::{Looked, Plan, needs};
use super::resume;
use super::slot::{Slot, base, locked};
use crate::beside::Anchor;
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::{Catalog, CatalogObject, Here, Inventory, NodeId, ObjectIndex};

/// See [`super::Store::extend`].
pub(crate) fn extend(inner: &Inner, catalog: Catalog) -> Result<Inventory> {
    let _alone = locked(&inner.extending);
    check(inner, &catalog)?;
    let mut taking = Taking {
        inner,
        folders: Folders::default(),
        anchors: HashMap::new(),
        manifests: inner.state().manifests.clone(),
        locks: HashMap::new(),
        theirs: HashMap::new(),
        listing: Listing::default(),
    };
    let mut looked = Vec::new();
    let mut listing = Listing::default();
    for slot in taking.slots(&catalog)? {
        looked.push(taking.look(slot, &mut listing)?);
    }
    for one in &mut looked {
        taking.claim(one)?;
    }
    taking.resume(&catalog, &mut looked)?;
    needs(&looked).check(inner.disk.as_ref())?;
    let Taking {
        manifests, locks, ..
    } = taking;
    Ok(inventory::enter(inner, catalog, looked, manifests, locks))
}

/// See [`super::Store::survey`].
pub(crate) fn survey(inner: &Inner, catalog: &Catalog) -> Result<Vec<Here>> {
    let mut taking = Taking {
        inner,
        folders: Folders::default(),
        anchors: HashMap::new(),
        manifests: HashMap::new(),
        locks: HashMap::new(),
        theirs: HashMap::new(),
        listing: Listing::default(),
    };
    let layouts = layouts(catalog);
    let mut listing = Listing::default();
    let mut found = Vec::new();
    for slot in taking.slots(catalog)? {
        let one = taking.look(slot, &mut listing)?;
        let object = &one.slot.object;
        let size = if object.is_directory {
            0
        } else {
            object.found.size
        };
        let bytes = match one.plan {
            Plan::Landed { .. } | Plan::Unpack => size,
            Plan::Elsewhere(_) => 0,
            Plan::Fetch(_) => {
                let layout = layouts
                    .get(&object.index)
                    .map_or(&[] as &[_], Vec::as_slice);
                let chunks = resume::read(&one.slot, layout)?;
                chunks.iter().map(|chunk| chunk.sums.length).sum()
            }
        };
        found.push(Here {
            object: object.index,
            bytes,
            is_landed: matches!(one.plan, Plan::Landed { .. }),
        });
    }
    Ok(found)
}

/// Offset and length of each object's chunks, in the catalog's order.
fn layouts(catalog: &Catalog) -> HashMap<ObjectIndex, Vec<(u64, u64)>> {
    let mut spans: HashMap<ObjectIndex, Vec<(u64, u64)>> = HashMap::new();
    for span in catalog.chunks.iter().flat_map(|chunk| &chunk.spans) {
        let of = spans.entry(span.object).or_default();
        of.push((span.offset, span.length));
    }
    spans
}

/// # Errors
/// `Internal` for a chunk of an object that nobody knows.
fn check(inner: &Inner, catalog: &Catalog) -> Result<()> {
    let state = inner.state();
    if state.left {
        return Err(Error::new(Kind::Cancelled, "The swarm was left"));
    }
    let fresh: HashSet<ObjectIndex> = catalog.objects.iter().map(|object| object.index).collect();
    for chunk in &catalog.chunks {
        for span in &chunk.spans {
            if !fresh.contains(&span.object) && !state.slots.contains_key(&span.object) {
                return Err(Error::new(
                    Kind::Internal,
                    format!(
                        "Chunk {} has an unknown object {}",
                        chunk.index, span.object
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// What is gathered on the way; dropped on an error, and its locks with it.
struct Taking<'a> {
    inner: &'a Inner,
    folders: Folders,
    /// Folders that users named; None for those that are not there yet.
    anchors: HashMap<PathBuf, Option<Arc<Anchor>>>,
    manifests: HashMap<PathBuf, Arc<Mutex<Manifest>>>,
    locks: HashMap<PathBuf, DiskLock>,
    theirs: HashMap<PathBuf, Option<NodeId>>,
    /// Of folders whose lock is ours.
    listing: Listing,
}

impl Taking<'_> {
    fn look(&mut self, slot: Arc<Slot>, listing: &mut Listing) -> Result<Looked> {
        slot.set_anchor(self.anchor(base(&slot.object))?);
        let finding = inspect(&self.inner.opened, &slot, listing.lacks_file(&slot))?;
        let plan = finding.plan(&slot);
        Ok(Looked {
            slot,
            finding,
            plan,
            is_blank: false,
        })
    }

    /// The folder of this name, as it was found first; None if it is not there yet.
    fn anchor(&mut self, folder: &Path) -> Result<Option<Arc<Anchor>>> {
        if let Some(known) = self.anchors.get(folder) {
            return Ok(known.clone());
        }
        let found = Anchor::find(&self.inner.opened, folder)?;
        self.anchors.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    /// The same, made if it is not there.
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

    /// Slots of the objects that are new, or worth another look.
    fn slots(&mut self, catalog: &Catalog) -> Result<Vec<Arc<Slot>>> {
        let mut slots = Vec::new();
        let mut reloaded = HashSet::new();
        for object in &catalog.objects {
            let known = {
                let state = self.inner.state();
                let slot = state.slots.get(&object.index).cloned();
                slot.zip(state.ledger.object(object.index))
            };
            match known {
                None => slots.push(self.slot(object)?),
                Some((_, ObjectState::Open | ObjectState::Landed)) => {}
                Some((slot, _)) => {
                    // Another writer of this disk has added lines since we read it.
                    if let (Some(manifest), Some(group)) = (&slot.manifest, &object.group)
                        && reloaded.insert(group.clone())
                    {
                        locked(manifest).reload()?;
                    }
                    slots.push(slot);
                }
            }
        }
        Ok(slots)
    }

    fn slot(&mut self, object: &CatalogObject) -> Result<Arc<Slot>> {
        let manifest = match &object.group {
            None => None,
            Some(group) => match self.manifests.get(group) {
                Some(manifest) => Some(manifest.clone()),
                None => {
                    let manifest = Arc::new(Mutex::new(Manifest::read(&self.inner.opened, group)?));
                    self.manifests.insert(group.clone(), manifest.clone());
                    Some(manifest)
                }
            },
        };
        Ok(Arc::new(Slot::new(Arc::new(object.clone()), manifest)))
    }

    /// What is to be written gets its folders and its lock; marker objects become folders.
    fn claim(&mut self, one: &mut Looked) -> Result<()> {
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
            .map_err(|error| explained(error, &one.finding))?;
        if one.finding.file_is_there {
            slot.dir()?.check_replaceable(&slot.object.destination)?;
        }
        if !self.listing.lacks_all(&slot) {
            slot.check_own_names()?;
        }
        match self.lock(&slot)? {
            Claim::Held => {}
            Claim::New => {
                // The writer before us may have finished between our first look and now.
                one.is_blank = self.listing.lacks_all(&slot);
                one.finding = inspect(&self.inner.opened, &slot, one.is_blank)?;
                one.plan = one.finding.plan(&slot);
            }
            Claim::Theirs(owner) => {
                one.plan = Plan::Elsewhere(owner);
                return Ok(());
            }
        }
        match one.plan {
            Plan::Landed { .. } | Plan::Elsewhere(_) => Ok(()),
            Plan::Unpack | Plan::Fetch(_) => refuse_unfit_tree(&slot, &one.finding),
        }
    }

    /// The folder of a marker object; one that is there need not be writable.
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
        if let Some(manifest) = &slot.manifest {
            locked(manifest).settle()?;
        }
        let path = slot.lock_path();
        if self.inner.state().locks.contains_key(&path) {
            return Ok(Claim::Held);
        }
        if self.locks.contains_key(&path) {
            return Ok(Claim::New);
        }
        if let Some(owner) = self.theirs.get(&path) {
            return Ok(Claim::Theirs(owner.clone()));
        }
        match ask(&slot.lock_dir()?, &path, &self.inner.options.node)? {
            Asked::Ours(lock) => {
                self.locks.insert(path, lock);
                if let Some(manifest) = &slot.manifest {
                    locked(manifest).reload()?;
                }
                Ok(Claim::New)
            }
            Asked::Theirs(owner) => {
                self.theirs.insert(path, owner.clone());
                Ok(Claim::Theirs(owner))
            }
        }
    }

    /// Finds what an earlier run left of the objects that are to be fetched.
    fn resume(&self, catalog: &Catalog, looked: &mut [Looked]) -> Result<()> {
        let spans = layouts(catalog);
        for one in looked.iter_mut() {
            let layout = spans.get(&one.slot.object.index);
            let layout = layout.map_or(&[] as &[_], Vec::as_slice);
            match &mut one.plan {
                Plan::Fetch(_) if one.is_blank => {}
                Plan::Fetch(resumed) => *resumed = resume::read(&one.slot, layout)?,
                _ => one.finding.forget_other_layout(layout),
            }
        }
        resume::verify(looked);
        Ok(())
    }
}

/// Where what is cached is another user's, that is why it was not enough.
fn explained(error: Error, finding: &Finding) -> Error {
    match finding.is_foreign {
        true => error.with_remedy(
            "The file there belongs to another user, or may not be read: let root own it and all \
             read it, or choose a destination of your own",
        ),
        false => error,
    }
}

enum Claim {
    /// Ours since an earlier stocktaking.
    Held,
    /// Ours since this one.
    New,
    Theirs(Option<NodeId>),
}
