//! The names in the folders of a prefix. They show at once which of its thousands of objects are
//! not on the disk.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};

use super::paths::{JOURNAL, PART, dot_name};
use super::slot::Slot;
use crate::beside::Dir;
use crate::error::Result;

/// The names in a folder; None if it cannot be listed.
type Names = Option<HashSet<OsString>>;

/// The folders of each group, listed when they are first needed. Objects without a group are few,
/// and may be among many other files, so their folders are not listed.
///
/// Keys are the bytes of paths: hashing a path by its components takes ten times as long, which
/// shows with thousands of objects.
#[derive(Default)]
pub(crate) struct Listing {
    groups: HashMap<OsString, HashMap<OsString, Names>>,
}

impl Listing {
    /// Whether it is certain that no file is at an object's destination.
    pub(crate) fn lacks_file(&mut self, slot: &Slot) -> bool {
        self.lacks(slot, &[""])
    }

    /// Whether it is certain that an object has no file, no part file and no journal.
    pub(crate) fn lacks_all(&mut self, slot: &Slot) -> bool {
        self.lacks(slot, &["", PART, JOURNAL])
    }

    /// Whether neither the destination (an empty suffix) nor its dot files of these suffixes are
    /// there.
    fn lacks(&mut self, slot: &Slot, suffixes: &[&str]) -> bool {
        let path = &slot.object.destination;
        if slot.object.blob.is_some() && suffixes.len() > 1 {
            return self.lacks(slot, &[""]) && self.lacks_part(slot);
        }
        let (Some(group), Some(folder), Some(name)) =
            (&slot.object.group, path.parent(), path.file_name())
        else {
            return false;
        };
        let names = match self.names(slot, group.as_os_str(), folder.as_os_str()) {
            Some(names) if names.is_empty() => return true,
            Some(names) => names,
            None => return false,
        };
        suffixes.iter().all(|suffix| match *suffix {
            "" => !names.contains(name),
            suffix => !names.contains(&dot_name(name, suffix)),
        })
    }

    /// Whether a blob has neither part file nor journal in the folder that all of its repository
    /// share.
    fn lacks_part(&mut self, slot: &Slot) -> bool {
        let Some(group) = &slot.object.group else {
            return false;
        };
        let (part, journal) = (slot.part_path(), slot.journal_path());
        let folder = part.parent().unwrap_or(group).as_os_str();
        let look = || slot.parts_dir_if_there();
        let names = self.names_of(group.as_os_str(), folder, look);
        let has = |name: Option<&OsStr>| {
            names.is_none_or(|names| name.is_some_and(|name| names.contains(name)))
        };
        !has(part.file_name()) && !has(journal.file_name())
    }

    fn names(&mut self, slot: &Slot, group: &OsStr, folder: &OsStr) -> Option<&HashSet<OsString>> {
        self.names_of(group, folder, || slot.dir_if_there())
    }

    fn names_of(
        &mut self,
        group: &OsStr,
        folder: &OsStr,
        open: impl FnOnce() -> Result<Option<Dir>>,
    ) -> Option<&HashSet<OsString>> {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.to_owned(), HashMap::new());
        }
        let folders = self.groups.get_mut(group)?;
        if !folders.contains_key(folder) {
            folders.insert(folder.to_owned(), names(open()));
        }
        folders.get(folder)?.as_ref()
    }
}

fn names(dir: Result<Option<Dir>>) -> Names {
    match dir {
        Ok(Some(dir)) => Some(dir.names().ok()?.into_iter().collect()),
        Ok(None) => Some(HashSet::new()),
        Err(_) => None,
    }
}
