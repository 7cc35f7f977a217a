//! Gives a part file the name of its destination.

use super::inner::Inner;
use super::slot::{Location, Slot, replaced};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Result};

/// Renames the part file to its destination and removes the journal.
///
/// # Errors
/// `Destination` if another file is in the part file's place; what the disk said.
pub(crate) fn rename(slot: &Slot) -> Result<()> {
    let destination = &slot.object.destination;
    let dir = slot.dir()?;
    let failed = |error| Error::of_path(&error, "put the file in its place", destination);
    dir.rename(&slot.part_path(), destination).map_err(failed)?;
    let (id, _) = dir.identity(destination).map_err(failed)?;
    if slot.facts().part.is_some_and(|part| part != id) {
        return Err(replaced(destination));
    }
    slot.facts().location = Location::Destination;
    slot.close_part();
    if slot.facts().has_journal {
        dir.remove(&slot.journal_path());
    }
    Ok(())
}

/// Syncs the folder, so that the names survive a power loss. A failure is only logged: the files
/// are in their places.
pub(crate) fn sync_folder_of(slot: &Slot) {
    if let Err(error) = slot.dir().and_then(|dir| dir.sync()) {
        tracing::warn!(%error, "folder_not_synced");
    }
}

/// Marks an object as landed, unless it was given up meanwhile.
pub(crate) fn set_landed(inner: &Inner, slot: &Slot) {
    let object = slot.object.index;
    let mut state = inner.state();
    if state.ledger.object(object) == Some(ObjectState::Open) {
        state.ledger.set_object(object, ObjectState::Landed);
        inner.options.stats.objects_landed.add(1);
    }
}
