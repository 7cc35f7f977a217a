//! Taking stock: what of a catalog is here already, what may be written, and whether it fits.
//!
//! In order, so that nothing is changed before the last thing that can fail but folders and locks:
//! verdicts on what lies at the destinations; folders and locks for what is missing, and a second
//! look where a lock was taken just now; journals; room; the account.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::account::Inner;
use super::inspect::{Finding, inspect, refuse_foreign_tree};
use super::lock::{Asked, DiskLock, ask};
use super::manifest::Manifest;
use super::pack_journal::Finished;
use super::paths::Folders;
use super::resume::{self, Resumed};
use super::room::Needs;
use super::slot::{Slot, Whereabouts, locked};
use super::{inventory, paths};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::{Catalog, CatalogObject, Inventory, NodeId, ObjectIndex};

/// What is going to be done about one object.
pub(crate) enum Plan {
    /// Valid; false: its archive is gone, only its tree is here.
    Landed { has_file: bool },
    /// The file is valid, its tree is to be made.
    Unpack,
    /// Another writer is busy with it.
    Elsewhere(Option<NodeId>),
    /// To be fetched, but for these chunks.
    Fetch(Vec<Resumed>),
}

/// One object with what was found of it.
pub(crate) struct Looked {
    pub(crate) slot: Arc<Slot>,
    pub(crate) finding: Finding,
    pub(crate) plan: Plan,
}

/// See [`super::Store::extend`].
pub(crate) fn extend(inner: &Inner, catalog: Catalog) -> Result<Inventory> {
    let _alone = locked(&inner.extending);
    check(inner, &catalog)?;
    let mut taking = Taking {
        inner,
        folders: Folders::default(),
        manifests: inner.state().manifests.clone(),
        locks: HashMap::new(),
        theirs: HashMap::new(),
    };
    let mut looked = Vec::new();
    for slot in taking.slots(&catalog)? {
        looked.push(taking.look(slot)?);
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
    manifests: HashMap<PathBuf, Arc<Mutex<Manifest>>>,
    locks: HashMap<PathBuf, DiskLock>,
    theirs: HashMap<PathBuf, Option<NodeId>>,
}

impl Taking<'_> {
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
                    let manifest = Arc::new(Mutex::new(Manifest::read(group)?));
                    self.manifests.insert(group.clone(), manifest.clone());
                    Some(manifest)
                }
            },
        };
        Ok(Arc::new(Slot::new(Arc::new(object.clone()), manifest)))
    }

    fn look(&self, slot: Arc<Slot>) -> Result<Looked> {
        let finding = inspect(&slot)?;
        let plan = finding.plan(&slot);
        Ok(Looked {
            slot,
            finding,
            plan,
        })
    }

    /// What is to be written gets its folders and its lock; marker objects become folders.
    fn claim(&mut self, one: &mut Looked) -> Result<()> {
        let slot = one.slot.clone();
        let group = slot.object.group.as_deref();
        let destination = &slot.object.destination;
        if slot.object.is_directory {
            self.folders.make_parent(destination, group)?;
            return self
                .folders
                .make(destination, group.filter(|group| *group != destination));
        }
        if matches!(one.plan, Plan::Landed { .. }) {
            return Ok(());
        }
        if let Some(group) = group {
            self.folders.make(group, None)?;
        }
        self.folders.make_parent(destination, group)?;
        if let Some(unpack) = &slot.object.unpack {
            self.folders.make_parent(&unpack.destination, None)?;
        }
        match self.lock(&slot)? {
            Claim::Held => {}
            Claim::New => {
                // The writer before us may have finished between our first look and now.
                one.finding = inspect(&slot)?;
                one.plan = one.finding.plan(&slot);
            }
            Claim::Theirs(owner) => {
                one.plan = Plan::Elsewhere(owner);
                return Ok(());
            }
        }
        match one.plan {
            Plan::Landed { .. } | Plan::Elsewhere(_) => Ok(()),
            Plan::Unpack | Plan::Fetch(_) => refuse_foreign_tree(&slot, &one.finding),
        }
    }

    fn lock(&mut self, slot: &Slot) -> Result<Claim> {
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
        match ask(&path, &self.inner.options.node)? {
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
        let mut spans: HashMap<ObjectIndex, Vec<(u64, u64)>> = HashMap::new();
        for chunk in &catalog.chunks {
            for span in &chunk.spans {
                let of = spans.entry(span.object).or_default();
                of.push((span.offset, span.length));
            }
        }
        let mut finished: HashMap<PathBuf, Finished> = HashMap::new();
        for one in looked.iter_mut() {
            if let (Plan::Fetch(_), Some(group)) = (&one.plan, &one.slot.object.group)
                && !finished.contains_key(group)
            {
                finished.insert(group.clone(), Finished::read(group)?);
            }
            let group = one.slot.object.group.as_ref();
            let finished = group.and_then(|group| finished.get(group));
            let layout = spans.get(&one.slot.object.index);
            let layout = layout.map_or(&[] as &[_], Vec::as_slice);
            match &mut one.plan {
                Plan::Fetch(resumed) => *resumed = resume::read(&one.slot, layout, finished)?,
                _ => one.finding.forget_other_layout(layout),
            }
        }
        resume::verify(looked);
        Ok(())
    }
}

