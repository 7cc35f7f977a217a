//! Names of the dot files beside a destination, and the making of folders.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::beside::Anchor;
use crate::crc::crc64;
use crate::error::{Error, Kind, Result};

/// Suffix of the file that is being written.
pub(crate) const PART: &str = ".xfd-part";
/// Suffix of the list of its chunks that are right.
pub(crate) const JOURNAL: &str = ".xfd-journal";
/// Suffix of the record of a finished file, or of a group's manifest.
pub(crate) const RECORD: &str = ".xfd";
/// Suffix of the lock that one writer holds.
pub(crate) const LOCK: &str = ".xfd-lock";

/// Longest file name of Linux file systems, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Bytes for the dot, the longest suffix, and `.new` of a file that replaces another.
const ADDED_BYTES: usize = 1 + JOURNAL.len() + 4;

/// The dot file of a kind beside a path.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(dot_name(path.file_name().unwrap_or_default(), suffix))
}

/// Its name. A name too long for one is cut and ends in its checksum.
pub(crate) fn dot_name(name: &OsStr, suffix: &str) -> OsString {
    let name = name.as_bytes();
    let mut hidden = OsString::with_capacity(1 + name.len() + suffix.len());
    hidden.push(".");
    if name.len() + ADDED_BYTES <= MAX_NAME_BYTES {
        hidden.push(OsStr::from_bytes(name));
    } else {
        let kept = &name[..MAX_NAME_BYTES - ADDED_BYTES - 17];
        hidden.push(OsStr::from_bytes(kept));
        hidden.push(format!("~{:016x}", crc64(name)));
    }
    hidden.push(suffix);
    hidden
}

/// Folders that were made or checked while one inventory is taken.
#[derive(Default)]
pub(crate) struct Folders {
    seen: HashSet<PathBuf>,
}

impl Folders {
    /// Makes a folder and those above it, through links if there are any.
    pub(crate) fn make(&mut self, folder: &Path) -> Result<()> {
        if !self.seen.contains(folder) {
            fs::create_dir_all(folder).map_err(|error| not_made(&error, folder))?;
            self.seen.insert(folder.to_owned());
        }
        Ok(())
    }

    /// Makes a folder below another one, and those between. None of them may be a link, so that a
    /// prefix writes below its own folder only.
    pub(crate) fn make_below(&mut self, anchor: &Arc<Anchor>, relative: &Path) -> Result<()> {
        let folder = anchor.path().join(relative);
        let Some(above) = relative.parent() else {
            return Ok(());
        };
        if self.seen.contains(&folder) || anchor.dir_if_there(relative)?.is_some() {
            return Ok(());
        }
        self.make_below(anchor, above)?;
        anchor
            .dir(above)?
            .make_folder(&folder)
            .map_err(|error| not_made(&error.into(), &folder))?;
        anchor.dir(relative).map_err(|error| {
            if error.is_of_absent_path() {
                return not_made(&io::ErrorKind::NotADirectory.into(), &folder);
            }
            error
        })?;
        self.seen.insert(folder);
        Ok(())
    }

    /// Checks that files may be made in a folder.
    ///
    /// # Errors
    /// `DestinationNotWritable` if this process may not.
    pub(crate) fn check_writable(&mut self, anchor: &Arc<Anchor>, relative: &Path) -> Result<()> {
        // No path has a NUL, so this key differs from those of folders that were made.
        let folder = anchor.path().join(relative);
        let checked = folder.join("\0");
        if self.seen.contains(&checked) {
            return Ok(());
        }
        let dir = anchor.dir(relative)?;
        dir.check_writable().map_err(|error| {
            let error = Error::of_path(&error, "write to the destination's folder", &folder);
            error.into_kind(Kind::DestinationNotWritable)
        })?;
        self.seen.insert(checked);
        Ok(())
    }
}

fn not_made(error: &io::Error, folder: &Path) -> Error {
    if matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
    ) {
        let what = "Something that is no folder lies where a folder is needed";
        return Error::new(Kind::DestinationNotWritable, what).with_path(folder);
    }
    Error::of_path(error, "make the destination's folder", folder)
        .into_kind(Kind::DestinationNotWritable)
}
