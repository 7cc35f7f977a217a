//! Looks at an object's destination: the effects around [`crate::decides::cache`].

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::blob_place::Stamp;
use super::checks::Sums;
use super::elsewhere::Elsewhere;
use super::record::Record;
use super::recording;
use super::slot::Slot;
use crate::beside::{Anchor, Dir, Opened};
use crate::decides::cache::{FileKind, OnDisk, Seen, Verdict, Wanted, is_still_there, verdict};
use crate::error::{Error, Kind, Result};
use crate::model::LeftOut;
use crate::unpack::check_place;

/// What was found of one object.
pub(crate) struct Inspection {
    pub(crate) verdict: Verdict,
    /// What landed in this run is still there. False for objects that did not.
    pub(crate) is_still_there: bool,
    /// The destination has the file that xfd left there.
    pub(crate) has_file: bool,
    /// The file at the destination is not believed because of its owner.
    pub(crate) is_foreign: bool,
    /// Something is at the destination.
    pub(crate) file_is_there: bool,
    /// A tree at the wanted place was made by xfd, whatever is in it now.
    pub(crate) tree_is_ours: bool,
    /// Bytes of the recorded tree.
    pub(crate) tree_bytes: Option<u64>,
    /// Entries that the archive has and the recorded tree does not have.
    pub(crate) left_out: LeftOut,
    /// Size, modification time and inode of the file at a blob's destination.
    pub(crate) blob: Option<Stamp>,
    /// Its record, if that is at the place of another request.
    pub(crate) elsewhere: Option<Record>,
    /// Length and CRC-64/NVME of the chunks of an earlier run, if the file is valid.
    chunks: Vec<(u64, u64)>,
}

impl Inspection {
    /// Drops recorded sums unless the chunks were cut as in `layout` (offset, length).
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

/// Looks at an object's destination and tree. `lacks_file` says that no file is there, `has_landed`
/// that the object landed in this run.
///
/// # Errors
/// `Destination` if a folder is at a file's place, or the disk does not answer.
pub(crate) fn inspect(
    opened: &Arc<Opened>,
    slot: &Slot,
    lacks_file: bool,
    has_landed: bool,
    elsewhere: &mut Elsewhere,
) -> Result<Inspection> {
    let object = &slot.object;
    let unpack = object.unpack.as_ref();
    let dir = slot.dir_if_there()?;
    let (file, inode) = match &dir {
        Some(dir) if !lacks_file => look(slot, dir)?,
        _ => (None, None),
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
    let is_of_file = |record: &Record| match record.inode {
        // A blob that is in doubt is compared with its name.
        Some(of_record) => Some(of_record) == inode && record.is_sure(),
        None => true,
    };
    let own = recording::read(slot)?.filter(is_of_file);
    let fits = |record: &Record| match file {
        Some(file) => record.file == Some((file.size, file.mtime_ns)),
        None => folder.is_some() && record.file.is_none() && record.tree_at(unpack).is_some(),
    };
    let is_told = own.as_ref().is_some_and(fits) || file.is_none() && folder.is_none();
    let elsewhere = match is_told {
        true => None,
        false => elsewhere.find(opened, slot, fits),
    };
    let record = elsewhere.clone().or(own);
    let entries = match &record {
        Some(record) => look_at_entries(slot, record, tree_folder.as_ref())?,
        None => Vec::new(),
    };
    let wanted = Wanted {
        version: &slot.version,
        cache: object.cache,
        pin: object.pin.as_ref(),
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
        record.version == slot.version
            && file
                .is_some_and(|file| file.is_ours && record.file == Some((file.size, file.mtime_ns)))
    };
    let has_file = record.as_ref().is_some_and(as_left);
    Ok(Inspection {
        verdict: found,
        is_still_there: has_landed && is_still_there(wanted, recorded, seen),
        is_foreign: file.is_some_and(|file| file.kind == FileKind::File && !file.is_ours),
        file_is_there: file.is_some(),
        blob: file
            .zip(inode)
            .map(|(file, inode)| (file.size, file.mtime_ns, inode)),
        elsewhere,
        has_file,
        // In another user's folder, only if one of its entries is left.
        tree_is_ours: tree.is_some()
            && (folder.is_none_or(|folder| folder.is_ours)
                || entries.iter().flatten().any(|entry| entry.is_ours)),
        tree_bytes: tree.map(|tree| tree.bytes),
        left_out: tree.map(|tree| tree.left_out.clone()).unwrap_or_default(),
        chunks: match record {
            Some(record) if has_file => record.chunks,
            _ => Vec::new(),
        },
    })
}

/// The file at the destination; a blob's inode too. A blob may be a link to the bytes, as in a store
/// that the repositories of a cache share.
fn look(slot: &Slot, dir: &Dir) -> Result<(Option<OnDisk>, Option<u64>)> {
    let path = &slot.object.destination;
    if slot.object.blob.is_none() {
        return Ok((dir.look(path)?, None));
    }
    Ok(dir.look_through(path)?.unzip())
}

/// Refuses what is at a file's place and is never replaced.
///
/// # Errors
/// `Destination` for a folder, a device, a FIFO, a socket, or a link to one of these. A link to a
/// file, or to nothing, is replaced.
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
                // One of its folders has become a link: the tree is not as it was left.
                Err(error) if error.kind == Kind::UnsafePath => Ok(None),
                Err(error) => Err(error),
            }
        })
        .collect()
}

/// Refuses a tree that could not be put in its place.
///
/// # Errors
/// `DestinationNotEmpty` if its folder has entries that xfd did not make; `DestinationNotWritable`
/// if this user may not write there.
pub(crate) fn refuse_unfit_tree(slot: &Slot, inspection: &Inspection) -> Result<()> {
    match &slot.object.unpack {
        Some(unpack) => check_place(&unpack.destination, inspection.tree_is_ours)
            .map_err(|error| error.with_object(&slot.object.found.key)),
        None => Ok(()),
    }
}
