//! The one place that opens what lies beside a destination: records, journals, part files, locks,
//! manifests, staged trees, and the cached files themselves.
//!
//! A folder that others can write to (mode 1777, a group's share) may have anything in it under the
//! names that are ours. So a file is *believed* only if it is regular, has one link, belongs to
//! this user or to root, and is not too large (`belief`); anything else is ignored, and replaced
//! by removing its name, never by writing into it. A data file may have several links, as a user
//! may have made them.
//!
//! A destination's folder is found once (`Anchor`): links on the way to it are followed, since
//! the user named it. Below it nothing leads through a link (`beneath`), and everything is
//! opened relative to descriptors of the very folder that was found, so that one that is swapped
//! meanwhile receives nothing.
//!
//! ```text
//!   Anchor ── the folder that a user named, by device and inode
//!     └─ Dir ── a folder in it: opens, looks, creates, renames, removes by name
//! ```

mod anchor;
mod belief;
mod beneath;
mod dir;
mod erase;

pub(crate) use anchor::{Anchor, Opened, is_me_or_root};
pub(crate) use beneath::Beneath;
pub(crate) use dir::Dir;
pub(crate) use erase::{erase_tree, is_set_aside};

use std::io;
use std::path::Path;

use crate::error::Result;

/// The folder that a path is in; None if there is none.
pub(crate) fn folder_of(path: &Path) -> Result<Option<Dir>> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    match Anchor::find(&Opened::new(), folder)? {
        Some(anchor) => anchor.dir(Path::new("")).map(Some),
        None => Ok(None),
    }
}

/// Whose file it is, in words, where that is neither this user nor root.
///
/// # Errors
/// What the disk said.
pub fn owner_doubted(path: &Path) -> Result<Option<String>> {
    match folder_of(path)? {
        Some(dir) => dir.owner_doubted(path),
        None => Ok(None),
    }
}

/// Opens an object's bytes for reading: a regular file of this user's or root's.
///
/// # Errors
/// What the disk said; `InvalidData` for any other file.
pub(crate) fn open_data(path: &Path) -> io::Result<std::fs::File> {
    match folder_of(path).map_err(io::Error::other)? {
        Some(dir) => dir.open_data(path),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Opens a file for reading if it is a regular one, or a link to one. A FIFO does not block.
///
/// # Errors
/// `InvalidInput` for what is no regular file; what the system said.
pub fn open_regular(path: &Path) -> io::Result<std::fs::File> {
    use rustix::fs::{FileType, Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let found = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(file.into()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        )),
    }
}
