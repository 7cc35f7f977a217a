//! Writes out what has arrived while more arrives, so that little is left to sync when an object
//! lands.
//!
//! The kernel begins with each MiB as soon as it is there, and a sync follows for each 32. Syncs
//! alone hand the disk 32 MiB at a time: where disk and links share a processor, as in a virtual
//! machine, the links then stand still for moments that nobody makes up for.

use std::fs::File;
use std::sync::Arc;

use super::account::Inner;
use super::slot::{Slot, locked};
use crate::error::{Error, Result};
use crate::model::{ChunkIndex, Durability};
use crate::writeback;

/// Bytes of one object that are let gather before they are synced: few syncs, and a short last one.
const GATHERED: u64 = 32 << 20;

/// Bytes side by side that are let gather before the kernel begins to write them.
const STEP: u64 = 1 << 20;

/// What lies between `from` and `to` of a part file has arrived.
pub(crate) fn wrote(inner: &Inner, part: &File, from: u64, to: u64) {
    if inner.options.durability == Durability::Object {
        writeback::wrote(part, from, to, STEP);
    }
}

/// A part file that is worth a sync. While it lives, its object is given no other one.
pub struct Unsynced {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
}

/// See [`super::Store::unsynced`].
pub(crate) fn unsynced(inner: &Arc<Inner>, chunk: ChunkIndex) -> Option<Unsynced> {
    if inner.options.durability != Durability::Object {
        return None;
    }
    let (slot, length) = {
        let state = inner.state();
        let chunk = state.chunks.get(&chunk)?;
        // The files of a pack are small, and are synced together when they land.
        let [span] = chunk.spans.as_slice() else {
            return None;
        };
        (state.slots.get(&span.object)?.clone(), span.length)
    };
    let mut facts = slot.facts();
    facts.unsynced += length;
    if facts.is_syncing || facts.unsynced < GATHERED {
        return None;
    }
    facts.unsynced = 0;
    facts.is_syncing = true;
    drop(facts);
    Some(Unsynced {
        inner: inner.clone(),
        slot,
    })
}

impl Unsynced {
    /// Blocking. A failure is kept for when the object lands.
    pub fn sync(self) {
        sync(&self.inner, &self.slot).ok();
    }
}

/// Syncs an object's bytes. Once a sync has failed, every later one fails with the same error: the
/// kernel tells of a failed write once, and takes the pages for clean from then on.
pub(crate) fn sync(inner: &Inner, slot: &Slot) -> Result<()> {
    let mut failure = locked(&slot.sync_failure);
    if let Some(error) = &*failure {
        return Err(error.clone());
    }
    let synced = slot.open_for_reading().and_then(|handle| {
        let path = slot.part_path();
        let failed = |error| Error::of_path(&error, "sync the part file", &path);
        inner.disk.sync(handle.file()).map_err(failed)
    });
    synced.inspect_err(|error| *failure = Some(error.clone()))
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.slot.facts().is_syncing = false;
    }
}
