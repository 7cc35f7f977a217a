//! Gives a part file the name of its destination.

use std::time::{Duration, Instant};

use super::blob_lock::{Attempt, BlobLock, attempt};
use super::blob_place::make_locks;
use super::facts::Location;
use super::inner::Inner;
use super::slot::{Slot, replaced};
use crate::decides::ledger::ObjectState;
use crate::error::{Error, Result};
use crate::threads::locked;

/// How long a whole blob waits for another tool's lock. Then it gets its place without: it is the
/// right blob, whichever of the two comes last.
const PLACED_AFTER: Duration = Duration::from_secs(2);

const TRIED_EVERY: Duration = Duration::from_millis(20);

/// Renames the part file to its destination and removes the journal.
///
/// # Errors
/// `Destination` if another file is in the part file's place; what the disk said.
pub(crate) fn rename(slot: &Slot) -> Result<()> {
    let destination = &slot.object.destination;
    let (dir, parts) = (slot.dir()?, slot.parts_dir()?);
    let failed = |error| Error::of_path(&error, "put the file in its place", destination);
    let lock = lock_to_place(slot)?;
    parts
        .rename_into(&slot.part_path(), &dir, destination)
        .map_err(failed)?;
    drop(lock);
    let (id, _) = dir.identity(destination).map_err(failed)?;
    if slot.facts().part.is_some_and(|part| part != id) {
        return Err(replaced(destination));
    }
    slot.facts().location = Location::Destination;
    slot.close_part();
    if slot.facts().has_journal {
        parts.remove(&slot.journal_path());
    }
    Ok(())
}

/// The hub's lock of a blob that is about to get its place; None for any other object.
///
/// # Errors
/// `DestinationNotWritable`, or what else the disk said.
fn lock_to_place(slot: &Slot) -> Result<Option<BlobLock>> {
    let Some(blob) = &slot.object.blob else {
        return Ok(None);
    };
    if let Some(held) = locked(&slot.blob_lock).take() {
        return Ok(Some(held));
    }
    let dir = make_locks(&slot.opened()?, blob)?;
    let since = Instant::now();
    loop {
        match attempt(&dir, &slot.object.destination)? {
            Attempt::Ours(lock) => return Ok(Some(lock)),
            Attempt::Unknown => return Ok(None),
            Attempt::Theirs if since.elapsed() > PLACED_AFTER => return Ok(None),
            Attempt::Theirs => std::thread::sleep(TRIED_EVERY),
        }
    }
}

/// Syncs the folder, so that the names survive a power loss. A failure is only logged: the files
/// are in their places.
pub(crate) fn sync_folder_of(slot: &Slot) {
    if let Err(error) = slot.dir().and_then(|dir| dir.sync()) {
        tracing::warn!(%error, "folder_not_synced");
    }
}

/// Marks an open object as landed.
pub(crate) fn set_landed(inner: &Inner, slot: &Slot) {
    let object = slot.object.index;
    let mut state = inner.state();
    if state.is_open(object) {
        state.ledger.set_object(object, ObjectState::Landed);
        inner.options.stats.objects_landed.add(1);
    }
}
