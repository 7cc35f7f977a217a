//! A hash of an object's bytes in their order, as far as it has come.

use crate::digest::WholeDigest;
use crate::model::{ChecksumAlgorithm, ChunkIndex};

/// See the module.
#[derive(Debug)]
pub(crate) struct Hashing {
    pub(crate) digest: WholeDigest,
    /// Chunk and CRC-64/NVME of what was hashed.
    pub(crate) hashed: Vec<(ChunkIndex, u64)>,
}

impl Hashing {
    /// Before the first byte of an object of `size` bytes.
    pub(crate) fn new(algorithm: ChecksumAlgorithm, size: u64) -> Self {
        Self {
            digest: WholeDigest::new(algorithm, size),
            hashed: Vec::new(),
        }
    }
}
