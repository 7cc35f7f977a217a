//! Held chunks that are read again, and what follows if one of them is bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blob_place;
use super::checks::{Summing, Sums, combine, sum_range};
use super::facts::Location;
use super::inner::Inner;
use super::lock::{LockAttempt, try_lock};
use super::opening::open_for_reading;
use super::recording;
use super::slot::Slot;
use crate::decides::ledger::{ChunkState, ObjectState};
use crate::error::{Error, Result};
use crate::model::{Chunk, ChunkIndex};
use crate::threads::locked;

/// Reads a held chunk again. False if it is not what it should be; it is lost then.
pub(crate) fn verify(inner: &Inner, chunk: ChunkIndex) -> Result<bool> {
    let (known, slots) = {
        let state = inner.state();
        let Some(known) = state.chunks.get(&chunk).cloned() else {
            return Ok(false);
        };
        let Some(slots) = state.slots_of(&known) else {
            return Ok(false);
        };
        (known, slots)
    };
    let read = read_chunk(&known, &slots)?;
    let crc = read
        .as_ref()
        .map(|sums| combine(sums.iter().map(|part| (part.crc, part.length))));
    if let (Some(sums), Some(crc)) = (read, crc) {
        let mut state = inner.state();
        if state.ledger.confirm(chunk, crc) {
            for ((span, slot), sums) in known.spans.iter().zip(&slots).zip(sums) {
                slot.facts().sums.insert(span.offset, sums);
            }
            drop(state);
            inner.changed.notify_all();
            return Ok(true);
        }
    }
    lose(inner, chunk);
    Ok(false)
}

/// A held chunk is damaged on the disk: it is missing again, and reported.
pub(crate) fn lose(inner: &Inner, chunk: ChunkIndex) {
    let lost = forget(inner, chunk);
    if lost.is_empty() {
        return;
    }
    inner.options.stats.verification_failures.add(1);
    inner.state().lost.extend(lost);
    inner.lost.notify_one();
}

/// A held chunk is bad: it is missing again, and no longer pinned. The chunks that are lost by
/// that.
pub(crate) fn discard(inner: &Inner, chunk: ChunkIndex) -> Vec<ChunkIndex> {
    inner.state().ledger.unpin(chunk);
    forget(inner, chunk)
}

fn forget(inner: &Inner, chunk: ChunkIndex) -> Vec<ChunkIndex> {
    let slots = slots_by_object(inner, chunk);
    let _alone: Vec<_> = slots.iter().map(|slot| slot.placing()).collect();
    let Some(named) = named(inner, chunk, &slots) else {
        return Vec::new();
    };
    let locked_by_others: Vec<_> = named.iter().filter(|slot| !has_lock(inner, slot)).collect();
    let mut taken_back = Vec::new();
    let lost = {
        let mut state = inner.state();
        for slot in &named {
            let object = slot.object.index;
            state.ledger.set_object(object, ObjectState::Landed);
        }
        // More chunks than this one only of an object that has none in common with others.
        let lost = state.ledger.lose(chunk);
        for chunk in &lost {
            if let Some(known) = state.chunks.get(chunk) {
                for span in &known.spans {
                    if let Some(slot) = state.slots.get(&span.object) {
                        // From here on others may write it again.
                        slot.forget_chunk(span.offset);
                        taken_back.push((slot.clone(), *span));
                    }
                }
            }
        }
        for slot in locked_by_others {
            let object = slot.object.index;
            state.ledger.set_object(object, ObjectState::LockedByOther);
        }
        lost
    };
    for (slot, span) in taken_back {
        recording::take_chunk_back(&slot, span.offset, span.length);
    }
    named.iter().for_each(|slot| take_record_back(slot));
    inner.changed.notify_all();
    lost
}

/// The slots of a chunk's objects, in the order of these.
fn slots_by_object(inner: &Inner, chunk: ChunkIndex) -> Vec<Arc<Slot>> {
    let state = inner.state();
    let objects = BTreeSet::from_iter(state.ledger.objects_of(chunk));
    let slots = objects.iter().map(|object| state.slots.get(object));
    slots.flatten().cloned().collect()
}

/// Those of a held chunk's objects whose file has its name: it is written again as a whole. That
/// may be a cached file that is hashed or unpacked. None if the chunk is not held.
fn named(inner: &Inner, chunk: ChunkIndex, slots: &[Arc<Slot>]) -> Option<Vec<Arc<Slot>>> {
    let state = inner.state();
    if !matches!(state.ledger.chunk(chunk), Some(ChunkState::Held { .. })) {
        return None;
    }
    let is_named = |slot: &&Arc<Slot>| match state.ledger.object(slot.object.index) {
        Some(ObjectState::Landed) => true,
        Some(ObjectState::Open) => slot.facts().location == Location::Destination,
        _ => false,
    };
    Some(slots.iter().filter(is_named).cloned().collect())
}

/// Whether this store has the lock of an object that has landed, or can take it now.
fn has_lock(inner: &Inner, slot: &Slot) -> bool {
    if inner.state().locks.contains_key(&slot.lock_path()) {
        return true;
    }
    let settled = match &slot.manifest {
        _ if slot.object.blob.is_some() => Ok(()),
        Some(manifest) => locked(manifest).settle().map(drop),
        None => Ok(()),
    };
    let path = slot.lock_path();
    let attempt = settled.and_then(|()| {
        let attempt = try_lock(&slot.lock_dir()?, &path, &inner.options.node)?;
        if let (LockAttempt::Ours(_), Some(blob)) = (&attempt, &slot.object.blob) {
            slot.set_parts(Some(blob_place::make_parts(&inner.opened, blob)?));
        }
        Ok(attempt)
    });
    match attempt {
        Ok(LockAttempt::Ours(lock)) => {
            inner.state().locks.insert(path, lock);
            true
        }
        Ok(LockAttempt::Theirs(_)) | Err(_) => false,
    }
}

/// Nothing says any more that the file of a landed object is right.
fn take_record_back(slot: &Slot) {
    if let Err(error) = recording::write(slot, None) {
        tracing::warn!(%error, "record_not_removed");
    }
    if let Err(error) = outdate(slot) {
        tracing::warn!(%error, "file_not_touched");
    }
}

/// Changes the time of a damaged file, so that no record of another request says that it is right.
fn outdate(slot: &Slot) -> Result<()> {
    let path = &slot.object.destination;
    if slot.object.blob.is_some() {
        return Ok(());
    }
    match slot.dir_if_there()? {
        Some(dir) => dir
            .touch(path)
            .map_err(|error| Error::of_path(&error, "change the time of", path)),
        None => Ok(()),
    }
}

/// The sums of a chunk's spans, read from the disk; None if a file ends too early.
fn read_chunk(chunk: &Chunk, slots: &[Arc<Slot>]) -> Result<Option<Vec<Sums>>> {
    let mut all = Vec::with_capacity(slots.len());
    for (span, slot) in chunk.spans.iter().zip(slots) {
        let second = slot.second_algorithm();
        if span.length == 0 {
            all.push(Summing::new(second).sums());
            continue;
        }
        let handle = open_for_reading(slot)?;
        let read = sum_range(handle.file(), span.offset, span.length, second, |_| {})
            .map_err(|error| Error::of_path(&error, "read the object", &slot.object.destination))?;
        match read {
            Some(sums) => all.push(sums),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}