enum Claim {
    /// Ours since an earlier stocktaking.
    Held,
    /// Ours since this one.
    New,
    Theirs(Option<NodeId>),
}

/// Bytes that are still to be written. An archive's tree is taken for as large as it was the last
/// time, or for at least the archive's own size.
fn needs(looked: &[Looked]) -> Needs {
    let mut needs = Needs::default();
    for one in looked {
        let object = &one.slot.object;
        if !object.is_directory && matches!(one.plan, Plan::Fetch(_)) {
            let path = one.slot.part_path();
            let missing = object.found.size;
            needs.add(&path, missing.saturating_sub(super::disk::allocated(&path)));
        }
        if let (Plan::Fetch(_) | Plan::Unpack, Some(unpack)) = (&one.plan, &object.unpack) {
            let known = one.finding.tree_bytes.unwrap_or(0);
            needs.add(&unpack.destination, known.max(object.found.size));
        }
    }
    needs
}

impl Finding {
    /// What the verdict means for an object, before locks and journals have their say.
    fn plan(&self, slot: &Slot) -> Plan {
        use crate::decides::cache::Verdict;
        if slot.object.is_directory {
            return Plan::Landed { has_file: true };
        }
        match self.verdict {
            Verdict::Valid => Plan::Landed {
                has_file: self.has_file,
            },
            Verdict::Unpack => Plan::Unpack,
            Verdict::Absent | Verdict::Stale(_) | Verdict::Foreign => Plan::Fetch(Vec::new()),
        }
    }
}

/// Applies a plan to the object's slot; the account follows in `inventory`.
pub(crate) fn settle(one: &Looked) {
    let mut facts = one.slot.facts();
    facts.tree_is_ours = one.finding.tree_is_ours;
    match &one.plan {
        Plan::Landed { has_file: true } | Plan::Unpack => {
            facts.whereabouts = Whereabouts::Destination;
            facts.file_done = true;
            facts.sums = one.finding.sums();
        }
        Plan::Landed { has_file: false } => facts.file_done = true,
        Plan::Fetch(resumed) => {
            facts.sums = resumed
                .iter()
                .map(|chunk| (chunk.offset, chunk.sums))
                .collect();
        }
        Plan::Elsewhere(_) => {}
    }
    if let Plan::Fetch(resumed) = &one.plan
        && resumed.is_empty()
    {
        drop(facts);
        one.slot.drop_part();
        // What the record says of an object that is about to be replaced is of no more use but for
        // the room of its tree and whose that is; it stays until the new one is written.
    }
}

/// Whether a file of ours may be looked at as a folder's content: see [`paths::look`].
pub(crate) fn is_empty_folder(path: &std::path::Path) -> Result<bool> {
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if paths::is_absent(&error) => Ok(true),
        Err(error) => Err(Error::of_path(&error, "look at the tree's folder", path)),
    }
}
