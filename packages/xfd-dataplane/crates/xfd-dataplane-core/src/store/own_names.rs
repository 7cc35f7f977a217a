//! Keeps the dot files of one object and the file of another apart, also if different runs bring
//! them: an object at `.b.xfd` would be the record of `b`, and be replaced by it. Objects of one
//! catalog are compared before (`xfd_api.destination_conflicts`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::paths::{JOURNAL, LOCK, PART, RECORD, beside, dot_name};
use super::record;
use super::slot::Slot;
use crate::beside::Dir;
use crate::error::{Error, Kind, Result};
use crate::threads::locked;

/// Suffix of a record that is being written.
const NEW_RECORD: &str = ".xfd.new";

/// Whether a dot file could have this name.
pub(crate) fn is_dot_file(destination: &Path) -> bool {
    let name = destination.file_name().unwrap_or_default().as_bytes();
    let ends_like_one = [RECORD, NEW_RECORD, PART, JOURNAL, LOCK]
        .iter()
        .any(|suffix| name.ends_with(suffix.as_bytes()));
    name.starts_with(b".") && ends_like_one
}

/// Checks that the object's file and its dot files are no other object's.
///
/// # Errors
/// `DestinationConflict` if the destination is a dot file of something in the same folder, or if an
/// object of another run has the name of a dot file; `DestinationNotWritable` if a dot file may not
/// be written.
pub(crate) fn check(slot: &Slot) -> Result<()> {
    let (dir, destination) = (slot.dir()?, &slot.object.destination);
    if is_dot_file(destination)
        && let Some(owner) = owner_of(destination, &dir)?
    {
        let what = format!("The file kept beside {owner} has this name");
        return Err(conflict(what, destination));
    }
    let kinds = match slot.manifest {
        Some(_) => &[PART, JOURNAL][..],
        None => &[PART, JOURNAL, RECORD][..],
    };
    for kind in kinds {
        let path = beside(destination, kind);
        dir.check_replaceable(&path)?;
        if dir.look(&path)?.is_some() && is_an_object(slot, &dir, &path)? {
            let what = "An object lies where a file is to be kept beside the destination";
            return Err(conflict(what.to_owned(), &path));
        }
    }
    Ok(())
}

/// The name of what a dot file would be kept beside.
fn owner_of(dot_file: &Path, dir: &Dir) -> Result<Option<String>> {
    let names = dir.names();
    let names = names.map_err(|error| Error::of_path(&error, "look at the folder", dot_file))?;
    let own = dot_file.file_name().unwrap_or_default();
    let owner = names.into_iter().find(|name| owns(name, own));
    Ok(owner.map(|name| name.display().to_string()))
}

fn owns(name: &OsStr, dot_file: &OsStr) -> bool {
    [RECORD, NEW_RECORD, PART, JOURNAL, LOCK]
        .iter()
        .any(|suffix| dot_name(name, suffix) == dot_file)
}

/// Whether a run landed an object there: it has a record of its own.
fn is_an_object(slot: &Slot, dir: &Dir, path: &Path) -> Result<bool> {
    let is_in_manifest = slot
        .manifest
        .as_ref()
        .is_some_and(|manifest| locked(manifest).get(path).is_some());
    Ok(is_in_manifest || record::read(dir, path)?.is_some())
}

fn conflict(what: String, path: &Path) -> Error {
    Error::new(Kind::DestinationConflict, what)
        .with_path(path)
        .with_remedy("Choose another destination, or leave one of the two out")
}
