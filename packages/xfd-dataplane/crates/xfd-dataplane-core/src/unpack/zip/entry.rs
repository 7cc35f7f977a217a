//! What a zip's directory says of an entry.

use std::io::Read;

use rustix::fs::Timespec;
use zip::read::{ZipFile, ZipFileEntry};
use zip::{CompressionMethod, DateTime, ExtraField, System, ZipArchive};

use crate::error::{Error, Kind, Result};

/// File type bits of a Unix mode, as in sys/stat.h.
const TYPE_BITS: u32 = 0o170_000;
const TYPE_FOLDER: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_LINK: u32 = 0o120_000;

const PERMISSIONS: u32 = 0o777;

/// A local file header without its name, in bytes (APPNOTE 4.3.7).
const LOCAL_HEADER: u64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Folder,
    File,
    Link,
    Special,
}

pub(super) struct Described {
    pub(super) path: Vec<u8>,
    pub(super) kind: Type,
    /// Permission bits, where the archive has them.
    pub(super) mode: Option<u32>,
}

/// Name, kind and mode; an error for what cannot be unpacked.
pub(super) fn describe(entry: &ZipFileEntry<'_>) -> Result<Described> {
    let path = path(entry)?;
    let named = String::from_utf8_lossy(&path).escape_debug().to_string();
    if entry.encrypted() {
        return Err(Error::new(
            Kind::ArchiveUnsupported,
            format!("The archive's entry '{named}' is encrypted"),
        ));
    }
    let method = entry.compression();
    if !matches!(
        method,
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return Err(Error::new(
            Kind::ArchiveUnsupported,
            format!("The archive's entry '{named}' is compressed by {method}"),
        ));
    }
    // The upper half of the attributes is a Unix mode wherever it is not zero; DOS has no use
    // for it.
    let mode = entry.external_attributes() >> 16;
    let kind = match mode & TYPE_BITS {
        _ if path.ends_with(b"/") => Type::Folder,
        0 | TYPE_FILE => Type::File,
        TYPE_FOLDER => Type::Folder,
        TYPE_LINK => Type::Link,
        _ => Type::Special,
    };
    Ok(Described {
        path,
        kind,
        mode: (mode != 0).then_some(mode & PERMISSIONS),
    })
}

/// When the entry was changed; None where the archive has no valid time.
pub(super) fn mtime<R: Read>(file: &ZipFile<'_, R>) -> Option<Timespec> {
    let extended = file.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    let seconds = match extended {
        // The field is signed.
        Some(seconds) => i64::from(seconds.cast_signed()),
        None => seconds(file.last_modified().filter(DateTime::is_valid)?),
    };
    Some(Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    })
}

/// Refuses archives whose entries share bytes: with those, a small file unpacks to any size.
pub(super) fn check_overlaps<R: Read + std::io::Seek>(archive: &ZipArchive<R>) -> Result<()> {
    let mut spans = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(super::failed)?;
        let length = LOCAL_HEADER + entry.name_raw().len() as u64;
        let length = length.saturating_add(entry.compressed_size());
        spans.push((entry.header_start(), length));
    }
    spans.sort_unstable();
    let overlap = spans
        .windows(2)
        .any(|pair| pair[0].0.saturating_add(pair[0].1) > pair[1].0);
    if overlap {
        return Err(Error::new(
            Kind::ArchiveUnsafe,
            "Entries of the zip file overlap",
        ));
    }
    Ok(())
}

/// The name's bytes: as they are where they are Unix's, else from the archive's code page.
fn path(entry: &ZipFileEntry<'_>) -> Result<Vec<u8>> {
    let raw = entry.name_raw();
    let unix = entry.system() == System::Unix && std::str::from_utf8(raw).is_ok();
    let mut path = if unix || raw.is_ascii() {
        raw.to_vec()
    } else {
        let name = entry.name().map_err(super::failed)?;
        name.into_owned().into_bytes()
    };
    // Some DOS tools write their own separator against the format's rule.
    if entry.system() == System::Dos && !path.contains(&b'/') {
        for byte in path.iter_mut().filter(|byte| **byte == b'\\') {
            *byte = b'/';
        }
    }
    Ok(path)
}

/// Seconds since the epoch, the time taken as UTC. The days are counted as in Howard Hinnant's
/// `days_from_civil`: years begin in March, so that the leap day is the last.
fn seconds(time: DateTime) -> i64 {
    let (month, day) = (i64::from(time.month()), i64::from(time.day()));
    let year = i64::from(time.year()) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let of_day =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    days * 86_400 + of_day
}
