//! Archives: how one is unpacked, and what of it became a tree.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bytes_text;

/// `xfd_api.requests.UnpackMethod`, without `Auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnpackMethod {
    Tar,
    TarGz,
    TarZst,
    Gz,
    Zip,
}

/// `xfd_api.requests.Links`: what an archive's links and devices may be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Links inside the tree only; devices and pipes are refused.
    #[default]
    Safe,
    /// Links as they are; devices and pipes are left out.
    Keep,
}

/// `xfd_api.chunks.Unpack`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Unpack {
    pub destination: PathBuf,
    pub method: UnpackMethod,
    pub keep_archive: bool,
    pub links: Links,
    pub conda_unpack: bool,
}

/// One file system entry that unpacking made, as the record of a tree keeps it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TreeEntry {
    /// Relative to the tree, without links in it.
    #[serde(with = "bytes_text")]
    pub path: Arc<[u8]>,
    /// `f` file, `d` folder, `l` symbolic link, `h` hard link to a file.
    pub kind: char,
    /// In bytes; 0 for all but files.
    pub size: u64,
    /// On disk, in nanoseconds since the epoch; 0 for links.
    pub mtime_ns: i64,
}

/// Names that are kept. The others are only counted.
const MAX_NAMES: usize = 100;

/// Longest name that is kept whole, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Entries of an archive that its tree does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// The first hundred names, as text.
    pub names: Vec<String>,
    /// How many entries there are in all.
    pub count: u64,
}

impl LeftOut {
    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn add(&mut self, path: &[u8]) {
        self.count += 1;
        if self.names.len() < MAX_NAMES {
            let start = &path[..path.len().min(MAX_NAME_BYTES)];
            let mut name = String::from_utf8_lossy(start).into_owned();
            if start.len() < path.len() {
                name.push('…');
            }
            self.names.push(name);
        }
    }
}
