//! What lies in the folders of a prefix, so that its thousands of objects are not asked for one by
//! one on a disk that has none of them.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::paths::{JOURNAL, PART, beside};
use super::slot::Slot;

/// The names in a folder; None where it cannot be listed.
type Names = Option<HashSet<OsString>>;

/// The folders of each group, listed when they are first asked for. Objects without a group are
/// few, and may lie among many files that are not ours: nothing is said of them.
#[derive(Default)]
pub(crate) struct Listing {
    groups: HashMap<PathBuf, HashMap<PathBuf, Names>>,
}

impl Listing {
    /// Whether there is surely no file at an object's destination.
    pub(crate) fn lacks_file(&mut self, slot: &Slot) -> bool {
        self.lacks(slot, &slot.object.destination)
    }

    /// Whether there is surely nothing of an object: no file, no part file and no journal.
    pub(crate) fn lacks_all(&mut self, slot: &Slot) -> bool {
        let path = &slot.object.destination;
        self.lacks_file(slot)
            && self.lacks(slot, &beside(path, PART))
            && self.lacks(slot, &beside(path, JOURNAL))
    }

    fn lacks(&mut self, slot: &Slot, path: &Path) -> bool {
        let (Some(group), Some(folder), Some(name)) =
            (&slot.object.group, path.parent(), path.file_name())
        else {
            return false;
        };
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), HashMap::new());
        }
        let Some(folders) = self.groups.get_mut(group) else {
            return false;
        };
        if !folders.contains_key(folder) {
            folders.insert(folder.to_owned(), names(slot));
        }
        matches!(folders.get(folder), Some(Some(names)) if !names.contains(name))
    }
}

fn names(slot: &Slot) -> Names {
    match slot.dir_if_there() {
        Ok(Some(dir)) => Some(dir.names().ok()?.into_iter().collect()),
        Ok(None) => Some(HashSet::new()),
        Err(_) => None,
    }
}
