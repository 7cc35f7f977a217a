//! Everything that can be wrong with a whole object before its file gets its name.

use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use rustix::fs::OFlags;

use super::checks::{self, Sums};
use super::damage;
use super::facts::Location;
use super::inner::Inner;
use super::opening::open_for_reading;
use super::pins;
use super::postponed::{damaged, lacks_chunks, unwanted};
use super::slot::Slot;
use super::state::State;
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::{Checksum, ObjectIndex};

/// Checks an object that is to land; None if it has landed.
///
/// # Errors
/// `Cancelled` if it is not wanted or lacks chunks; `ChecksumMismatch` if it differs from its
/// store's checksum; what the disk said.
pub(crate) fn check(inner: &Inner, object: ObjectIndex) -> Result<Option<Arc<Slot>>> {
    let slot = {
        let state = inner.state();
        let slot = state.slots.get(&object).cloned();
        if state.ledger.object(object) == Some(ObjectState::Landed) {
            return Ok(None);
        }
        check_wanted(&state, object)?;
        slot.ok_or_else(unwanted)?
    };
    let (is_done, location) = {
        let facts = slot.facts();
        (facts.file_done, facts.location)
    };
    if slot.object.found.size == 0 && !is_done && location == Location::Part {
        slot.parts_dir()?
            .create(&slot.part_path(), OFlags::empty())?;
    }
    let _active = inner.options.stats.active_verifications.active();
    // Hashing verifies chunks of an earlier run too.
    let hashed = match &slot.object.pin {
        Some(pin) if !is_done => Some((pin, pins::finish(inner, &slot, pin)?)),
        _ => None,
    };
    let unverified = inner.state().ledger.unverified(object);
    let mut lost = 0;
    for chunk in unverified {
        lost += u32::from(!damage::verify(inner, chunk)?);
    }
    if lost > 0 {
        return Err(damaged(&slot, lost));
    }
    if is_done {
        return Ok(None);
    }
    let compared = compare_with_store(&slot, inner.options.verify_whole).and_then(|agrees| {
        let differs = hashed.filter(|(pin, found)| !pin.value.eq_ignore_ascii_case(found));
        differs.map_or(Ok(()), |(pin, found)| {
            Err(differs_from_pin(&slot, pin, found, agrees))
        })
    });
    if compared.is_err() {
        inner.options.stats.verification_failures.add(1);
    }
    compared.map(|()| Some(slot.clone()))
}

/// Compares an object with its store's checksum, if `with_read` also with one that cannot be
/// combined from its chunks. True if the object was found equal.
fn compare_with_store(slot: &Slot, with_read: bool) -> Result<bool> {
    if compare_combined(slot)? {
        return Ok(true);
    }
    match slot.checksum() {
        Some(checksum) if with_read => {
            let handle = open_for_reading(slot)?;
            checks::compare_whole(&slot.object, checksum, handle.file())
        }
        _ => Ok(false),
    }
}

/// Why an object does not land whose checksum by the pin's algorithm is `found`.
///
/// If the bytes are the store's for certain, the pin names another object (`PinMismatch`), and no
/// further read would help. They are if they agree with a checksum that the store keeps, or if the
/// origin gave the same ones twice. Else a chunk may be bad (`ChecksumMismatch`), and the chunks
/// are fetched once more. A pin that is the store's own checksum proves nothing about itself.
fn differs_from_pin(slot: &Slot, pin: &Checksum, found: String, agrees: bool) -> Error {
    let is_stores = slot.checksum() == Some(pin);
    let was_same = slot.facts().unpinned_digest.as_ref() == Some(&found);
    let is_certain =
        !is_stores && (agrees || was_same || compare_with_store(slot, true) == Ok(true));
    let source = match is_stores {
        true => "its store",
        false => "the request",
    };
    let algorithm = pin.algorithm.name();
    let what = format!(
        "The object's {algorithm} is {found}, {source} says {}",
        pin.value
    );
    slot.facts().unpinned_digest = Some(found);
    let kind = match is_certain {
        true => Kind::PinMismatch,
        false => Kind::ChecksumMismatch,
    };
    Error::new(kind, what)
        .with_object(&slot.object.found.key)
        .with_path(&slot.object.destination)
}

/// Whether an object may land.
///
/// # Errors
/// `Cancelled` if it is not wanted or lacks chunks.
pub(crate) fn check_wanted(state: &State, object: ObjectIndex) -> Result<()> {
    match state.ledger.object(object) {
        Some(ObjectState::Open) if state.ledger.is_whole(object) => Ok(()),
        Some(ObjectState::Open) => Err(lacks_chunks()),
        _ => Err(unwanted()),
    }
}

/// Compares the combined checksums of an object's chunks with the store's, if all are known. True
/// if they were.
pub(crate) fn compare_combined(slot: &Slot) -> Result<bool> {
    let Some(checksum) = slot.checksum() else {
        return Ok(false);
    };
    let mut parts: Vec<_> = slot.facts().sums.values().copied().collect();
    let known: u64 = parts.iter().map(|part| part.length).sum();
    if known != slot.object.found.size {
        return Ok(false);
    }
    if let Some(second) = slot.second_algorithm() {
        sum_again(slot, second, &mut parts)?;
    }
    checks::compare_combined(&slot.object, checksum, &parts)
}

/// Reads the parts again that were written before it was known which checksum the store has.
fn sum_again(slot: &Slot, second: CrcAlgorithm, parts: &mut [Sums]) -> Result<()> {
    let mut offset = 0;
    for part in parts {
        if part.second.is_none() {
            let handle = open_for_reading(slot)?;
            let read = checks::sum_range(handle.file(), offset, part.length, Some(second), |_| {});
            let read = read.map_err(|error| {
                Error::of_path(&error, "read the object", &slot.object.destination)
            })?;
            // If the file has become shorter, 0 makes the comparison fail.
            part.second = read.and_then(|read| read.second).or(Some(0));
        }
        offset += part.length;
    }
    Ok(())
}
