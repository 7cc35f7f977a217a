//! Enters what was found into the ledger, and says what a node has of a catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::checks::combine;
use super::facts::Location;
use super::inner::Inner;
use super::lock::DiskLock;
use super::manifest::Manifest;
use super::plan::{Examined, Inspected, Plan, apply};
use super::slot::Slot;
use super::state::State;
use super::twins;
use crate::crc::crc64;
use crate::decides::ledger::{ChunkState, ObjectState};
use crate::model::{Chunk, HeldRun, Inventory, NodeId, ObjectIndex};
use crate::threads::Mutex;

/// The last step of [`super::take_inventory::extend`]. It cannot fail. `whole` has landed then,
/// unless it turns out wrong.
pub(crate) fn enter(
    inner: &Inner,
    objects: &[ObjectIndex],
    new_chunks: Vec<Chunk>,
    examined: Examined,
    manifests: HashMap<PathBuf, Arc<Mutex<Manifest>>>,
    locks: HashMap<PathBuf, DiskLock>,
    whole: &[ObjectIndex],
) -> Inventory {
    let Examined {
        objects: mut inspected,
        mut left_out,
    } = examined;
    let slots = slots_to_enter(&inner.state(), &inspected);
    let alone: Vec<_> = slots.values().map(|slot| slot.placing()).collect();
    // Open objects are not inspected. One that is open now had landed, and was lost since.
    {
        let state = inner.state();
        inspected.retain(|one| !state.is_open(one.slot.object.index));
    }
    inspected.iter().for_each(apply);
    let mut state = inner.state();
    state.manifests.extend(manifests);
    state.locks.extend(locks);
    let mut owners: HashMap<ObjectIndex, Option<NodeId>> = HashMap::new();
    for one in inspected {
        let object = one.slot.object.index;
        state.ledger.add_object(object);
        let object_state = match &one.plan {
            Plan::Landed { .. } => {
                inner.options.stats.objects_cached.add(1);
                inner
                    .options
                    .stats
                    .cached_bytes
                    .add(one.slot.object.found.size);
                if !one.inspection.left_out.is_empty() {
                    left_out.push((object, one.inspection.left_out));
                }
                ObjectState::Landed
            }
            Plan::Hash | Plan::Unpack | Plan::Fetch(_) => ObjectState::Open,
            Plan::LockedByOther(owner) => {
                owners.insert(object, owner.clone());
                ObjectState::LockedByOther
            }
        };
        state.ledger.set_object(object, object_state);
        if let Plan::Fetch(chunks) = &one.plan {
            for chunk in chunks {
                state.resumed.insert((object, chunk.offset), chunk.verified);
            }
            forget_lost_chunks(&mut state, object);
        }
        state.slots.insert(object, one.slot);
    }
    let mut chunks: Vec<Arc<Chunk>> = Vec::with_capacity(new_chunks.len());
    for chunk in new_chunks {
        let objects = chunk.spans.iter().map(|span| span.object);
        state.ledger.add_chunk(chunk.index, objects);
        let chunk = state
            .chunks
            .entry(chunk.index)
            .or_insert_with(|| Arc::new(chunk))
            .clone();
        hold_if_here(&mut state, &chunk);
        chunks.push(chunk);
    }
    state.resumed.clear();
    drop(state);
    drop(alone);
    twins::land(inner, whole);
    let state = inner.state();
    let mut inventory = inventory(&state, objects.iter().copied(), &chunks, &owners);
    inventory.left_out = left_out;
    drop(state);
    inner.changed.notify_all();
    inventory
}

