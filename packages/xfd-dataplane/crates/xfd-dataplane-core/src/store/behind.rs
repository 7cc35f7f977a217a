//! Syncs what has arrived while more arrives, so that little is left to sync when an object lands.

use std::sync::Arc;

use super::account::Inner;
use super::slot::Slot;
use crate::model::{ChunkIndex, Durability};

/// Bytes of one object that are let gather before they are synced: few syncs, and a short last one.
const GATHERED: u64 = 32 << 20;

/// A part file that is worth a sync. While it lives, its object is given no other one.
pub struct Unsynced {
    slot: Arc<Slot>,
}

/// See [`super::Store::unsynced`].
pub(crate) fn unsynced(inner: &Inner, chunk: ChunkIndex) -> Option<Unsynced> {
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
    Some(Unsynced { slot })
}

impl Unsynced {
    /// Blocking. What fails here fails again when the object lands, and is told then.
    pub fn sync(self) {
        if let Ok(handle) = self.slot.open_for_reading() {
            handle.file().sync_data().ok();
        }
    }
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.slot.facts().is_syncing = false;
    }
}
