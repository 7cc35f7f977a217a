//! Running checksums of whole objects, by each algorithm that a store or a request may name.

use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::model::ChecksumAlgorithm;

/// The checksum of an object whose bytes come in their order.
///
/// # Examples
///
/// ```
/// use xfd_dataplane_core::digest::WholeDigest;
/// use xfd_dataplane_core::model::ChecksumAlgorithm;
///
/// // `printf hello | git hash-object --stdin`
/// let mut digest = WholeDigest::new(ChecksumAlgorithm::GitSha1, 5);
/// digest.update(b"hello");
/// assert_eq!(digest.finish(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
/// ```
#[derive(Clone)]
pub struct WholeDigest(Running);

#[derive(Clone)]
enum Running {
    /// With its hexadecimal digits.
    Crc(Box<Crc>, usize),
    Sha256(Box<Sha256>),
    Sha1(Box<Sha1>),
    Md5(Box<Md5>),
}

impl WholeDigest {
    /// The digest of an object of `size` bytes, before its first byte. The size is a part of what
    /// git hashes; other algorithms ignore it.
    #[must_use]
    pub fn new(algorithm: ChecksumAlgorithm, size: u64) -> Self {
        let crc = |kind, digits| Running::Crc(Box::new(Crc::new(kind)), digits);
        Self(match algorithm {
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme, 16),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi, 8),
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc, 8),
            ChecksumAlgorithm::Sha256 => Running::Sha256(Box::default()),
            ChecksumAlgorithm::Md5 => Running::Md5(Box::default()),
            ChecksumAlgorithm::GitSha1 => {
                let head = format!("blob {size}\0");
                Running::Sha1(Box::new(Sha1::new_with_prefix(head)))
            }
        })
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Running::Crc(crc, _) => crc.update(bytes),
            Running::Sha256(hash) => hash.update(bytes),
            Running::Sha1(hash) => hash.update(bytes),
            Running::Md5(hash) => hash.update(bytes),
        }
    }

    /// The checksum of all bytes so far, in lower-case hexadecimal.
    #[must_use]
    pub fn finish(self) -> String {
        let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.0 {
            Running::Crc(crc, digits) => format!("{:0digits$x}", crc.finalize()),
            Running::Sha256(hash) => hexadecimal(&hash.finalize()),
            Running::Sha1(hash) => hexadecimal(&hash.finalize()),
            Running::Md5(hash) => hexadecimal(&hash.finalize()),
        }
    }
}

impl std::fmt::Debug for WholeDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WholeDigest")
            .finish_non_exhaustive()
    }
}
