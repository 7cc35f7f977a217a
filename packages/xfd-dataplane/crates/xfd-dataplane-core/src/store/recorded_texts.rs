//! Records and manifests as they are on the disk, for `verify`.

use std::path::{Path, PathBuf};

use super::home;
use super::manifest::MAX_MANIFEST_BYTES;
use super::paths::{RECORD, beside};
use super::record::MAX_RECORD_BYTES;
use crate::beside::{Opened, folder_of};
use crate::error::Result;

/// The path of a file's record, or of the manifest of a prefix's folder.
#[must_use]
pub fn record_path(destination: &Path) -> PathBuf {
    beside(destination, RECORD)
}

/// The content of a file's record; None with the reason if there is one that is not believed.
///
/// # Errors
/// What the disk said.
pub fn record_text(destination: &Path) -> Result<(Option<Vec<u8>>, Option<String>)> {
    match folder_of(destination)? {
        Some(dir) => dir.read_or_why(&record_path(destination), MAX_RECORD_BYTES),
        None => Ok((None, None)),
    }
}

/// The contents of the manifests of a prefix's folder that are believed. Later ones take
/// precedence.
///
/// # Errors
/// What the disk said.
pub fn manifest_texts(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let homes = home::homes(&Opened::new(), folder)?;
    let texts = homes
        .iter()
        .map(|home| home.dir()?.read(&home.manifest, MAX_MANIFEST_BYTES));
    let texts: Vec<_> = texts.collect::<Result<_>>()?;
    Ok(texts.into_iter().flatten().collect())
}
