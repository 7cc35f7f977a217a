//! Hashes objects that a request pins to a checksum.
//!
//! SHA-256, SHA-1 and MD5 cannot be combined from parts, so the bytes of an object are hashed in
//! their order. That follows the chunks as they arrive, behind the verified prefix: the bytes come
//! from the page cache, and little is left to do after the last chunk. Objects of a pack are
//! hashed when they land.
//!
//! One thread at a time hashes an object. Chunks of an earlier run are verified by the same read.
//! A chunk that was fetched again after it was hashed is noticed at the end, by its CRC, and all is
//! hashed anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::checks::{Sums, digest_file, sum_range};
use super::damage;
use super::hashing::Hashing;
use super::inner::Inner;
use super::opening::open_for_reading;
use super::postponed::{damaged, lacks_chunks};
use super::slot::Slot;
use super::state::State;
use crate::decides::ledger::{ChunkState, ObjectState};
use crate::digest::WholeDigest;
use crate::error::{Error, Result};
use crate::model::{Checksum, ChunkIndex, ObjectIndex, Span};
use crate::threads::locked;

/// Why a thread stops to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// All bytes are hashed.
    End,
    /// The next chunk is not here yet.
    Missing,
    /// The next chunk was damaged on the disk, and is missing again.
    Damaged,
}

/// Chunks of a pinned object that have arrived and are not hashed. While this value lives, no other
/// one of its object is made.
pub struct Unhashed {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    chunks: Vec<(ChunkIndex, Span)>,
    /// This value set the slot's `is_hashing`.
    is_mine: bool,
}

/// See [`super::Store::unhashed`].
pub(crate) fn unhashed(inner: &Arc<Inner>, chunk: ChunkIndex) -> Option<Unhashed> {
    let (slot, chunks) = {
        let state = inner.state();
        let [span] = state.chunks.get(&chunk)?.spans.as_slice() else {
            return None;
        };
        let slot = state.slots.get(&span.object)?;
        // An object of one chunk lands at once, which hashes it.
        if slot.object.pin.is_none() || span.length == slot.object.found.size {
            return None;
        }
        (slot.clone(), chunks_in_order(&state, span.object)?)
    };
    let mut unhashed = Unhashed {
        inner: inner.clone(),
        slot,
        chunks,
        is_mine: false,
    };
    unhashed.take_more().then_some(unhashed)
}

impl Unhashed {
    /// Hashes what has arrived. Blocking. A failure is met again when the object lands.
    pub fn hash(mut self) {
        loop {
            let size = self.slot.object.found.size;
            if let Some(pin) = &self.slot.object.pin {
                let mut hashing = locked(&self.slot.hashing);
                let running =
                    hashing.get_or_insert_with(|| Box::new(Hashing::new(pin.algorithm, size)));
                if !matches!(
                    advance(running, &self.inner, &self.slot, &self.chunks),
                    Ok(Stop::End | Stop::Missing)
                ) {
                    *hashing = None;
                }
            }
            self.is_mine = false;
            self.slot.is_hashing.store(false, Ordering::Release);
            if !self.take_more() {
                return;
            }
        }
    }

    /// Takes the next chunks, if they are here and no other thread hashes them.
    fn take_more(&mut self) -> bool {
        let next = match self.slot.hashing.try_lock() {
            Ok(hashing) => hashing.as_ref().map_or(0, |it| it.hashed.len()),
            Err(_) => return false,
        };
        let is_here = self.chunks.get(next).is_some_and(|(chunk, _)| {
            let state = self.inner.state();
            state.ledger.object(self.slot.object.index) == Some(ObjectState::Open)
                && matches!(state.ledger.chunk(*chunk), Some(ChunkState::Held { .. }))
        });
        self.is_mine = is_here && !self.slot.is_hashing.swap(true, Ordering::AcqRel);
        self.is_mine
    }
}

impl Drop for Unhashed {
    fn drop(&mut self) {
        if self.is_mine {
            self.slot.is_hashing.store(false, Ordering::Release);
        }
    }
}

/// The checksum of a whole object by its pin's algorithm. Blocking.
///
/// # Errors
/// `Cancelled` if chunks are missing, or were damaged on the disk and are missing again; what the
/// disk said.
pub(crate) fn finish(inner: &Inner, slot: &Slot, pin: &Checksum) -> Result<String> {
    let chunks = chunks_in_order(&inner.state(), slot.object.index);
    let Some(chunks) = chunks else {
        let handle = open_for_reading(slot)?;
        return digest_file(&slot.object, pin.algorithm, handle.file());
    };
    let size = slot.object.found.size;
    let mut hashing = locked(&slot.hashing);
    loop {
        let mut running = hashing
            .take()
            .unwrap_or_else(|| Box::new(Hashing::new(pin.algorithm, size)));
        match advance(&mut running, inner, slot, &chunks)? {
            Stop::End if is_still_right(&running, inner) => return Ok(running.digest.finish()),
            Stop::End => {}
            Stop::Missing => return Err(lacks_chunks()),
            Stop::Damaged => return Err(damaged(slot, 1)),
        }
    }
}

/// Hashes the chunks that are held and follow what was hashed.
fn advance(
    hashing: &mut Hashing,
    inner: &Inner,
    slot: &Slot,
    chunks: &[(ChunkIndex, Span)],
) -> Result<Stop> {
    while let Some((chunk, span)) = chunks.get(hashing.hashed.len()) {
        let state = inner.state().ledger.chunk(*chunk);
        if !matches!(state, Some(ChunkState::Held { .. })) {
            return Ok(Stop::Missing);
        }
        let read = read(&mut hashing.digest, slot, *span)?;
        let confirmed = read.filter(|sums| {
            let mut state = inner.state();
            let is_right = state.ledger.confirm(*chunk, sums.crc);
            let mut facts = slot.facts();
            if is_right && facts.sums.get(span.offset).is_none() {
                facts.sums.insert(span.offset, *sums);
            }
            is_right
        });
        let Some(sums) = confirmed else {
            damage::lose(inner, *chunk);
            return Ok(Stop::Damaged);
        };
        hashing.hashed.push((*chunk, sums.crc));
    }
    Ok(Stop::End)
}

/// Hashes a chunk; its sums, or None if the file is too short.
fn read(digest: &mut WholeDigest, slot: &Slot, span: Span) -> Result<Option<Sums>> {
    let handle = open_for_reading(slot)?;
    let second = slot.second_algorithm();
    let each = |bytes: &[u8]| digest.update(bytes);
    sum_range(handle.file(), span.offset, span.length, second, each)
        .map_err(|error| Error::of_path(&error, "read the object", &slot.object.destination))
}

/// Whether each chunk is held with the bytes that were hashed.
fn is_still_right(hashing: &Hashing, inner: &Inner) -> bool {
    let state = inner.state();
    let mut hashed = hashing.hashed.iter();
    hashed.all(|(chunk, crc)| state.ledger.crc(*chunk) == Some(*crc))
}

/// The chunks of an object in its order; None for an object in a pack.
pub(crate) fn chunks_in_order(
    state: &State,
    object: ObjectIndex,
) -> Option<Vec<(ChunkIndex, Span)>> {
    let mut chunks = Vec::new();
    for index in state.ledger.chunks_of(object) {
        match state.chunks.get(index)?.spans.as_slice() {
            [span] => chunks.push((*index, *span)),
            _ => return None,
        }
    }
    chunks.sort_unstable_by_key(|(_, span)| span.offset);
    Some(chunks)
}
