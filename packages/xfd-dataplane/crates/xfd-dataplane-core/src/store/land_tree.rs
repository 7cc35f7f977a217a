//! Lands objects with a tree: archive and tree get their names together.
//!
//! ```text
//!   1 the file is whole, right and synced (`land`); the tree is whole and staged
//!   2 the record says that the tree is ours
//!   3 the tree gets its place
//!   4 the record says what both are, and is synced
//!   5 the archive gets its name, if it is kept
//! ```
//!
//! Before 2 nothing but dot files has changed, and an error in 3 takes 2 back. A run that is killed
//! between 2 and 5 leaves a part file with its journal, so that the next run only unpacks again.

use std::path::PathBuf;
use std::sync::Arc;

use super::facts::Location;
use super::inner::Inner;
use super::naming;
use super::postponed::unwanted;
use super::record::{Record, RecordedTree};
use super::recording;
use super::slot::Slot;
use crate::error::{Error, Kind, Result};
use crate::model::{Durability, ObjectIndex, Unpack};
use crate::unpack::Summary;

/// See [`super::Store::archive_path`].
pub(crate) fn archive_path(inner: &Inner, object: ObjectIndex) -> Result<PathBuf> {
    let slot = {
        let state = inner.state();
        let slot = state.slots.get(&object).cloned();
        slot.filter(|_| state.ledger.is_whole(object))
    };
    let Some(slot) = slot else {
        return Err(Error::new(
            Kind::Internal,
            format!("Object {object} is not whole"),
        ));
    };
    let location = slot.facts().location;
    Ok(match location {
        Location::Part => slot.part_path(),
        Location::Destination => slot.object.destination.clone(),
    })
}

/// See [`super::Store::land_with_tree`].
pub(crate) fn land_with_tree(
    inner: &Inner,
    object: ObjectIndex,
    put_in_place: impl FnOnce() -> Result<Summary>,
) -> Result<()> {
    let (slot, _) = ready(inner, object)?;
    let _alone = slot.placing();
    // Again: from now on no chunk is lost.
    let (_, unpack) = ready(inner, object)?;
    let _active = inner.options.stats.active_landings.active();
    let before = recording::read(&slot)?;
    let was_ours = slot.facts().tree_is_ours;
    announce(&slot, &unpack)?;
    let tree = put_in_place().inspect_err(|_| {
        slot.facts().tree_is_ours = was_ours;
        if let Err(error) = recording::write(&slot, before) {
            tracing::warn!(%error, "record_not_restored");
        }
    })?;
    let record = record_of(&slot, &unpack, Some(tree))?;
    recording::write(&slot, Some(record))?;
    if inner.options.durability == Durability::Object {
        recording::sync_all([slot.as_ref()]);
    }
    if is_to_be_named(&slot) {
        naming::rename(&slot)?;
        if inner.options.durability == Durability::Object {
            naming::sync_folder_of(&slot);
        }
    }
    naming::set_landed(inner, &slot);
    Ok(())
}

/// An open object whose file is right, and how its tree is to be made.
pub(crate) fn ready(inner: &Inner, object: ObjectIndex) -> Result<(Arc<Slot>, Unpack)> {
    let state = inner.state();
    let slot = state.slots.get(&object).cloned();
    let unpack = |slot: &Arc<Slot>| slot.object.unpack.clone();
    let Some((slot, unpack)) = slot.and_then(|slot| Some((slot.clone(), unpack(&slot)?))) else {
        return Err(Error::new(
            Kind::Internal,
            format!("Object {object} has no tree"),
        ));
    };
    if !state.is_open(object) {
        return Err(unwanted());
    }
    if !state.ledger.is_whole(object) || !slot.facts().file_done {
        return Err(Error::new(Kind::Cancelled, "The archive is not whole"));
    }
    Ok((slot, unpack))
}

fn is_to_be_named(slot: &Slot) -> bool {
    slot.facts().location == Location::Part && !slot.is_archive_dropped()
}

/// Records that a tree is about to get its place. If the run is killed before the end, the next one
/// knows that the tree is ours.
fn announce(slot: &Slot, unpack: &Unpack) -> Result<()> {
    let record = record_of(slot, unpack, None)?;
    recording::write(slot, Some(record))?;
    slot.facts().tree_is_ours = true;
    Ok(())
}

/// The record with a tree that was made, or that is about to get its place.
fn record_of(slot: &Slot, unpack: &Unpack, made: Option<Summary>) -> Result<Record> {
    let (parts, at) = {
        let facts = slot.facts();
        let parts: Vec<_> = facts.sums.values().copied().collect();
        (parts, facts.location)
    };
    let file = match at {
        Location::Destination => slot.dir()?.look(&slot.object.destination)?,
        Location::Part if slot.is_archive_dropped() => None,
        Location::Part => slot.parts_dir()?.look(&slot.part_path())?,
    };
    let file = file.map(|found| (found.size, found.mtime_ns));
    let mut record = recording::made(slot, file, &parts).with_pin(slot.object.pin.as_ref());
    let is_made = made.is_some();
    let made = made.unwrap_or_default();
    record.tree = Some(RecordedTree {
        destination: unpack.destination.clone(),
        links: unpack.links,
        conda_unpack: unpack.conda_unpack,
        bytes: made.bytes,
        entries: is_made.then_some(made.entries),
        left_out: made.left_out,
    });
    Ok(record)
}