/// The slots of what was inspected, and of objects that share chunks with known ones of these, by
/// object.
fn slots_to_enter(state: &State, inspected: &[Inspected]) -> BTreeMap<ObjectIndex, Arc<Slot>> {
    let chunks_of = |one: &Inspected| state.ledger.chunks_of(one.slot.object.index);
    // Each once: a pack has thousands of objects.
    let chunks: BTreeSet<_> = inspected.iter().flat_map(chunks_of).collect();
    let sharing = chunks
        .into_iter()
        .flat_map(|chunk| state.ledger.objects_of(*chunk))
        .filter_map(|object| Some((object, state.slots.get(&object)?.clone())));
    let own = inspected.iter().map(|one| &one.slot);
    let own = own.map(|slot| (slot.object.index, slot.clone()));
    sharing.chain(own).collect()
}

/// A known object is fetched again: chunks that its journal does not name are missing, also for
/// the open objects that share them.
fn forget_lost_chunks(state: &mut State, object: ObjectIndex) {
    for chunk in state.ledger.chunks_of(object).to_vec() {
        let Some(known) = state.chunks.get(&chunk).cloned() else {
            continue;
        };
        let is_here = known.spans.iter().all(|span| {
            span.length == 0
                || span.object != object
                || state.resumed.contains_key(&(object, span.offset))
        });
        if known.size > 0 && !is_here && state.ledger.forget(chunk) {
            for span in &known.spans {
                if state.is_open(span.object)
                    && let Some(slot) = state.slots.get(&span.object)
                {
                    slot.forget_chunk(span.offset);
                }
            }
        }
    }
}

/// Marks a chunk as held if all of its spans are on the disk.
fn hold_if_here(state: &mut State, chunk: &Chunk) {
    if state.ledger.chunk(chunk.index) != Some(ChunkState::Missing) {
        return;
    }
    if chunk.size == 0 {
        state.ledger.hold(chunk.index, Some(crc64(&[])), true);
        return;
    }
    let mut parts = Vec::with_capacity(chunk.spans.len());
    let mut all_verified = true;
    for span in &chunk.spans {
        if span.length == 0 {
            parts.push(Some((crc64(&[]), 0)));
            continue;
        }
        let Some(slot) = state.slots.get(&span.object) else {
            return;
        };
        let facts = slot.facts();
        let sums = facts.sums.get(span.offset);
        let known = sums.filter(|sums| sums.length == span.length);
        if facts.location == Location::Part {
            let Some(verified) = state.resumed.get(&(span.object, span.offset)) else {
                return;
            };
            all_verified &= verified;
        }
        parts.push(known.map(|sums| (sums.crc, sums.length)));
    }
    let crc = parts.into_iter().collect::<Option<Vec<_>>>().map(combine);
    state.ledger.hold(chunk.index, crc, all_verified);
}

fn inventory(
    state: &State,
    objects: impl Iterator<Item = ObjectIndex>,
    chunks: &[Arc<Chunk>],
    owners: &HashMap<ObjectIndex, Option<NodeId>>,
) -> Inventory {
    let mut inventory = Inventory::default();
    for object in objects {
        match state.ledger.object(object) {
            Some(ObjectState::Landed) => {
                inventory.landed.push(object);
                let slot = state.slots.get(&object);
                // A directory marker's content, if it has any, is not on the disk.
                let file = slot.filter(|slot| !slot.object.is_directory);
                inventory.cached_bytes += file.map_or(0, |slot| slot.object.found.size);
            }
            Some(ObjectState::LockedByOther) => {
                let owner = owners.get(&object).cloned().flatten();
                inventory.elsewhere.push((object, owner));
            }
            _ => {}
        }
    }
    for chunk in chunks {
        let Some(ChunkState::Held { crc, .. }) = state.ledger.chunk(chunk.index) else {
            continue;
        };
        match inventory.held.last_mut() {
            Some(run)
                if u64::from(run.first_chunk) + run.crcs.len() as u64 == u64::from(chunk.index) =>
            {
                run.crcs.push(crc);
            }
            _ => inventory.held.push(HeldRun {
                first_chunk: chunk.index,
                crcs: vec![crc],
            }),
        }
    }
    inventory
}
