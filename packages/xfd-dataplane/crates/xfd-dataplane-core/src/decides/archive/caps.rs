//! How much one archive may become.
//!
//! Whatever comes out of a decoder counts: headers, long names, PAX records and maps of sparse files
//! as well as the bytes of files. What is kept in memory of the entries is bounded by itself, since
//! names cost memory where bytes of files cost disk.

use crate::error::{Error, Kind, Result};
use crate::model::UnpackCaps;

/// Decoded bytes up to which their ratio to the archive's is not looked at: text of one line
/// repeated compresses a thousand times, and a hundred mebibytes do no harm.
pub const RATIO_FREE_BYTES: u64 = 100 << 20;

/// Memory for names that every archive may have.
const NAMES_FREE_BYTES: u64 = 32 << 20;

/// Memory for names that no archive may have more of.
const MAX_NAMES_BYTES: u64 = 1 << 30;

/// Of the ratio that decoded bytes may have, names in memory may have this part: eight times the
/// archive's bytes by default. An empty file takes some 40 bytes of a tar.gz.
const NAMES_PART: f64 = 1.0 / 30.0;

/// Bytes of names and targets that every archive may have, and those that one may have for each of
/// its entries: names of 4 KB are no honest archive's.
const LONG_NAMES_FREE_BYTES: u64 = 16 << 20;
const LONG_NAME_BYTES: u64 = 512;

/// Memory of an entry beside its path and target: the filter's node, the summary's line.
const ENTRY_BYTES: u64 = 240;

/// Decoded bytes against the archive's.
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

    /// Lets `bytes` more come out.
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

/// Memory that the names of entries take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    max: u64,
    entries: u64,
    bytes: u64,
}

impl Names {
    pub(super) fn new(caps: UnpackCaps, archive_bytes: u64) -> Self {
        let max = times(archive_bytes, caps.max_ratio * NAMES_PART);
        Self {
            max: max.saturating_add(NAMES_FREE_BYTES).min(MAX_NAMES_BYTES),
            entries: 0,
            bytes: 0,
        }
    }

    /// Lets an entry with this path and target into memory.
    pub(super) fn keep(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        self.entries += 1;
        self.bytes += path.len() as u64 + target.len() as u64;
        let in_memory = self.bytes + self.entries * ENTRY_BYTES;
        let most = LONG_NAMES_FREE_BYTES + self.entries * LONG_NAME_BYTES;
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
