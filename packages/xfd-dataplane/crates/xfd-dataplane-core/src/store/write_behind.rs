//! Writes part files out while more bytes arrive, so that little is left to sync when an object
//! lands.
//!
//! The kernel starts to write each MiB as soon as it is complete, and a sync follows every 32 MiB.
//! Syncs alone flush 32 MiB at once. That stalled the network on virtual machines, where disk and
//! links share a processor, and the time was never recovered.

use std::fs::File;
use std::sync::Arc;

use super::inner::Inner;
use super::opening::open_for_reading;
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::model::{ChunkIndex, Durability};
use crate::threads::locked;
use crate::writeback;

/// Bytes of one object for each sync: few syncs, and a short last one.
const SYNC_BYTES: u64 = 32 << 20;

/// Adjacent bytes that the kernel starts to write together.
const WRITE_OUT_BYTES: u64 = 1 << 20;

/// The bytes from `from` to `to` of a part file were written.
pub(crate) fn wrote(inner: &Inner, part: &File, from: u64, to: u64) {
    if inner.options.durability == Durability::Object {
        writeback::wrote(part, from, to, WRITE_OUT_BYTES);
    }
}

/// A part file that is worth a sync. While this value lives, no other sync of its object starts.
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
    if facts.is_syncing || facts.unsynced < SYNC_BYTES {
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
    /// Syncs. Blocking. A failure is kept until the object lands, and fails it then.
    pub fn sync(self) {
        sync(&self.inner, &self.slot).ok();
    }
}

/// Syncs an object's bytes. Once a sync has failed, every later one fails with the same error: the
/// kernel reports a failed write once, and then takes the pages for clean.
pub(crate) fn sync(inner: &Inner, slot: &Slot) -> Result<()> {
    let mut failure = locked(&slot.sync_failure);
    if let Some(error) = &*failure {
        return Err(Error::clone(error));
    }
    let synced = open_for_reading(slot).and_then(|handle| {
        let path = slot.part_path();
        let failed = |error| Error::of_path(&error, "sync the part file", &path);
        inner.disk.sync(handle.file()).map_err(failed)
    });
    synced.inspect_err(|error| *failure = Some(Box::new(error.clone())))
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.slot.facts().is_syncing = false;
    }
}
