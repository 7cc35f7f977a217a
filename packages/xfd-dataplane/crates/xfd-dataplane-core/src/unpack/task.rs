//! What one unpacking gets, and what it makes.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::model::{LeftOut, Links, TreeEntry, UnpackCaps, UnpackMethod};

/// Where the archive's bytes come from.
pub enum Archive<'a> {
    /// Bytes in their order, as they arrive; not for zip. An `io::Error` that wraps an
    /// [`crate::error::Error`] comes out of [`super::unpack`] as that error.
    Stream(Box<dyn Read + Send + 'a>),
    /// The finished file.
    File(&'a Path),
}

/// What unpacking made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Every entry, in the order it was made; folders that only a path named are among them.
    pub entries: Vec<TreeEntry>,
    /// Bytes of all files.
    pub bytes: u64,
    /// What the archive has and the tree has not.
    pub left_out: LeftOut,
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
    /// What links may be, and whether devices and pipes are refused or left out.
    pub links: Links,
    /// Whether the tree is an environment of conda-pack, whose `conda-unpack` gives it its prefix.
    pub conda_unpack: bool,
    /// Whether the tree is synced, and its name after the exchange.
    pub sync: bool,
    /// Set by another thread to stop; the result is then `Cancelled`. Noticed at the next read of
    /// the archive that returns.
    pub cancel: &'a AtomicBool,
}
