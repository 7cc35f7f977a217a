//! The names in the folders of a prefix. They show at once which of its thousands of objects are not
//! on the disk.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::paths::{JOURNAL, PART, beside};
use super::slot::Slot;

/// The names in a folder; None if it cannot be listed.
type Names = Option<HashSet<OsString>>;

/// The folders of each group, listed when they are first needed. Objects without a group are few, and
/// may be among many other files, so their folders are not listed.
#[derive(Default)]
pub(crate) struct Listing {
    groups: HashMap<PathBuf, HashMap<PathBuf, Names>>,
}

impl Listing {
    /// Whether it is certain that no file is at an object's destination.
    pub(crate) fn lacks_file(&mut self, slot: &Slot) -> bool {
        self.lacks(slot, &slot.object.destination)
    }

    /// Whether it is certain that an object has no file, no part file and no journal.
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
