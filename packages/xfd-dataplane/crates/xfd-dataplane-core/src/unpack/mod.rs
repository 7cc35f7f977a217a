//! Archives become trees: unpacked into a staged folder beside the destination, which is then
//! exchanged with it in one step.
//!
//! Streams (`tar`, `tar.gz`, `tar.zst`, `gz`) are unpacked behind the download's in-order prefix;
//! a zip has its directory at its end and is unpacked from the finished file, in parallel.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::error::Result;
use crate::model::{UnpackCaps, UnpackMethod};

/// Where the archive's bytes come from.
pub enum Archive<'a> {
    /// Bytes in their order, as they arrive; not for zip.
    Stream(Box<dyn Read + Send + 'a>),
    /// The finished file.
    File(&'a Path),
}

/// One file system entry that unpacking made, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// Relative to the tree, as bytes turned into text lossily only if it is not UTF-8.
    pub path: String,
    /// `f` file, `d` folder, `l` symbolic link, `h` hard link.
    pub kind: char,
    /// In bytes; 0 for all but files.
    pub size: u64,
    /// On disk, in nanoseconds since the epoch; 0 for links.
    pub mtime_ns: i64,
}

/// What unpacking made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Every entry, in the order it was made.
    pub entries: Vec<Entry>,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What one unpacking is asked for.
pub struct Task<'a> {
    /// The archive's format.
    pub method: UnpackMethod,
    /// Its bytes.
    pub archive: Archive<'a>,
    /// Size of the archive in bytes, for the ratio cap.
    pub archive_bytes: u64,
    /// Key of the object: named in errors, and a bare .gz gets its file's name from it.
    pub key: &'a str,
    /// The folder that becomes the tree.
    pub destination: &'a Path,
    /// Whether a tree at `destination` is ours (a record says so) and may be replaced.
    pub replace: bool,
    /// Limits.
    pub caps: UnpackCaps,
    /// Whether the tree is synced before the exchange.
    pub sync: bool,
    /// Set by another thread to stop; the result is then `Cancelled`.
    pub cancel: &'a AtomicBool,
}

/// Unpacks into a staged tree and exchanges it with the destination.
///
/// On any error the destination is as before and nothing staged is left.
///
/// # Errors
/// `ArchiveCorrupt`, `ArchiveUnsafe`, `ArchiveTooLarge`, `ArchiveUnsupported`,
/// `DestinationNotEmpty`, `DestinationNotWritable`, `DiskFull`, `Destination`, `Cancelled`.
#[expect(clippy::todo, reason = "a skeleton")]
pub fn unpack(_task: Task<'_>) -> Result<Summary> {
    todo!()
}
