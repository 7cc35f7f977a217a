//! Names beside a destination, and folders that are safe to write in.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};

use crate::crc::crc64;
use crate::decides::cache::{FileKind, OnDisk};
use crate::error::{Error, Kind, Result};

/// Of the file that is being written.
pub(crate) const PART: &str = ".xfd-part";
/// Of the list of its chunks that are right.
pub(crate) const JOURNAL: &str = ".xfd-journal";
/// Of the record of a finished file, or of a group's manifest.
pub(crate) const RECORD: &str = ".xfd";
/// Of the lock that one writer holds.
pub(crate) const LOCK: &str = ".xfd-lock";

/// Longest file name of Linux file systems, in bytes.
const NAME_MAX: usize = 255;
/// The dot, the longest suffix, and `.new` of a file that replaces another.
const ROOM: usize = 1 + JOURNAL.len() + 4;

/// The dot file of a kind beside a path. A name too long for one is cut and ends in its checksum.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut hidden = OsString::from(".");
    if name.len() + ROOM <= NAME_MAX {
        hidden.push(OsStr::from_bytes(name));
    } else {
        let kept = &name[..NAME_MAX - ROOM - 17];
        hidden.push(OsStr::from_bytes(kept));
        hidden.push(format!("~{:016x}", crc64(name)));
    }
    hidden.push(suffix);
    path.with_file_name(hidden)
}

/// What a path is; None for one that does not exist. Links are not followed.
pub(crate) fn look(path: &Path) -> Result<Option<OnDisk>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(on_disk(&found))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::of_path(&error, "look at the destination", path)),
    }
}

/// What the file system says of a file, in the words of the verdict.
pub(crate) fn on_disk(found: &fs::Metadata) -> OnDisk {
    let kind = if found.is_file() {
        FileKind::File
    } else if found.is_dir() {
        FileKind::Folder
    } else if found.is_symlink() {
        FileKind::Link
    } else {
        FileKind::Other
    };
    OnDisk {
        kind,
        size: found.len(),
        mtime_ns: found
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(found.mtime_nsec()),
    }
}

/// Whether an error says that there is no such path.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Removes a file of ours; one that is gone already is fine.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && !is_absent(&error)
    {
        tracing::warn!(path = %path.display(), %error, "file_not_removed");
    }
}

/// Folders that were made or looked at during one stocktaking.
#[derive(Default)]
pub(crate) struct Folders {
    seen: HashSet<PathBuf>,
}

impl Folders {
    /// Makes the folder that `path` is to lie in. Inside `group`, no component may be a link, so
    /// that a prefix writes nowhere but below its own folder.
    pub(crate) fn make_parent(&mut self, path: &Path, group: Option<&Path>) -> Result<()> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        match group {
            Some(group) if path.starts_with(group) && path != group => {
                self.make(parent, Some(group))
            }
            _ => self.make(parent, None),
        }
    }

    /// Makes a folder, and those above it.
    pub(crate) fn make(&mut self, folder: &Path, group: Option<&Path>) -> Result<()> {
        if self.seen.contains(folder) {
            return Ok(());
        }
        match group {
            Some(group) if folder != group => {
                let above = folder.parent().unwrap_or(group);
                self.make(above, Some(group))?;
                make_one_inside(above, folder)?;
            }
            _ => fs::create_dir_all(folder).map_err(|error| not_writable(&error, folder))?,
        }
        rustix::fs::accessat(
            CWD,
            folder,
            Access::WRITE_OK | Access::EXEC_OK,
            AtFlags::EACCESS,
        )
        .map_err(|error| not_writable(&error.into(), folder))?;
        self.seen.insert(folder.to_owned());
        Ok(())
    }
}

/// Makes one folder in a folder that is known to be safe, unless it is there; refuses a link.
fn make_one_inside(above: &Path, folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default();
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = rustix::fs::open(above, flags | OFlags::RDONLY, Mode::empty())
        .map_err(|error| not_writable(&error.into(), above))?;
    match rustix::fs::mkdirat(&inside, name, Mode::from_raw_mode(0o777)) {
        Ok(()) => return Ok(()),
        Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(not_writable(&error.into(), folder)),
    }
    let found = rustix::fs::statat(&inside, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| not_writable(&error.into(), folder))?;
    match rustix::fs::FileType::from_raw_mode(found.st_mode) {
        rustix::fs::FileType::Directory => Ok(()),
        rustix::fs::FileType::Symlink => Err(Error::new(
            Kind::UnsafePath,
            "A symbolic link inside the destination would lead the prefix out of it",
        )
        .with_path(folder)),
        _ => Err(Error::new(
            Kind::DestinationNotWritable,
            "A file lies where a folder is needed",
        )
        .with_path(folder)),
    }
}

fn not_writable(error: &io::Error, folder: &Path) -> Error {
    let mut error = Error::of_path(error, "make the destination's folder", folder);
    if error.kind == Kind::Destination {
        error.kind = Kind::DestinationNotWritable;
    }
    error
}
