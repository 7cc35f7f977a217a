//! What lies at one object's destination: the effects around [`crate::decides::cache`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::checks::Sums;
use super::record::Record;
use super::slot::Slot;
use crate::beside::{Anchor, Dir, Opened};
use crate::decides::cache::{FileKind, OnDisk, Seen, Verdict, Wanted, verdict};
use crate::error::{Error, Kind, Result};
use crate::unpack::check_place;

/// What was found of one object.
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// The destination is the file that we left there.
    pub(crate) has_file: bool,
    /// A file is at the destination that is not believed for whose it is.
    pub(crate) is_foreign: bool,
    /// Something is at the destination.
    pub(crate) file_is_there: bool,
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
pub(crate) fn inspect(opened: &Arc<Opened>, slot: &Slot, lacks_file: bool) -> Result<Finding> {
    let object = &slot.object;
    let unpack = object.unpack.as_ref();
    let dir = slot.dir_if_there()?;
    let file = match &dir {
        Some(dir) if !lacks_file => dir.look(&object.destination)?,
        _ => None,
    };
    if let Some(dir) = &dir
        && !object.is_directory
    {
        refuse_special(slot, dir, file)?;
    }
    let tree_folder = match unpack {
        Some(unpack) => Anchor::find(opened, &unpack.destination)?,
        None => None,
    };
    let folder = match &tree_folder {
        Some(tree) => Some(tree.dir(Path::new(""))?.look_at_itself()?),
        None => None,
    };
    // Where neither is there, the record cannot make it valid; most objects of a first run.
    let record = slot.record()?;
    let entries = match &record {
        Some(record) => look_at_entries(slot, record, tree_folder.as_ref())?,
        None => Vec::new(),
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
            && file
                .is_some_and(|file| file.is_ours && record.file == Some((file.size, file.mtime_ns)))
    };
    let has_file = record.as_ref().is_some_and(as_left);
    Ok(Finding {
        verdict: found,
        is_foreign: file.is_some_and(|file| file.kind == FileKind::File && !file.is_ours),
        file_is_there: file.is_some(),
        has_file,
        // In another user's folder it is only if something of it is left.
        tree_is_ours: tree.is_some()
            && (folder.is_none_or(|folder| folder.is_ours)
                || entries.iter().flatten().any(|entry| entry.is_ours)),
        tree_bytes: tree.map(|tree| tree.bytes),
        chunks: match record {
            Some(record) if has_file => record.chunks,
            _ => Vec::new(),
        },
    })
}

/// # Errors
/// `Destination` where what lies at a file's place is none, and is never replaced: a folder, a
/// device, a FIFO, a socket, or a link to one of these. A link to a file, or to nothing, is.
fn refuse_special(slot: &Slot, dir: &Dir, file: Option<OnDisk>) -> Result<()> {
    let path = &slot.object.destination;
    let what = match file.map(|file| file.kind) {
        Some(FileKind::Folder) => "A folder",
        Some(FileKind::Other) => "A device, a FIFO or a socket",
        Some(FileKind::Link) => match dir.special_target(path) {
            Some("a folder") => "A link to a folder",
            Some(_) => "A link to a device, a FIFO or a socket",
            None => return Ok(()),
        },
        Some(FileKind::File) | None => return Ok(()),
    };
    Err(Error::new(
        Kind::Destination,
        format!("{what} lies where the file should land"),
    )
    .with_object(&slot.object.found.key)
    .with_path(path)
    .with_remedy("Name a file; xfd-get writes to standard output with the destination -"))
}

fn look_at_entries(
    slot: &Slot,
    record: &Record,
    folder: Option<&Arc<Anchor>>,
) -> Result<Vec<Option<OnDisk>>> {
    let tree = record.tree_at(slot.object.unpack.as_ref());
    let entries = tree.and_then(|tree| tree.entries.as_ref());
    let (Some(entries), Some(folder)) = (entries, folder) else {
        return Ok(Vec::new());
    };
    entries
        .iter()
        .map(|entry| {
            let path = Path::new(OsStr::from_bytes(&entry.path));
            let above = path.parent().unwrap_or(Path::new(""));
            match folder.dir_if_there(above) {
                Ok(Some(dir)) => dir.look(path),
                Ok(None) => Ok(None),
                // A folder of it has become a link: the tree is not as it was left.
                Err(error) if error.kind == Kind::UnsafePath => Ok(None),
                Err(error) => Err(error),
            }
        })
        .collect()
}

/// # Errors
/// `DestinationNotEmpty` where a tree is to go into a folder with things that we did not make;
/// `DestinationNotWritable` where it could not be put in its place.
pub(crate) fn refuse_unfit_tree(slot: &Slot, finding: &Finding) -> Result<()> {
    match &slot.object.unpack {
        Some(unpack) => check_place(&unpack.destination, finding.tree_is_ours)
            .map_err(|error| error.with_object(&slot.object.found.key)),
        None => Ok(()),
    }
}
