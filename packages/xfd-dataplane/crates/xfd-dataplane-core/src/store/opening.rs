//! Opens the file of an object, for writing or for reading.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use super::disk::preallocate;
use super::facts::Location;
use super::journal::Journal;
use super::part::{Handle, Part};
use super::slot::{Slot, replaced};
use crate::beside::Dir;
use crate::error::{Error, Result, is_absent};

/// The part file and journal, for writing. They are made if there are none, with the file's blocks.
pub(crate) fn open_part(slot: &Slot) -> Result<Arc<Part>> {
    let mut shared = slot.lock_part();
    if let Some(part) = shared.upgrade() {
        return Ok(part);
    }
    let (path, dir) = (slot.part_path(), slot.parts_dir()?);
    // A part file with chunks in it is opened again; any other file in its place is replaced.
    let (has_chunks, known) = {
        let facts = slot.facts();
        (!facts.sums.is_empty(), facts.part)
    };
    let file = match has_chunks {
        true => reopen(&dir, &path, known)?,
        false => {
            slot.facts().preallocated = false;
            dir.create(&path, OFlags::empty())?
        }
    };
    if !slot.facts().preallocated {
        preallocate(&file, slot.object.found.size, &path)?;
        slot.facts().preallocated = true;
    }
    let found = file.metadata();
    let found = found.map_err(|error| Error::of_path(&error, "open the part file", &path))?;
    slot.facts().part = Some((found.dev(), found.ino()));
    slot.facts().has_journal = true;
    let journal = Journal::open(&dir, &slot.journal_path(), &slot.version, !has_chunks)?;
    let part = Arc::new(Part::new(file, journal));
    *shared = Arc::downgrade(&part);
    Ok(part)
}

fn reopen(dir: &Dir, path: &Path, known: Option<(u64, u64)>) -> Result<File> {
    let opened = dir.open(path, OFlags::RDWR, u64::MAX);
    let opened = opened.map_err(|error| Error::of_path(&error, "open the part file", path))?;
    let is_known = |file: &File| {
        let found = file.metadata().map(|found| (found.dev(), found.ino()));
        known.is_none() || found.ok() == known
    };
    opened.filter(is_known).ok_or_else(|| replaced(path))
}

/// The object's bytes, for reading. Both names are tried, since a rename may come between.
pub(crate) fn open_for_reading(slot: &Slot) -> Result<Handle> {
    if let Some(part) = slot.shared_part() {
        return Ok(Handle::Part(part));
    }
    let locations = match slot.facts().location {
        Location::Part => [Location::Part, Location::Destination],
        Location::Destination => [Location::Destination, Location::Part],
    };
    let mut outcome = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    for location in locations {
        outcome = match location {
            Location::Part => match slot.parts_dir_if_there()? {
                Some(dir) => dir.open_data(&slot.part_path()),
                None => continue,
            },
            Location::Destination => open_destination(slot, &slot.dir()?),
        };
        if !outcome.as_ref().is_err_and(is_absent) {
            break;
        }
    }
    outcome.map(Handle::File).map_err(|error| {
        Error::of_path(&error, "read the object", &slot.object.destination)
            .with_object(&slot.object.found.key)
    })
}

/// The file at the destination. A blob is compared with its name before it counts, so it may belong
/// to another user, or be a link, as other tools of the hub leave them.
pub(crate) fn open_destination(slot: &Slot, dir: &Dir) -> std::io::Result<File> {
    let path = &slot.object.destination;
    match slot.object.blob {
        None => dir.open_data(path),
        Some(_) => dir.open_through(path),
    }
}
