//! Takes an inventory: what of a catalog is on the disk, what may be written, and whether it fits.
//!
//! ```text
//!   1 inspect    what is at the destinations; of a hub's blobs, whether they are what they say
//!   2 claim      folders and locks for what is missing; inspect again under a new lock
//!   3 resume     what journals name, and files that a power loss may have damaged
//!   4 room       whether the rest fits
//!   5 enter      the ledger
//! ```
//!
//! Only folders and locks are made before step 5, which cannot fail.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::claims::Claims;
use super::hub_cache;
use super::inner::Inner;
use super::inspect::inspect;
use super::inventory;
use super::listing::Listing;
use super::manifest::Manifest;
use super::plan::{Examined, Inspected, Plan, needs, plan};
use super::resume;
use super::slot::{Slot, base};
use super::twins::{self, FindTwins};
use super::unsynced;
use crate::decides::cache::{StaleReason, Verdict};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::{Catalog, CatalogObject, Inventory, ObjectIndex, SurveyedObject};
use crate::threads::{Mutex, locked};

const NOT_SYNCED: Verdict = Verdict::Stale(StaleReason::NotSynced);

/// See [`super::Store::extend`].
pub(crate) fn extend(
    inner: &Inner,
    mut catalog: Catalog,
    twins: &dyn FindTwins,
) -> Result<Inventory> {
    let _alone = locked(&inner.extending);
    check(inner, &catalog)?;
    let objects: Vec<_> = catalog.objects.iter().map(|object| object.index).collect();
    let mut claims = Claims::new(inner);
    let mut manifests = inner.state().manifests.clone();
    let slots = slots(inner, &mut manifests, std::mem::take(&mut catalog.objects))?;
    let mut examined = inspect_all(inner, &mut claims, slots)?;
    let inspected = &mut examined.objects;
    hub_cache::settle(inner, inspected);
    for one in &mut *inspected {
        claims.claim(one)?;
    }
    hub_cache::claim_all(inner, inspected)?;
    let layouts = layouts(&catalog);
    for one in &mut *inspected {
        let slot = one.slot.clone();
        let _alone = slot.placing();
        if !inner.is_open(slot.object.index) {
            unsynced::put_back(one, layout_of(&layouts, slot.object.index))?;
        }
    }
    find_resumed(&layouts, inspected)?;
    let layout_of = |object| layout_of(&layouts, object);
    let whole = twins::take(inner, inspected, layout_of, twins);
    resume::verify(inspected);
    needs(inspected).check(inner.disk.as_ref())?;
    let locks = claims.into_locks();
    Ok(inventory::enter(
        inner,
        &objects,
        catalog.chunks,
        examined,
        manifests,
        locks,
        &whole,
    ))
}

/// See [`super::Store::survey`].
pub(crate) fn survey(inner: &Inner, catalog: &Catalog) -> Result<Vec<SurveyedObject>> {
    let slots = slots(inner, &mut HashMap::new(), catalog.objects.clone())?;
    let layouts = layouts(catalog);
    let mut found = Vec::new();
    for one in inspect_all(inner, &mut Claims::new(inner), slots)?.objects {
        let object = &one.slot.object;
        let size = match object.is_directory {
            true => 0,
            false => object.found.size,
        };
        let bytes = match one.plan {
            Plan::Landed { .. } | Plan::Hash | Plan::Unpack => size,
            Plan::LockedByOther(_) => 0,
            // They are read when they are downloaded, and taken if they are right.
            Plan::Fetch(_) if one.inspection.blob.is_some_and(|(there, ..)| there == size) => size,
            Plan::Fetch(_) if one.inspection.verdict == NOT_SYNCED && one.inspection.has_file => {
                size
            }
            Plan::Fetch(_) => {
                let chunks = resume::read(&one.slot, layout_of(&layouts, object.index))?;
                chunks.iter().map(|chunk| chunk.sums.length).sum()
            }
        };
        found.push(SurveyedObject {
            object: object.index,
            bytes,
            is_landed: matches!(one.plan, Plan::Landed { .. }),
        });
    }
    Ok(found)
}

/// Checks a catalog against what is known.
///
/// # Errors
/// `Cancelled` if the swarm was left; `Internal` for a chunk of an unknown object.
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

