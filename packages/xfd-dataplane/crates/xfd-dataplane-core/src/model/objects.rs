//! Objects as their store describes them, and the lookups that find them.

use crate::error::Error;

/// `xfd_api.chunks.ChecksumAlgorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChecksumAlgorithm {
    Crc64Nvme,
    Crc32c,
    Crc32,
    Sha256,
    Md5,
    #[serde(rename = "git-sha1")]
    GitSha1,
}

impl ChecksumAlgorithm {
    /// As `xfd_api.chunks` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc64Nvme => "crc64nvme",
            Self::Crc32c => "crc32c",
            Self::Crc32 => "crc32",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::GitSha1 => "git-sha1",
        }
    }
}

/// `xfd_api.chunks.Checksum`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Checksum {
    pub algorithm: ChecksumAlgorithm,
    pub value: String,
}

/// `xfd_api.chunks.FoundObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct FoundObject {
    pub key: String,
    pub size: u64,
    pub etag: Option<String>,
    pub last_modified_ns: Option<i64>,
    pub checksum: Option<Checksum>,
    pub refused: Option<Box<Error>>,
    pub location: Option<String>,
}

/// The part of `xfd_api.lookups.Lookup` that an origin needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.lookups")]
pub struct Lookup {
    pub profile_name: Option<String>,
    pub bucket: Option<String>,
    pub key: String,
    pub is_prefix: bool,
}
