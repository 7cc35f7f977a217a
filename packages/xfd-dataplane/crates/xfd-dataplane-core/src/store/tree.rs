//! Trees that are unpacked from objects: what is recorded of them, and when.

use std::path::PathBuf;

use super::account::Inner;
use super::record::{Record, Tree};
use super::slot::{Facts, Slot, Unpacked, Whereabouts};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Kind, Result};
use crate::model::ObjectIndex;
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
    announce(&slot)?;
    let whereabouts = slot.facts().whereabouts;
    Ok(match whereabouts {
        Whereabouts::Part => slot.part_path(),
        Whereabouts::Destination => slot.object.destination.clone(),
    })
}

/// Records that a tree is about to get its name, so that a run that is killed between that moment
/// and [`unpacked`] leaves a tree that the next run knows to be ours.
pub(crate) fn announce(slot: &Slot) -> Result<()> {
    let Some(unpack) = &slot.object.unpack else {
        return Ok(());
    };
    if slot.facts().unpacked.is_some() {
        return Ok(());
    }
    let mut record = record_of(slot, None)?;
    record.tree = Some(Tree {
        destination: unpack.destination.clone(),
        bytes: 0,
        entries: None,
    });
    slot.set_record(Some(record))?;
    slot.facts().tree_is_ours = true;
    Ok(())
}

/// See [`super::Store::unpacked`].
pub(crate) fn unpacked(inner: &Inner, object: ObjectIndex, tree: &Summary) -> Result<()> {
    let slot = inner.state().slots.get(&object).cloned();
    let Some(slot) = slot.filter(|slot| slot.object.unpack.is_some()) else {
        return Err(Error::new(
            Kind::Internal,
            format!("Object {object} has no tree"),
        ));
    };
    {
        let mut facts = slot.facts();
        facts.tree_is_ours = true;
        facts.unpacked = Some(Unpacked {
            bytes: tree.bytes,
            entries: tree.entries.clone(),
        });
        if !facts.file_done {
            return Ok(());
        }
    }
    finish(inner, &slot)
}

/// File and tree are done: records both, and the object has landed.
pub(crate) fn finish(inner: &Inner, slot: &Slot) -> Result<()> {
    let tree = slot.facts().unpacked.clone();
    slot.set_record(Some(record_of(slot, tree)?))?;
    let mut state = inner.state();
    let object = slot.object.index;
    if state.ledger.object(object) == Some(ObjectState::Open) {
        state.ledger.set_object(object, ObjectState::Landed);
        inner.options.stats.objects_landed.add(1);
    }
    Ok(())
}

fn record_of(slot: &Slot, tree: Option<Unpacked>) -> Result<Record> {
    let (parts, at) = {
        let facts: &Facts = &slot.facts();
        (
            facts.sums.values().copied().collect::<Vec<_>>(),
            facts.whereabouts,
        )
    };
    let file = match at {
        Whereabouts::Part => None,
        Whereabouts::Destination => {
            super::paths::look(&slot.object.destination)?.map(|found| (found.size, found.mtime_ns))
        }
    };
    let mut record = Record::new(slot.pin.clone(), file, &parts);
    record.tree = slot
        .object
        .unpack
        .as_ref()
        .zip(tree)
        .map(|(at, tree)| Tree {
            destination: at.destination.clone(),
            bytes: tree.bytes,
            entries: Some(tree.entries),
        });
    Ok(record)
}
