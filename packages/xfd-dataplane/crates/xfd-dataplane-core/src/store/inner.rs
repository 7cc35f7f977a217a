//! What the handles of one store share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Notify;

use super::blob_place::Stamp;
use super::disk::Disk;
use super::options::StoreOptions;
use super::state::State;
use crate::beside::Opened;
use crate::model::ObjectIndex;
use crate::threads::{Condvar, Mutex, MutexGuard, locked};

pub(crate) struct Inner {
    pub(crate) options: StoreOptions,
    pub(crate) disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// Some chunk or object changed its state; wakes in-order readers.
    pub(crate) changed: Condvar,
    /// Some chunk was lost.
    pub(crate) lost: Notify,
    /// Folders that are open.
    pub(crate) opened: Arc<Opened>,
    /// Blobs that were compared with their names, and whether they are right. A wrong one is not
    /// read again at each inventory.
    pub(crate) known_blobs: Mutex<HashMap<PathBuf, (Stamp, bool)>>,
    /// Held while an inventory is taken and while the store is left, so that only one does either.
    pub(crate) extending: Mutex<()>,
}

impl Inner {
    pub(crate) fn new(options: StoreOptions, disk: Arc<dyn Disk>) -> Self {
        Self {
            options,
            disk,
            state: Mutex::default(),
            changed: Condvar::new(),
            lost: Notify::new(),
            opened: Opened::new(),
            known_blobs: Mutex::default(),
            extending: Mutex::default(),
        }
    }

    /// See [`State::is_open`].
    pub(crate) fn is_open(&self, object: ObjectIndex) -> bool {
        self.state().is_open(object)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}
