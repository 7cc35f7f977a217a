//! Little-endian fields of zip's records, and the extra fields after an entry's name.

use crc_fast::CrcAlgorithm;

use crate::error::{Error, Kind, Result};

/// Sizes and offsets that do not fit a field of 16 or 32 bits are in a zip64 record.
pub(super) const FULL_16: u64 = 0xffff;
pub(super) const FULL_32: u64 = 0xffff_ffff;

/// Extra fields (APPNOTE 4.5.3, 4.6.9; Info-ZIP's `extrafld.txt`).
const ZIP64: u64 = 0x0001;
const UNICODE_PATH: u64 = 0x7075;
const EXTENDED_TIMESTAMP: u64 = 0x5455;
/// The older form of the same, which the tools of macOS still write.
const UNIX_TIMES: u64 = 0x5855;

/// Unsigned, from the first byte on; 0 beyond the end, which no caller asks for.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.get(at..at + length).unwrap_or_default();
    field
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The extra fields of an entry.
#[derive(Default)]
pub(super) struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
    unix_times: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    /// What follows the last whole field is padding, as tools that align their files leave it.
    pub(super) fn new(mut bytes: &'a [u8]) -> Result<Self> {
        let mut extra = Self::default();
        while bytes.len() >= 4 {
            let id = number(bytes, 0, 2);
            let end = 4 + number(bytes, 2, 2) as usize;
            let Some(field) = bytes.get(4..end) else {
                break;
            };
            let known = match id {
                ZIP64 => &mut extra.zip64,
                UNICODE_PATH => &mut extra.unicode_path,
                EXTENDED_TIMESTAMP => &mut extra.timestamp,
                UNIX_TIMES => &mut extra.unix_times,
                _ => {
                    bytes = &bytes[end..];
                    continue;
                }
            };
            // Some tools would take the first one, some the last.
            if known.replace(field).is_some() && matches!(id, ZIP64 | UNICODE_PATH) {
                return Err(corrupt(
                    "an entry says twice how large it is or what its name is",
                ));
            }
            bytes = &bytes[end..];
        }
        Ok(extra)
    }

    /// Replaces each value of `full` by zip64's, which has only those that are full, in this order.
    pub(super) fn widen<const N: usize>(&self, values: [u64; N]) -> [u64; N] {
        let mut at = 0;
        values.map(|value| match self.zip64 {
            Some(zip64) if value == FULL_32 && zip64.len() >= at + 8 => {
                at += 8;
                number(zip64, at - 8, 8)
            }
            _ => value,
        })
    }

    /// The name in UTF-8, if it was made for this `name`.
    pub(super) fn unicode_path(&self, name: &[u8]) -> Option<&'a [u8]> {
        let field = self.unicode_path?;
        let (head, path) = field.split_at_checked(5)?;
        let crc = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, name);
        let is_for_it = head[0] == 1 && number(head, 1, 4) == crc;
        (is_for_it && std::str::from_utf8(path).is_ok()).then_some(path)
    }

    /// Seconds since the epoch.
    pub(super) fn mtime(&self) -> Option<i64> {
        // The fields are signed.
        let signed = |field, at| i64::from((number(field, at, 4) as u32).cast_signed());
        let newer = self.timestamp.filter(|it| it.len() >= 5 && it[0] & 1 != 0);
        // The time of the last access is before it.
        let older = self.unix_times.filter(|it| it.len() >= 8);
        newer
            .map(|field| signed(field, 1))
            .or(older.map(|field| signed(field, 4)))
    }
}

/// What makes a zip file unreadable, or readable in two ways.
pub(super) fn corrupt(what: &str) -> Error {
    Error::new(Kind::ArchiveCorrupt, format!("The zip file: {what}"))
}

pub(super) fn unsupported(what: &str) -> Error {
    Error::new(Kind::ArchiveUnsupported, format!("The zip file: {what}"))
}
