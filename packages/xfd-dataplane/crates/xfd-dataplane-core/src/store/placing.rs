//! Gives whole files their names, and says whether a landing still is of the bytes that it started
//! with.
//!
//! Whatever happens to the file of an object happens under [`Slot::placing`], one after the other:
//! it gets its name, is given up or released, is opened again, or is entered by an inventory.

use super::inner::Inner;
use super::naming;
use super::postponed::lacks_chunks;
use super::recording;
use super::slot::Slot;
use super::whole_object::check_wanted;
use crate::error::{Error, Kind, Result};
use crate::model::ObjectIndex;

/// A landing starts, once what happens to the object's file now is over: its generation, see
/// [`super::facts::Facts::generation`].
pub(crate) fn start(inner: &Inner, object: ObjectIndex) -> u32 {
    let slot = inner.state().slots.get(&object).cloned();
    slot.map_or(0, |slot| {
        drop(slot.placing());
        slot.facts().generation
    })
}

/// Whether an object is wanted and whole as it was when its landing started.
///
/// # Errors
/// `Cancelled`: it is not wanted any more, or was fetched again since, or is to be.
pub(crate) fn check_same(inner: &Inner, object: ObjectIndex, started: u32) -> Result<()> {
    let state = inner.state();
    check_wanted(&state, object)?;
    let slot = state.slots.get(&object);
    match slot.is_some_and(|slot| slot.facts().generation == started) {
        true => Ok(()),
        false => Err(lacks_chunks()),
    }
}

/// Why an object did not land. Where it is not the same any more, its files were taken away, and
/// whatever else was found follows from that.
pub(crate) fn why_not(inner: &Inner, object: ObjectIndex, started: u32, error: Error) -> Error {
    match check_same(inner, object, started) {
        Err(reason) if error.kind != Kind::Cancelled => reason,
        _ => error,
    }
}

/// Gives a file its name, unless a chunk was lost or the object was given up since it was checked.
/// An archive keeps the name of its part file until its tree is made: see [`super::land_tree`].
pub(crate) fn place(inner: &Inner, slot: &Slot, started: u32) -> Result<()> {
    let _alone = slot.placing();
    let same = check_same(inner, slot.object.index, started);
    same.inspect_err(|_| {
        // It says that a file is right which may be written again.
        if let Err(error) = recording::take_line_back(slot) {
            tracing::warn!(%error, "record_not_removed");
        }
    })?;
    if slot.object.unpack.is_none() {
        naming::rename(slot)?;
    }
    slot.facts().file_done = true;
    Ok(())
}

/// The file has its name, and its folder is synced: the object has landed, unless its tree is to
/// come.
pub(crate) fn end(inner: &Inner, slot: &Slot, started: u32) -> Result<()> {
    if slot.object.unpack.is_some() {
        return Ok(());
    }
    let _alone = slot.placing();
    check_same(inner, slot.object.index, started)?;
    naming::set_landed(inner, slot);
    Ok(())
}
