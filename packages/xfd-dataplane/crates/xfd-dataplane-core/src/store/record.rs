//! The record of a finished object: a JSON file beside it, or a line of its group's manifest.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::boot;
use super::checks::Sums;
use super::paths::{RECORD, beside};
use crate::beside::Dir;
use crate::decides::cache::{ObjectVersion, Recorded};
use crate::error::{Error, Result};
use crate::model::{Checksum, LeftOut, Links, TreeEntry, Unpack};

/// Format of records and manifests. A record of another format counts as none.
pub(crate) const FORMAT: u32 = 1;

/// Bytes of a record at most: it has the entries of a large tree.
pub(crate) const MAX_RECORD_BYTES: u64 = 1 << 30;

/// A finished object, or a tree that is about to be put in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    /// The object at its store.
    #[serde(flatten)]
    pub(crate) version: ObjectVersion,
    /// Size and modification time on disk; None if the archive was not kept.
    pub(crate) file: Option<(u64, i64)>,
    /// Length and CRC-64/NVME of each chunk, in order, if they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chunks: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tree: Option<RecordedTree>,
    /// Of a blob in a hub cache: other tools put files of the same name and size there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inode: Option<u64>,
    /// Pins of requests that the file was compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pins: Vec<Checksum>,
    /// Of a file that was not synced: see [`boot`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unsynced: Option<String>,
}

/// A tree that was unpacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordedTree {
    pub(crate) destination: PathBuf,
    /// What the archive's links were allowed to be.
    #[serde(default)]
    pub(crate) links: Links,
    /// Whether the tree got its prefix by conda-unpack.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) conda_unpack: bool,
    /// In bytes, of all files.
    pub(crate) bytes: u64,
    /// None while the tree is about to get its place: the tree there is ours, and may not be whole.
    pub(crate) entries: Option<Vec<TreeEntry>>,
    /// Entries of the archive that the tree does not have.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub(crate) left_out: LeftOut,
}

impl RecordedTree {
    fn is_made_as(&self, wanted: &Unpack) -> bool {
        (self.links, self.conda_unpack) == (wanted.links, wanted.conda_unpack)
    }
}

impl Record {
    pub(crate) fn new(version: ObjectVersion, file: Option<(u64, i64)>, parts: &[Sums]) -> Self {
        Self {
            format: FORMAT,
            version,
            file,
            chunks: parts.iter().map(|part| (part.length, part.crc)).collect(),
            tree: None,
            inode: None,
            pins: Vec::new(),
            unsynced: None,
        }
    }

    /// The same, of a file that was compared with this pin.
    pub(crate) fn with_pin(mut self, pin: Option<&Checksum>) -> Self {
        if let Some(pin) = pin
            && !self.pins.contains(pin)
        {
            self.pins.push(pin.clone());
        }
        self
    }

    /// The same, with the inode if it is a blob's.
    pub(crate) fn of_blob(mut self, is_blob: bool, inode: Option<u64>) -> Self {
        self.inode = inode.filter(|_| is_blob);
        self
    }

    /// The part that the verdict needs, for a tree as `unpack` wants it.
    pub(crate) fn recorded(&self, unpack: Option<&Unpack>) -> Recorded<'_> {
        Recorded {
            version: &self.version,
            file: self.file,
            pins: &self.pins,
            is_sure: self.is_sure(),
            tree: self
                .tree_at(unpack)
                .filter(|tree| unpack.is_some_and(|wanted| tree.is_made_as(wanted)))
                .and_then(|tree| tree.entries.as_deref()),
        }
    }

    /// Whether no power loss can have taken the bytes of what it describes.
    pub(crate) fn is_sure(&self) -> bool {
        boot::is_sure(self.unsynced.as_deref())
    }

    /// The tree that xfd left at the place that `unpack` wants, however it was made. It may be
    /// replaced.
    pub(crate) fn tree_at(&self, unpack: Option<&Unpack>) -> Option<&RecordedTree> {
        let wanted = unpack?;
        let tree = self.tree.as_ref()?;
        (tree.destination == wanted.destination).then_some(tree)
    }
}

/// Reads the record beside a destination. A record that is torn, of another format, or not believed
/// counts as none, and the object is fetched again.
pub(crate) fn read(dir: &Dir, destination: &Path) -> Result<Option<Record>> {
    let text = dir.read(&beside(destination, RECORD), MAX_RECORD_BYTES)?;
    Ok(text
        .and_then(|text| serde_json::from_slice(&text).ok())
        .filter(|record: &Record| record.format == FORMAT))
}

/// Opens the record beside a destination, to sync it.
pub(crate) fn open(dir: &Dir, destination: &Path) -> Result<Option<File>> {
    let path = beside(destination, RECORD);
    dir.open(&path, OFlags::RDONLY, MAX_RECORD_BYTES)
        .map_err(|error| Error::of_path(&error, "open the record", &path))
}

/// Writes the record beside a destination.
pub(crate) fn write(dir: &Dir, destination: &Path, record: &Record) -> Result<()> {
    let path = beside(destination, RECORD);
    let failed = |error: std::io::Error| Error::of_path(&error, "write the record", &path);
    let text = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
    dir.replace(&path, &text)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
