//! Objects that will not land here, and the end of the store.

use std::collections::HashMap;
use std::sync::Arc;

use super::hub_cache;
use super::inner::Inner;
use super::recording;
use super::slot::Slot;
use super::state::State;
use crate::decides::ledger::{ChunkState, ObjectState};
use crate::model::ObjectIndex;
use crate::threads::locked;

/// See [`super::Store::fail`].
pub(crate) fn fail(inner: &Inner, object: ObjectIndex) -> bool {
    let slot = inner.state().slots.get(&object).cloned();
    let _alone = slot.as_ref().map(|slot| slot.placing());
    {
        let mut state = inner.state();
        if let Some(ObjectState::Landed | ObjectState::Failed | ObjectState::Released) =
            state.ledger.object(object)
        {
            return false;
        }
        state.ledger.set_object(object, ObjectState::Failed);
        forget_chunks(&mut state, object);
    }
    inner.changed.notify_all();
    if let Some(slot) = &slot {
        locked(&slot.blob_lock).take();
        slot.drop_part();
        if let Err(error) = recording::take_line_back(slot) {
            tracing::warn!(%error, "record_not_removed");
        }
    }
    hub_cache::release_idle(inner, &[object]);
    true
}

/// See [`super::Store::release`].
pub(crate) fn release(inner: &Inner, objects: &[ObjectIndex]) {
    for object in objects {
        let Some(slot) = inner.state().slots.get(object).cloned() else {
            continue;
        };
        let _alone = slot.placing();
        let mut state = inner.state();
        if state.is_open(*object) {
            state.ledger.set_object(*object, ObjectState::Released);
            abort_unwanted(&mut state, *object);
            locked(&slot.blob_lock).take();
        }
    }
    inner.changed.notify_all();
    hub_cache::release_idle(inner, objects);
}

/// Loses a failed object's chunks, except for those that it shares with other objects.
fn forget_chunks(state: &mut State, object: ObjectIndex) {
    for chunk in state.ledger.chunks_of(object).to_vec() {
        if state.ledger.objects_of(chunk).len() == 1 {
            state.ledger.lose(chunk);
        }
    }
    abort_unwanted(state, object);
}

/// Aborts the readers of chunks that no open object wants any more.
fn abort_unwanted(state: &mut State, object: ObjectIndex) {
    for chunk in state.ledger.chunks_of(object).to_vec() {
        if !state.ledger.is_wanted(chunk) {
            state.ledger.set_expected(chunk, false);
            state.abort(chunk);
        }
    }
}

/// See [`super::Store::leave`].
pub(crate) fn leave(inner: &Inner) {
    let (slots, manifests, locks) = {
        let mut state = inner.state();
        state.left = true;
        for chunk in state.progress.keys().copied().collect::<Vec<_>>() {
            state.abort(chunk);
        }
        let slots: Vec<(Arc<Slot>, Remains)> = state
            .slots
            .values()
            .map(|slot| (slot.clone(), remains(&state, slot)))
            .collect();
        let manifests: Vec<_> = state.manifests.drain().map(|(_, it)| it).collect();
        (slots, manifests, std::mem::take(&mut state.locks))
    };
    inner.changed.notify_all();
    inner.lost.notify_one();
    let mut left = HashMap::new();
    for (slot, remains) in &slots {
        if *remains == Remains::Nothing && locks.contains_key(&slot.lock_path()) {
            slot.drop_part();
        }
        locked(&slot.blob_lock).take();
        if let (Some(blob), Some(manifest)) = (&slot.object.blob, &slot.manifest)
            && locks.contains_key(&slot.lock_path())
        {
            left.insert(slot.lock_path(), (blob, manifest));
        }
    }
    for (blob, manifest) in left.into_values() {
        hub_cache::tidy(inner, blob, manifest);
    }
    for manifest in &manifests {
        if let Err(error) = locked(manifest).tidy() {
            tracing::warn!(%error, "manifest_not_compacted");
        }
    }
    drop(locks);
}

/// What is kept of an object's part file for a later run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remains {
    /// The part file and its journal.
    Part,
    /// Neither.
    Nothing,
    /// What is there: no part file, or another writer's.
    Untouched,
}

fn remains(state: &State, slot: &Slot) -> Remains {
    let object = slot.object.index;
    let is_held = |chunk| matches!(state.ledger.chunk(chunk), Some(ChunkState::Held { .. }));
    let any_held = || {
        let mut chunks = state.ledger.chunks_of(object).iter();
        chunks.any(|chunk| is_held(*chunk))
    };
    match state.ledger.object(object) {
        Some(ObjectState::Landed) if slot.is_archive_dropped() => Remains::Nothing,
        Some(ObjectState::Open | ObjectState::Released) if any_held() => Remains::Part,
        Some(ObjectState::Open | ObjectState::Released | ObjectState::Failed) => Remains::Nothing,
        _ => Remains::Untouched,
    }
}
