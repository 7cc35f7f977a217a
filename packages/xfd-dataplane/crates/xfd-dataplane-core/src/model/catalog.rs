//! Objects and chunks of one swarm.

use std::path::PathBuf;

use super::ids::{ChunkIndex, ObjectIndex};
use super::objects::FoundObject;
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
    pub group: Option<PathBuf>,
    pub is_directory: bool,
    pub cache: bool,
    pub unpack: Option<Unpack>,
    pub priority: i32,
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
