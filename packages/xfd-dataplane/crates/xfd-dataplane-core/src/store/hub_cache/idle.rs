//! Gives locks back when nothing of a repository is left to do.

use std::fs;
use std::sync::Arc;

use crate::decides::ledger::ObjectState;
use crate::model::{BlobPlace, ObjectIndex};
use crate::store::blob_place::{lock_path, parts_folders};
use crate::store::inner::Inner;
use crate::store::manifest::Manifest;
use crate::threads::{Mutex, locked};

/// Objects have landed or were given up: gives back the locks of repositories that have no open
/// object, and removes their folders of part files if these are empty. Other tools need not wait
/// until the swarm ends.
pub(crate) fn release_idle(inner: &Inner, objects: &[ObjectIndex]) {
    let mut repositories: Vec<(BlobPlace, Arc<Mutex<Manifest>>)> = Vec::new();
    {
        let state = inner.state();
        let slots = objects.iter().filter_map(|object| state.slots.get(object));
        for slot in slots {
            let (Some(blob), Some(manifest)) = (&slot.object.blob, &slot.manifest) else {
                continue;
            };
            if !repositories
                .iter()
                .any(|(_, known)| Arc::ptr_eq(known, manifest))
            {
                repositories.push((BlobPlace::clone(blob), manifest.clone()));
            }
        }
    }
    for (blob, manifest) in repositories {
        let is_open = {
            let state = inner.state();
            state.slots.values().any(|slot| {
                let is_its = slot.manifest.as_ref();
                is_its.is_some_and(|its| Arc::ptr_eq(its, &manifest))
                    && state.ledger.object(slot.object.index) == Some(ObjectState::Open)
            })
        };
        if is_open {
            continue;
        }
        let lock = inner.state().locks.remove(&lock_path(&blob));
        if lock.is_some() {
            tidy(inner, &blob, &manifest);
        }
        drop(lock);
    }
}

/// Leaves nothing of ours in the cache. Our lock of the repository is held.
pub(crate) fn tidy(inner: &Inner, blob: &BlobPlace, manifest: &Mutex<Manifest>) {
    if let Err(error) = locked(manifest).tidy() {
        tracing::warn!(%error, "manifest_not_compacted");
    }
    for folder in parts_folders(&inner.opened, blob).unwrap_or_default() {
        // A folder with part files of another run stays.
        fs::remove_dir(folder).ok();
    }
}
