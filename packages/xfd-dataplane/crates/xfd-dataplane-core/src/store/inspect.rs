//! What lies at one object's destination: the effects around [`crate::decides::cache`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::checks::Sums;
use super::paths::look;
use super::plan::is_empty_folder;
use super::record::Record;
use super::slot::Slot;
use crate::decides::cache::{FileKind, OnDisk, Seen, Verdict, Wanted, verdict};
use crate::error::{Error, Kind, Result};

/// What was found of one object.
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// The destination is the file that we left there.
    pub(crate) has_file: bool,
    /// A tree where one is wanted is of our making, whatever is in it now.
    pub(crate) tree_is_ours: bool,
    /// Bytes of the tree that the record knows.
    pub(crate) tree_bytes: Option<u64>,
    /// Length and CRC-64/NVME of the chunks of an earlier run, if the file is valid.
    chunks: Vec<(u64, u64)>,
}

impl Finding {
    /// Drops recorded sums of chunks that were cut in another way than `layout` (offset, length).
    pub(crate) fn forget_other_layout(&mut self, layout: &[(u64, u64)]) {
        let recorded = self.chunks.iter().map(|(length, _)| *length);
        if !layout.iter().map(|(_, length)| *length).eq(recorded) {
            self.chunks.clear();
        }
    }

    /// The recorded sums, by offset.
    pub(crate) fn sums(&self) -> BTreeMap<u64, Sums> {
        let mut offset = 0;
        let mut sums = BTreeMap::new();
        for (length, crc) in &self.chunks {
            let part = Sums {
                length: *length,
                crc: *crc,
                second: None,
            };
            sums.insert(offset, part);
            offset += length;
        }
        sums
    }
}

/// Looks at an object's destination and tree. What is known not to be there is not looked for.
///
/// # Errors
/// `Destination` where a folder lies at a file's place, or the disk does not answer.
pub(crate) fn inspect(slot: &Slot, lacks_file: bool) -> Result<Finding> {
    let object = &slot.object;
    let unpack = object.unpack.as_ref();
    let file = match lacks_file {
        true => None,
        false => look(&object.destination)?,
    };
    if !object.is_directory && file.is_some_and(|file| file.kind == FileKind::Folder) {
        return Err(Error::new(
            Kind::Destination,
            "A folder lies where the file should land",
        )
        .with_object(&object.found.key)
        .with_path(&object.destination));
    }
    let folder = match unpack {
        Some(unpack) => look(&unpack.destination)?,
        None => None,
    };
    // Where neither is there, the record cannot make it valid; most objects of a first run.
    let record = slot.record()?;
    let entries = match &record {
        Some(record) if folder.is_some() => look_at_entries(slot, record)?,
        _ => Vec::new(),
    };
    let wanted = Wanted {
        pin: &slot.pin,
        cache: object.cache,
        keep_archive: unpack.map(|unpack| unpack.keep_archive),
    };
    let seen = Seen {
        file,
        folder,
        entries: &entries,
    };
    let recorded = record.as_ref().map(|record| record.recorded(unpack));
    let found = verdict(wanted, recorded, seen);
    let tree = record.as_ref().and_then(|record| record.tree_at(unpack));
    let as_left = |record: &Record| {
        record.pin == slot.pin
            && file.is_some_and(|file| record.file == Some((file.size, file.mtime_ns)))
    };
    let has_file = record.as_ref().is_some_and(as_left);
    Ok(Finding {
        verdict: found,
        has_file,
        tree_is_ours: tree.is_some(),
        tree_bytes: tree.map(|tree| tree.bytes),
        chunks: match record {
            Some(record) if has_file => record.chunks,
            _ => Vec::new(),
        },
    })
}

fn look_at_entries(slot: &Slot, record: &Record) -> Result<Vec<Option<OnDisk>>> {
    let tree = record.tree_at(slot.object.unpack.as_ref());
    let Some((tree, entries)) = tree.and_then(|tree| Some((tree, tree.entries.as_ref()?))) else {
        return Ok(Vec::new());
    };
    entries
        .iter()
        .map(|entry| look(&tree.destination.join(OsStr::from_bytes(&entry.path))))
        .collect()
}

/// # Errors
/// `DestinationNotEmpty` where a tree is to go into a folder with things that we did not make.
pub(crate) fn refuse_foreign_tree(slot: &Slot, finding: &Finding) -> Result<()> {
    let Some(unpack) = &slot.object.unpack else {
        return Ok(());
    };
    if finding.tree_is_ours || is_empty_folder(&unpack.destination)? {
        return Ok(());
    }
    Err(Error::new(
        Kind::DestinationNotEmpty,
        "The tree's folder has files in it that were not unpacked from this object",
    )
    .with_object(&slot.object.found.key)
    .with_path(&unpack.destination))
}
