//! Limits on the size of one unpacked archive.
//!
//! All output of a decoder counts: headers, long names, PAX records and maps of sparse files as
//! well as the bytes of files. Names have a limit of their own, because they take memory and not
//! disk.

use crate::error::{Error, Kind, Result};
use crate::model::UnpackCaps;

/// Decoded bytes up to which the ratio is not limited. Repeated text compresses a thousand times,
/// and 100 MiB do no harm.
pub const RATIO_FREE_BYTES: u64 = 100 << 20;

/// Bytes of memory for names that every archive may use.
const NAMES_FREE_BYTES: u64 = 32 << 20;

/// Bytes of memory for names that no archive may exceed.
const MAX_NAMES_BYTES: u64 = 1 << 30;

/// Names may take this fraction of the ratio for decoded bytes: by default memory of eight times
/// the archive's size. An empty file takes some 40 bytes of a tar.gz.
const NAMES_FRACTION: f64 = 1.0 / 30.0;

/// Bytes of names and link targets that every archive may have.
const LONG_NAMES_FREE_BYTES: u64 = 16 << 20;

/// Bytes of names and link targets that an archive may have in addition for each entry. Honest
/// archives do not have names of 4 KB throughout.
const MAX_MEAN_NAME_BYTES: u64 = 512;

/// Memory of an entry besides its path and target: in the filter and in the summary.
const ENTRY_BYTES: u64 = 240;

/// Limits decoded bytes by the size of the archive.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    archive_bytes: u64,
    max: f64,
    decoded: u64,
}

impl Ratio {
    /// For an archive of `archive_bytes`.
    #[must_use]
    pub fn new(caps: UnpackCaps, archive_bytes: u64) -> Self {
        Self {
            archive_bytes,
            max: caps.max_ratio,
            decoded: 0,
        }
    }

    /// Counts `bytes` more of a decoder's output.
    ///
    /// # Errors
    /// `ArchiveTooLarge`.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.decoded = self.decoded.saturating_add(bytes);
        if self.decoded > RATIO_FREE_BYTES && self.decoded > times(self.archive_bytes, self.max) {
            return Err(too_large(format!(
                "The archive of {} bytes unpacks to more than {} times as much",
                self.archive_bytes, self.max
            )));
        }
        Ok(())
    }
}

/// Limits the memory for the names of entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    max: u64,
    entries: u64,
    bytes: u64,
}

impl Names {
    pub(super) fn new(caps: UnpackCaps, archive_bytes: u64) -> Self {
        let max = times(archive_bytes, caps.max_ratio * NAMES_FRACTION);
        Self {
            max: max.saturating_add(NAMES_FREE_BYTES).min(MAX_NAMES_BYTES),
            entries: 0,
            bytes: 0,
        }
    }

    /// Counts an entry with this path and target.
    pub(super) fn keep(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        self.entries += 1;
        self.bytes += path.len() as u64 + target.len() as u64;
        let in_memory = self.bytes + self.entries * ENTRY_BYTES;
        let most = LONG_NAMES_FREE_BYTES + self.entries * MAX_MEAN_NAME_BYTES;
        if in_memory > self.max || self.bytes > most {
            return Err(too_large(format!(
                "The names of the archive's first {} entries take {in_memory} bytes of memory, \
                 more than an archive of its size may",
                self.entries
            )));
        }
        Ok(())
    }
}

pub(super) fn too_large(what: String) -> Error {
    Error::new(Kind::ArchiveTooLarge, what)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bound, not a count; casts of floats saturate"
)]
fn times(bytes: u64, ratio: f64) -> u64 {
    (bytes as f64 * ratio) as u64
}
