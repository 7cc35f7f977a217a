//! The record of an object: a file beside it, or a line of its group's manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use super::checks::Sums;
use super::journal::Journal;
use super::paths::{RECORD, beside};
use super::record::{self, Record};
use super::slot::Slot;
use crate::beside::Dir;
use crate::error::{Error, Result};
use crate::threads::locked;

/// What an earlier run recorded of an object. Blocking.
pub(crate) fn read(slot: &Slot) -> Result<Option<Record>> {
    match &slot.manifest {
        Some(manifest) => Ok(locked(manifest).get(&slot.object.destination)),
        None => match slot.dir_if_there()? {
            Some(dir) => record::read(&dir, &slot.object.destination),
            None => Ok(None),
        },
    }
}

/// The record of an object whose file has this size and time, and these chunks.
pub(crate) fn made(slot: &Slot, file: Option<(u64, i64)>, parts: &[Sums]) -> Record {
    let mut record = Record::new(slot.version.clone(), file, parts);
    record.unsynced = slot.unsynced_mark();
    record
}

/// Records an object, or takes its record back.
pub(crate) fn write(slot: &Slot, record: Option<Record>) -> Result<()> {
    let destination = &slot.object.destination;
    match (&slot.manifest, record) {
        (Some(manifest), record) => locked(manifest).append([(destination.clone(), record)]),
        (None, Some(record)) => record::write(&slot.dir()?, destination, &record),
        (None, None) => {
            slot.dir()?.remove(&beside(destination, RECORD));
            Ok(())
        }
    }
}

/// Records of objects that have a manifest: one write for each manifest.
///
/// # Errors
/// What the disk said. Other manifests may have been written then.
pub(crate) fn append_all<'a>(records: impl IntoIterator<Item = (&'a Slot, Record)>) -> Result<()> {
    let mut by_group = BTreeMap::new();
    for (slot, record) in records {
        if let (Some(manifest), Some(group)) = (&slot.manifest, &slot.object.group) {
            let (_, lines) = by_group.entry(group).or_insert((manifest, Vec::new()));
            lines.push((slot.object.destination.clone(), Some(record)));
        }
    }
    by_group
        .into_values()
        .try_for_each(|(manifest, lines)| locked(manifest).append(lines))
}

/// Writes out the records of these objects. A failure is only logged: without its record, a file
/// that is whole is fetched again after a power loss.
pub(crate) fn sync_all<'a>(slots: impl IntoIterator<Item = &'a Slot>) {
    let mut groups = BTreeSet::new();
    for slot in slots {
        let opened = match (&slot.manifest, &slot.object.group) {
            (Some(_), Some(group)) if !groups.insert(group) => continue,
            (Some(manifest), _) => locked(manifest).open(),
            (None, _) => slot
                .dir()
                .and_then(|dir| record::open(&dir, &slot.object.destination)),
        };
        let sync = |file: File| {
            let failed =
                |error| Error::of_path(&error, "sync the record", &slot.object.destination);
            file.sync_data().map_err(failed)
        };
        if let Err(error) = opened.and_then(|file| file.map_or(Ok(()), sync)) {
            tracing::warn!(%error, "record_not_synced");
        }
    }
}

/// Takes back the record of an object that could not be landed.
pub(crate) fn forget(slot: &Slot) {
    if let Err(error) = write(slot, None) {
        tracing::warn!(%error, "record_not_removed");
    }
}

/// A chunk of an object is missing again: takes it back in the journal, or in the record of a small
/// file, which has no journal.
pub(crate) fn take_chunk_back(slot: &Slot, offset: u64, length: u64) {
    let path = slot.journal_path();
    let in_journal = |dir: Option<Dir>| match dir {
        Some(dir) if dir.look(&path)?.is_some() => Journal::open(&dir, &path, &slot.version, false)
            .and_then(|journal| {
                let failed = |error| Error::of_path(&error, "write the journal", &path);
                journal.remove(offset, length).map_err(failed)
            }),
        Some(_) | None => take_line_back(slot),
    };
    let taken = slot.parts_dir_if_there().and_then(in_journal);
    if let Err(error) = taken {
        tracing::warn!(%error, "chunk_record_not_removed");
    }
}

/// Takes back a line of the manifest that does not describe what is at the destination.
pub(crate) fn take_line_back(slot: &Slot) -> Result<()> {
    let Some(manifest) = &slot.manifest else {
        return Ok(());
    };
    let destination = &slot.object.destination;
    let found = match slot.dir_if_there()? {
        Some(dir) => dir.look(destination)?,
        None => None,
    };
    let found = found.map(|found| (found.size, found.mtime_ns));
    let mut manifest = locked(manifest);
    match manifest.get(destination) {
        Some(record) if record.tree.is_none() && record.file != found => {
            manifest.append([(destination.clone(), None)])
        }
        _ => Ok(()),
    }
}