/// Manifests by their group's folder.
type Manifests = HashMap<PathBuf, Arc<Mutex<Manifest>>>;

/// Slots of the objects that are new, or that are to be inspected again: another writer had them,
/// or they have landed, and somebody may have removed them since.
fn slots(
    inner: &Inner,
    manifests: &mut Manifests,
    objects: Vec<CatalogObject>,
) -> Result<Vec<Arc<Slot>>> {
    // A folder may have been removed since, and made again by another program.
    inner.opened.close();
    let mut slots = Vec::with_capacity(objects.len());
    let mut reloaded = HashSet::new();
    for object in objects {
        let slot = inner.state().slots.get(&object.index).cloned();
        if let Some(slot) = &slot {
            // If it is being given up or opened again, that ends first.
            drop(slot.placing());
        }
        let known = slot.zip(inner.state().ledger.object(object.index));
        match known {
            None => slots.push(new_slot(inner, manifests, object)?),
            Some((_, ObjectState::Open)) => {}
            Some((slot, _)) => {
                // Another writer of this disk may have added lines since the manifest was read.
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

fn new_slot(inner: &Inner, manifests: &mut Manifests, object: CatalogObject) -> Result<Arc<Slot>> {
    let manifest = match &object.group {
        None => None,
        Some(group) => match manifests.get(&**group) {
            Some(manifest) => Some(manifest.clone()),
            None => {
                let apart = object.blob.as_ref().map(|blob| blob.records.as_path());
                let manifest = Manifest::read(&inner.opened, group, apart)?;
                let manifest = Arc::new(Mutex::new(manifest));
                manifests.insert(group.to_path_buf(), manifest.clone());
                Some(manifest)
            }
        },
    };
    Ok(Arc::new(Slot::new(
        Arc::new(object),
        manifest,
        inner.options.durability,
    )))
}

fn inspect_all(inner: &Inner, claims: &mut Claims<'_>, slots: Vec<Arc<Slot>>) -> Result<Examined> {
    let mut listing = Listing::default();
    let mut examined = Examined::default();
    for slot in slots {
        let index = slot.object.index;
        let has_landed = inner.state().ledger.object(index) == Some(ObjectState::Landed);
        slot.set_anchor(claims.anchor(base(&slot.object))?);
        slot.set_parts(claims.found_parts(&slot)?);
        let lacks_file = listing.lacks_file(&slot);
        let (opened, elsewhere) = (&inner.opened, &mut claims.elsewhere);
        let inspection = inspect(opened, &slot, lacks_file, has_landed, elsewhere)?;
        if inspection.is_still_there || has_landed && slot.object.is_directory {
            if !inspection.left_out.is_empty() {
                examined.left_out.push((index, inspection.left_out));
            }
            continue;
        }
        examined.objects.push(Inspected {
            plan: plan(&slot, &inspection),
            slot,
            inspection,
            is_blank: false,
        });
    }
    Ok(examined)
}

/// Finds what an earlier run left of the objects that are to be fetched.
fn find_resumed(layouts: &Layouts, inspected: &mut [Inspected]) -> Result<()> {
    for one in inspected.iter_mut() {
        let layout = layout_of(layouts, one.slot.object.index);
        match &mut one.plan {
            Plan::Fetch(_) if one.is_blank => {}
            Plan::Fetch(resumed) => *resumed = resume::read(&one.slot, layout)?,
            _ => one.inspection.forget_other_layout(layout),
        }
    }
    Ok(())
}

/// Offset and length of each object's chunks, in the catalog's order.
type Layouts = HashMap<ObjectIndex, Vec<(u64, u64)>>;

fn layouts(catalog: &Catalog) -> Layouts {
    let mut layouts = Layouts::new();
    for span in catalog.chunks.iter().flat_map(|chunk| &chunk.spans) {
        let of = layouts.entry(span.object).or_default();
        of.push((span.offset, span.length));
    }
    layouts
}

fn layout_of(layouts: &Layouts, object: ObjectIndex) -> &[(u64, u64)] {
    layouts.get(&object).map_or(&[], Vec::as_slice)
}
