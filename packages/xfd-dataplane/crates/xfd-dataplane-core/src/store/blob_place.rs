//! The folders of a repository in the hub cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::beside::{Anchor, Dir, Opened};
use crate::error::{Error, Kind, Result};
use crate::model::BlobPlace;

/// Size, modification time and inode of a blob's file.
pub(crate) type Stamp = (u64, i64, u64);

/// The folder of part files.
const OWN: &str = ".xfd";

/// Our lock of a repository.
const LOCK: &str = ".xfd-lock";

impl BlobPlace {
    /// The folder of the part files. It is on the file system of the blobs, unless `blobs` is a
    /// link to another one: then it is inside of `blobs`.
    pub(crate) fn parts_folder(&self) -> PathBuf {
        self.cache.join(&self.repository).join(OWN)
    }

    /// The folder of the blobs.
    pub(crate) fn blobs_folder(&self) -> PathBuf {
        self.cache.join(&self.repository).join("blobs")
    }

    /// The folder of the hub's locks.
    pub(crate) fn locks_folder(&self) -> PathBuf {
        self.cache.join(".locks").join(&self.repository)
    }
}

/// The path of our lock of a repository.
pub(crate) fn lock_path(blob: &BlobPlace) -> PathBuf {
    blob.locks_folder().join(LOCK)
}

/// The folder of part files; None if there is none.
pub(crate) fn find_parts(opened: &Arc<Opened>, blob: &BlobPlace) -> Result<Option<Dir>> {
    for folder in parts_folders(opened, blob)? {
        if let Some(anchor) = Anchor::find(opened, &folder)? {
            return anchor.dir(Path::new("")).map(Some);
        }
    }
    Ok(None)
}

/// The folder of part files, made if there is none. Our lock of the repository is held.
///
/// # Errors
/// `DestinationNotWritable`.
pub(crate) fn make_parts(opened: &Arc<Opened>, blob: &BlobPlace) -> Result<Dir> {
    let folders = parts_folders(opened, blob)?;
    let folder = folders.first().cloned();
    let folder = folder.unwrap_or_else(|| blob.parts_folder());
    make(opened, &folder, "make the folder of part files")
}

/// Where part files may be: one folder, as the file systems are.
pub(crate) fn parts_folders(opened: &Arc<Opened>, blob: &BlobPlace) -> Result<Vec<PathBuf>> {
    let blobs = Anchor::find(opened, &blob.blobs_folder())?;
    let repository = Anchor::find(opened, &blob.cache.join(&blob.repository))?;
    let (Some(blobs), Some(repository)) = (blobs, repository) else {
        return Ok(Vec::new());
    };
    Ok(match blobs.device() == repository.device() {
        true => vec![blob.parts_folder()],
        false => vec![blob.blobs_folder().join(OWN)],
    })
}

/// The folder of the locks of a repository, made if there is none.
///
/// # Errors
/// `DestinationNotWritable`.
pub(crate) fn make_locks(opened: &Arc<Opened>, blob: &BlobPlace) -> Result<Dir> {
    make(opened, &blob.locks_folder(), "make the folder of locks")
}

fn make(opened: &Arc<Opened>, folder: &Path, doing: &str) -> Result<Dir> {
    let failed = |error: &std::io::Error| {
        Error::of_path(error, doing, folder).into_kind(Kind::DestinationNotWritable)
    };
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    match Anchor::find(opened, folder)? {
        Some(anchor) => anchor.dir(Path::new("")),
        None => Err(failed(&std::io::ErrorKind::NotFound.into())),
    }
}
