//! The record of a file that another request has brought here.
//!
//! Who asks for a prefix has the records in its manifest, and who asks for one key has them beside
//! the file. The same file may be wanted by its key, by its prefix, and by a longer or a shorter
//! prefix. So where the place of this request says nothing of the file that is there, the other
//! places are asked: beside the file, and the manifests of the folders above it, the nearest first.
//! What is found is copied to the place of this request, where all who look for it begin. No lock is
//! needed: a record that a writer overtakes does not fit the file any more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::Manifest;
use super::record::{self, Record};
use super::slot::Slot;
use crate::beside::Opened;

/// Manifests that were read for one inventory. A line in one of them counts only if it fits the
/// file, so it does no harm that another writer adds lines meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    manifests: HashMap<PathBuf, Option<Manifest>>,
}

impl Elsewhere {
    /// The record at another place than the slot's own that fits what is on the disk. What cannot
    /// be read counts as none.
    pub(crate) fn find(
        &mut self,
        opened: &Arc<Opened>,
        slot: &Slot,
        fits: impl Fn(&Record) -> bool,
    ) -> Option<Record> {
        let object = &slot.object;
        if object.blob.is_some() {
            return None;
        }
        if slot.manifest.is_some()
            && let Ok(Some(dir)) = slot.dir_if_there()
            && let Ok(Some(record)) = record::read(&dir, &object.destination)
            && fits(&record)
        {
            return Some(record);
        }
        let above = object.destination.ancestors().skip(1);
        above
            .filter(|folder| object.group.as_deref() != Some(*folder))
            .find_map(|folder| {
                let record = self.manifest(opened, folder)?.get(&object.destination)?;
                fits(&record).then_some(record)
            })
    }

    fn manifest(&mut self, opened: &Arc<Opened>, folder: &Path) -> Option<&Manifest> {
        if !self.manifests.contains_key(folder) {
            let read = Manifest::read(opened, folder, None).ok();
            self.manifests.insert(folder.to_owned(), read);
        }
        self.manifests.get(folder)?.as_ref()
    }
}
