//! Objects and chunks of one swarm.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ids::{ChunkIndex, ObjectIndex};
use super::objects::{Checksum, FoundObject};
use super::trees::Unpack;

/// `xfd_api.chunks.CatalogObject`; paths are absolute here, since the pyo3 crate joins the node's
/// root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct CatalogObject {
    pub index: ObjectIndex,
    pub profile_name: Option<String>,
    pub bucket: Option<String>,
    pub found: FoundObject,
    pub destination: PathBuf,
    pub group: Option<Arc<Path>>,
    pub is_directory: bool,
    pub cache: bool,
    pub unpack: Option<Unpack>,
    pub priority: i32,
    pub pin: Option<Checksum>,
    /// For a blob of the node's hub cache: where it belongs. The pyo3 crate fills it in.
    pub blob: Option<Box<BlobPlace>>,
}

/// Where a blob of a hub cache belongs. Its destination is `CACHE/REPOSITORY/blobs/NAME`, and the
/// name says its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPlace {
    /// The hub cache.
    pub cache: PathBuf,
    /// The name of the repository's folder in it.
    pub repository: String,
    /// The folder with the records of the repository's blobs, outside of the cache.
    pub records: PathBuf,
}

/// `xfd_api.chunks.Span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Span {
    pub object: ObjectIndex,
    pub offset: u64,
    pub length: u64,
}

/// `xfd_api.chunks.Chunk`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Chunk {
    pub index: ChunkIndex,
    pub spans: Vec<Span>,
    pub size: u64,
}

/// `xfd_api.chunks.Catalog`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Catalog {
    pub objects: Vec<CatalogObject>,
    pub chunks: Vec<Chunk>,
    pub first_object: u32,
    pub first_chunk: u32,
}
