//! Everything that can be wrong with a whole object before its file gets its name.

use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use rustix::fs::OFlags;

use super::checks::{self, Sums};
use super::damage;
use super::inner::Inner;
use super::opening::open_for_reading;
use super::slot::Slot;
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::ObjectIndex;

/// Checks an object that is to land; None if it has landed.
///
/// # Errors
/// `Cancelled` if it is not wanted or lacks chunks; `ChecksumMismatch` if it differs from its
/// store's checksum; what the disk said.
pub(crate) fn check(inner: &Inner, object: ObjectIndex) -> Result<Option<Arc<Slot>>> {
    let (slot, unverified) = {
        let state = inner.state();
        let slot = state.slots.get(&object).cloned();
        match (slot, state.ledger.object(object)) {
            (Some(_), Some(ObjectState::Landed)) => return Ok(None),
            (Some(slot), Some(ObjectState::Open)) if state.ledger.is_whole(object) => {
                (slot, state.ledger.unverified(object))
            }
            (Some(_), Some(ObjectState::Open)) => return Err(lacks_chunks()),
            _ => return Err(unwanted()),
        }
    };
    let mut lost = 0;
    for chunk in unverified {
        lost += u32::from(!damage::verify(inner, chunk)?);
    }
    if lost > 0 {
        return Err(Error::new(
            Kind::Cancelled,
            format!("{lost} chunks of an earlier run were damaged on the disk"),
        )
        .with_object(&slot.object.found.key)
        .with_path(slot.part_path()));
    }
    if slot.facts().file_done {
        return Ok(None);
    }
    if slot.object.found.size == 0 {
        slot.parts_dir()?
            .create(&slot.part_path(), OFlags::empty())?;
    }
    let compared = compare_combined(&slot).and_then(|()| match slot.checksum() {
        Some(checksum) if inner.options.verify_whole => {
            let handle = open_for_reading(&slot)?;
            checks::compare_whole(&slot.object, checksum, handle.file())
        }
        _ => Ok(()),
    });
    if compared.is_err() {
        inner.options.stats.verification_failures.add(1);
    }
    compared.map(|()| Some(slot))
}

/// Looks once more right before the rename, since checks and syncs take their time.
pub(crate) fn check_still_whole(inner: &Inner, slot: &Slot) -> Result<()> {
    let state = inner.state();
    match state.ledger.object(slot.object.index) {
        Some(ObjectState::Open) if state.ledger.is_whole(slot.object.index) => Ok(()),
        Some(ObjectState::Open) => Err(lacks_chunks()),
        _ => Err(unwanted()),
    }
}

/// Compares the combined checksums of an object's chunks with the store's, if all are known.
pub(crate) fn compare_combined(slot: &Slot) -> Result<()> {
    let Some(checksum) = slot.checksum() else {
        return Ok(());
    };
    let mut parts: Vec<_> = slot.facts().sums.values().copied().collect();
    let known: u64 = parts.iter().map(|part| part.length).sum();
    if known != slot.object.found.size {
        return Ok(());
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
            let read = checks::sum_range(handle.file(), offset, part.length, Some(second));
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

/// One of its chunks turned out bad after it was whole. It lands when that was fetched again.
fn lacks_chunks() -> Error {
    Error::new(Kind::Cancelled, "The object lacks chunks again")
}

fn unwanted() -> Error {
    Error::new(Kind::Cancelled, "The object is no longer wanted")
}
