//! What is remembered of a finished object: a JSON file beside it, or a line of its group's
//! manifest.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::checks::Sums;
use super::paths::{RECORD, beside, is_absent};
use crate::decides::archive::LeftOut;
use crate::decides::cache::{Pin, Recorded};
use crate::error::{Error, Result};
use crate::model::{Links, Unpack};
use crate::unpack::Entry;

/// Of records and manifests. One of another format is read as none.
pub(crate) const FORMAT: u32 = 1;

/// A finished object, or a tree that is about to be put in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    /// The object at its store.
    #[serde(flatten)]
    pub(crate) pin: Pin,
    /// Size and modification time on disk; None where the archive was not kept.
    pub(crate) file: Option<(u64, i64)>,
    /// Length and CRC-64/NVME of each chunk, in order, where they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) chunks: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tree: Option<Tree>,
}

/// A tree that was unpacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) destination: PathBuf,
    /// What the archive's links were allowed to be.
    #[serde(default)]
    pub(crate) links: Links,
    /// In bytes, of all files.
    pub(crate) bytes: u64,
    /// None while the tree is about to get its name: what lies there is then ours, and not known
    /// to be whole.
    pub(crate) entries: Option<Vec<Entry>>,
    /// What the archive has and the tree has not.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub(crate) left_out: LeftOut,
}

impl Record {
    pub(crate) fn new(pin: Pin, file: Option<(u64, i64)>, parts: &[Sums]) -> Self {
        Self {
            format: FORMAT,
            pin,
            file,
            chunks: parts.iter().map(|part| (part.length, part.crc)).collect(),
            tree: None,
        }
    }

    /// The part that the verdict needs, for a tree wanted as `unpack` says.
    pub(crate) fn recorded(&self, unpack: Option<&Unpack>) -> Recorded<'_> {
        Recorded {
            pin: &self.pin,
            file: self.file,
            tree: self
                .tree_at(unpack)
                .filter(|tree| unpack.is_some_and(|wanted| wanted.links == tree.links))
                .and_then(|tree| tree.entries.as_deref()),
        }
    }

    /// The tree that we left where `unpack` wants one, whatever its links were allowed to be: it may
    /// be replaced.
    pub(crate) fn tree_at(&self, unpack: Option<&Unpack>) -> Option<&Tree> {
        let wanted = unpack?;
        let tree = self.tree.as_ref()?;
        (tree.destination == wanted.destination).then_some(tree)
    }
}

/// Reads the record beside a destination. One that is torn or of another format counts as none:
/// the object is fetched again.
pub(crate) fn read(destination: &Path) -> Result<Option<Record>> {
    let path = beside(destination, RECORD);
    match fs::read(&path) {
        Ok(text) => Ok(serde_json::from_slice(&text)
            .ok()
            .filter(|record: &Record| record.format == FORMAT)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::of_path(&error, "read the record", path)),
    }
}

/// Writes the record beside a destination.
pub(crate) fn write(destination: &Path, record: &Record) -> Result<()> {
    let path = beside(destination, RECORD);
    let failed = |error: std::io::Error| Error::of_path(&error, "write the record", &path);
    let text = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
    replace(&path, &text)
}

/// Puts a small file in the place of another in one step. A link where it is written first is
/// removed and not followed.
pub(crate) fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let failed = |error: std::io::Error| Error::of_path(&error, "write the record", path);
    let open = || {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o666)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&fresh)
    };
    open()
        .or_else(|_| fs::remove_file(&fresh).and_then(|()| open()))
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(failed)
}
