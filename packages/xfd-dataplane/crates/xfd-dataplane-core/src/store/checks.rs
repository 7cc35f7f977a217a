//! Checksums of whole objects, from those of their chunks or over the finished file.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

use crate::crc;
use crate::digest::WholeDigest;
use crate::error::{Error, Kind, Result};
use crate::model::{CatalogObject, Checksum, ChecksumAlgorithm};

/// Bytes read at once when a file is read again.
pub(crate) const READ_BYTES: usize = 256 * 1024;

/// The checksum that an object's chunks need besides CRC-64/NVME, to be compared with the store's.
pub(crate) fn second_algorithm(checksum: Option<&Checksum>) -> Option<CrcAlgorithm> {
    match checksum?.algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme
        | ChecksumAlgorithm::Sha256
        | ChecksumAlgorithm::Md5
        | ChecksumAlgorithm::GitSha1 => None,
    }
}

/// Checksums of the bytes of one object in one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    /// In bytes.
    pub(crate) length: u64,
    /// CRC-64/NVME.
    pub(crate) crc: u64,
    /// By [`second_algorithm`], if there is one.
    pub(crate) second: Option<u64>,
}

/// Running [`Sums`].
pub(crate) struct Summing {
    length: u64,
    crc: crc::Crc64,
    second: Option<Digest>,
}

impl Summing {
    pub(crate) fn new(second: Option<CrcAlgorithm>) -> Self {
        Self {
            length: 0,
            crc: crc::Crc64::new(),
            second: second.map(Digest::new),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.crc.update(bytes);
        if let Some(second) = &mut self.second {
            second.update(bytes);
        }
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn sums(&self) -> Sums {
        Sums {
            length: self.length,
            crc: self.crc.value(),
            second: self.second.as_ref().map(Digest::finalize),
        }
    }
}

/// Sums of a range of a file, read again; None if the file is too short. `each` gets the bytes in
/// their order.
pub(crate) fn sum_range(
    file: &File,
    offset: u64,
    length: u64,
    second: Option<CrcAlgorithm>,
    mut each: impl FnMut(&[u8]),
) -> std::io::Result<Option<Sums>> {
    let mut summing = Summing::new(second);
    let mut buffer = vec![0; READ_BYTES.min(usize::try_from(length).unwrap_or(READ_BYTES))];
    while summing.length < length {
        let left = usize::try_from(length - summing.length).unwrap_or(READ_BYTES);
        let into = buffer.len().min(left);
        match file.read_at(&mut buffer[..into], offset + summing.length)? {
            0 => return Ok(None),
            read => {
                summing.update(&buffer[..read]);
                each(&buffer[..read]);
            }
        }
    }
    Ok(Some(summing.sums()))
}

/// The checksum of parts that follow each other.
pub(crate) fn combine(parts: impl IntoIterator<Item = (u64, u64)>) -> u64 {
    // The checksum of no bytes is zero, which is neutral in `combine`.
    parts
        .into_iter()
        .fold(0, |all, (part, length)| crc::combine(all, part, length))
}

/// Compares an object's parts, in their order, with the store's checksum. False if that checksum
/// cannot be combined from these parts.
///
/// # Errors
/// `ChecksumMismatch`.
pub(crate) fn compare_combined(
    object: &CatalogObject,
    checksum: &Checksum,
    parts: &[Sums],
) -> Result<bool> {
    let found = match second_algorithm(Some(checksum)) {
        Some(algorithm) => {
            let empty = Digest::new(algorithm).finalize();
            let sum = parts.iter().try_fold(empty, |all, part| {
                let second = part.second?;
                Some(checksum_combine(algorithm, all, second, part.length))
            });
            let Some(sum) = sum else { return Ok(false) };
            format!("{sum:08x}")
        }
        None if checksum.algorithm == ChecksumAlgorithm::Crc64Nvme => {
            let sum = combine(parts.iter().map(|part| (part.crc, part.length)));
            format!("{sum:016x}")
        }
        None => return Ok(false),
    };
    compare(object, checksum, &found).map(|()| true)
}

/// Compares the finished file with a checksum that cannot be combined from parts. False for others.
///
/// # Errors
/// `ChecksumMismatch`, `Destination`.
pub(crate) fn compare_whole(
    object: &CatalogObject,
    checksum: &Checksum,
    file: &File,
) -> Result<bool> {
    match checksum.algorithm {
        ChecksumAlgorithm::Crc64Nvme | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc32 => {
            Ok(false)
        }
        ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::Md5 | ChecksumAlgorithm::GitSha1 => {
            let found = digest_file(object, checksum.algorithm, file)?;
            compare(object, checksum, &found).map(|()| true)
        }
    }
}

/// The checksum of all bytes of an object's file, read from its start.
///
/// # Errors
/// `Destination`.
pub(crate) fn digest_file(
    object: &CatalogObject,
    algorithm: ChecksumAlgorithm,
    file: &File,
) -> Result<String> {
    let path = &object.destination;
    let failed = |error: std::io::Error| Error::of_path(&error, "read the file again", path);
    let mut digest = WholeDigest::new(algorithm, object.found.size);
    let size = usize::try_from(object.found.size).unwrap_or(READ_BYTES);
    let mut buffer = vec![0; READ_BYTES.min(size.max(1))];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset).map_err(failed)? {
            0 => return Ok(digest.finish()),
            read => {
                digest.update(&buffer[..read]);
                offset += read as u64;
            }
        }
    }
}

fn compare(object: &CatalogObject, checksum: &Checksum, found: &str) -> Result<()> {
    if checksum.value.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(Error::new(
        Kind::ChecksumMismatch,
        format!(
            "The object's {:?} is {found}, its store says {}",
            checksum.algorithm, checksum.value
        ),
    )
    .with_object(&object.found.key)
    .with_path(&object.destination))
}
