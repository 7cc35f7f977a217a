//! Where a tree goes, and where it is staged: known before the first byte is fetched.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::beside::{Anchor, Dir, Opened, is_set_aside};
use crate::error::{Error, Kind, Result};

/// Longest name of a file that Linux file systems take, in bytes.
const NAME_MAX: usize = 255;

const STAGED: &str = ".xfd-tree-";

pub(super) struct Place {
    /// The tree's final place, with a link to a folder resolved.
    pub(super) destination: PathBuf,
    /// The folder that the stage is in: the one above the destination, or the destination.
    pub(super) dir: Dir,
    pub(super) is_inside: bool,
}

/// Whether a tree could be put in its place, as far as that can be known before it is made.
///
/// # Errors
/// `DestinationNotEmpty`, `DestinationNotWritable`, `UnsafePath`, `Destination`.
pub(crate) fn check_place(destination: &Path, replace: bool) -> Result<()> {
    Place::find(destination)?.check_free(replace)
}

impl Place {
    pub(super) fn find(destination: &Path) -> Result<Self> {
        let opened = Opened::new();
        let own = Anchor::find(&opened, destination)?;
        if own.is_none() && fs::symlink_metadata(destination).is_ok() {
            return Err(not_empty(destination));
        }
        let destination = resolve(destination);
        let (Some(parent), Some(_)) = (destination.parent(), destination.file_name()) else {
            return Err(
                Error::new(Kind::Destination, "No folder can be unpacked to there")
                    .with_path(&destination),
            );
        };
        if own.is_none() {
            fs::create_dir_all(parent).map_err(|error| {
                Error::of_path(&error, "create the folder above", &destination)
                    .into_kind(Kind::DestinationNotWritable)
            })?;
        }
        let beside = match Anchor::find(&opened, parent)? {
            Some(above) => above.dir(Path::new("")).and_then(|dir| {
                dir.check_writable().map_err(|error| {
                    Error::of_path(&error, "write to the folder above", &destination)
                })?;
                dir.check_movable(&destination)?;
                Ok(dir)
            }),
            None => Err(Error::new(Kind::Destination, "The folder above went away")),
        };
        let is_mount_point = own.as_ref().is_some_and(|own| own.is_mount_point());
        let inside = match &own {
            Some(own) if is_mount_point || beside.is_err() => Some(own.dir(Path::new(""))?),
            _ => None,
        };
        let inside = inside.filter(|dir| dir.check_writable().is_ok());
        let is_inside = inside.is_some();
        let dir = match (inside, beside) {
            (Some(dir), _) => dir,
            (None, Ok(_)) if is_mount_point => {
                let what = "A mount point that this user may not write to lies there";
                return Err(Error::new(Kind::DestinationNotWritable, what).with_path(destination));
            }
            (None, beside) => {
                beside.map_err(|error| error.into_kind(Kind::DestinationNotWritable))?
            }
        };
        Ok(Self {
            destination,
            dir,
            is_inside,
        })
    }

    pub(super) fn check_free(&self, replace: bool) -> Result<()> {
        let failed = |error| Error::of_path(&error, "look at the destination", &self.destination);
        let is_free = replace
            || match self.is_inside {
                true => self.entries().map_err(failed)?.is_empty(),
                false => match fs::read_dir(&self.destination) {
                    Ok(mut entries) => entries.next().is_none(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                    Err(error) => return Err(failed(error)),
                },
            };
        match is_free {
            true => Ok(()),
            false => Err(not_empty(&self.destination)),
        }
    }

    /// What is in the destination that a tree is staged in, but for stages and what a file system
    /// has of its own.
    pub(super) fn entries(&self) -> io::Result<Vec<OsString>> {
        let mut names = self.dir.names()?;
        names.retain(|name| {
            !name.as_bytes().starts_with(STAGED.as_bytes()) && !is_set_aside(self.dir.fd(), name)
        });
        Ok(names)
    }

    /// The name of a stage; of a long name, the start.
    pub(super) fn staged_name(&self, suffix: &str) -> OsString {
        let tail = format!("{STAGED}{suffix}");
        if self.is_inside {
            return tail.into();
        }
        let name = self.name().as_bytes();
        let length = name.len().min(NAME_MAX - tail.len() - 1);
        OsString::from_vec([b".", &name[..length], tail.as_bytes()].concat())
    }

    pub(super) fn random_name(&self) -> OsString {
        self.staged_name(&format!("{:016x}", fastrand::u64(..)))
    }

    /// The destination's name in the folder above.
    pub(super) fn name(&self) -> &OsStr {
        self.destination.file_name().unwrap_or_default()
    }

    pub(super) fn failed(&self, error: Errno) -> Error {
        Error::of_path(
            &error.into(),
            "put the tree in its place",
            &self.destination,
        )
    }
}

/// A destination that is a link to a folder stands for that folder.
fn resolve(destination: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(destination).is_ok_and(|found| found.is_symlink());
    match fs::canonicalize(destination) {
        Ok(folder) if is_link && folder.is_dir() => folder,
        _ => destination.to_path_buf(),
    }
}

pub(super) fn not_empty(destination: &Path) -> Error {
    Error::new(
        Kind::DestinationNotEmpty,
        "There is something that this did not unpack",
    )
    .with_path(destination)
}
