//! What a zip's directory says of an entry, and whether the entry's own header says the same.

use std::io::{Read, Seek, SeekFrom};

use rustix::fs::Timespec;

use super::cp437;
use super::directory::{Directory, ENTRY};
use super::fields::{Extra, corrupt, number};
use super::reader::At;
use crate::error::{Error, Kind, Result};
use crate::unpack::source;

/// File type bits of a Unix mode, as in sys/stat.h.
const TYPE_BITS: u32 = 0o170_000;
const TYPE_FOLDER: u32 = 0o040_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_LINK: u32 = 0o120_000;

const PERMISSIONS: u32 = 0o777;

/// Systems that archives are made on.
const DOS: u64 = 0;
const UNIX: u64 = 3;

const STORED: u64 = 0;
const DEFLATED: u64 = 8;

/// Flags of an entry: encrypted in one of two ways, a patch, sizes after the data, UTF-8, a
/// directory that hides its values.
const ENCRYPTED: u64 = 1 << 0 | 1 << 6 | 1 << 13;
const PATCH: u64 = 1 << 5;
const SIZES_FOLLOW: u64 = 1 << 3;
const UTF_8: u64 = 1 << 11;

/// An entry of the directory, and the header before an entry's data, without their names.
const ENTRY_BYTES: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Folder,
    File,
    Link,
    Special,
}

/// Where an entry's content is.
#[derive(Clone, Copy)]
pub(super) struct Content {
    pub(super) start: u64,
    /// In the archive.
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) crc: u32,
    pub(super) is_deflated: bool,
}

pub(super) struct Described {
    pub(super) path: Vec<u8>,
    pub(super) kind: Type,
    /// Permission bits, where the archive has them.
    pub(super) mode: Option<u32>,
    /// None where the archive has no valid time.
    pub(super) mtime: Option<Timespec>,
    pub(super) content: Content,
    /// From the first byte of its header to the last of its data.
    pub(super) span: (u64, u64),
}

/// Reads the directory entry by entry.
pub(super) struct Entries<'f> {
    directory: Directory,
    at: u64,
    read: u64,
    central: At<'f>,
    local: At<'f>,
}

impl<'f> Entries<'f> {
    pub(super) fn new(directory: Directory, file: &At<'f>) -> Self {
        Self {
            directory,
            at: directory.start,
            read: 0,
            central: file.clone(),
            local: file.clone(),
        }
    }

    /// The next entry; None after the last. An error for what cannot be unpacked, and for a
    /// directory that tools can read in two ways.
    pub(super) fn next(&mut self) -> Result<Option<Described>> {
        if self.at == self.directory.end {
            return match self.read == self.directory.entries {
                true => Ok(None),
                false => Err(corrupt("its directory has another number of entries")),
            };
        }
        let head: [u8; ENTRY_BYTES] = fixed(&mut self.central, self.at)?;
        let lengths = [28, 30, 32].map(|at| number(&head, at, 2));
        let after = self.at + ENTRY_BYTES as u64 + lengths.iter().sum::<u64>();
        if !head.starts_with(ENTRY) || after > self.directory.end {
            return Err(corrupt("its directory is broken"));
        }
        let name = bytes(&mut self.central, lengths[0])?;
        let extra = bytes(&mut self.central, lengths[1])?;
        self.at = after;
        self.read += 1;
        self.describe(&head, &name, &Extra::new(&extra)?).map(Some)
    }

    fn describe(
        &mut self,
        head: &[u8; ENTRY_BYTES],
        name: &[u8],
        extra: &Extra<'_>,
    ) -> Result<Described> {
        let (system, flags) = (number(head, 5, 1), number(head, 8, 2));
        let path = path(name, system, flags, extra);
        let method = number(head, 10, 2);
        supported(&path, flags, method)?;
        let narrow = [24, 20, 42].map(|at| number(head, at, 4));
        let [size, packed, offset] = extra.widen(narrow);
        let sums = Sums {
            crc: number(head, 16, 4),
            packed,
            size,
        };
        let position = self.directory.base.saturating_add(offset);
        let start = self.check_local(position, head, name, &path, sums)?;
        let end = start.saturating_add(packed);
        if end > self.directory.start {
            return Err(corrupt("an entry's data does not lie before the directory"));
        }
        if method == STORED && size != packed {
            return Err(corrupt("a stored entry has two sizes"));
        }
        // The upper half of the attributes is a Unix mode unless it is zero; DOS has no use
        // for it.
        let mode = number(head, 40, 2) as u32;
        let kind = match mode & TYPE_BITS {
            _ if path.ends_with(b"/") => Type::Folder,
            0 | TYPE_FILE => Type::File,
            TYPE_FOLDER => Type::Folder,
            TYPE_LINK => Type::Link,
            _ => Type::Special,
        };
        let dos = || dos_seconds(number(head, 14, 2), number(head, 12, 2));
        Ok(Described {
            path,
            kind,
            mode: (mode != 0).then_some(mode & PERMISSIONS),
            mtime: extra.mtime().or_else(dos).map(|seconds| Timespec {
                tv_sec: seconds,
                tv_nsec: 0,
            }),
            content: Content {
                start,
                packed,
                size,
                crc: sums.crc as u32,
                is_deflated: method == DEFLATED,
            },
            span: (position, end),
        })
    }

    /// Compares an entry's own header with the directory's. Tools that read an archive from its
    /// start go by it, and would unpack something else where it differs. Where its data begins.
    fn check_local(
        &mut self,
        position: u64,
        central: &[u8; ENTRY_BYTES],
        name: &[u8],
        path: &[u8],
        sums: Sums,
    ) -> Result<u64> {
        let head: [u8; LOCAL_BYTES] = fixed(&mut self.local, position)?;
        if !head.starts_with(LOCAL) {
            return Err(corrupt("an entry is not where its directory says"));
        }
        let lengths = [26, 28].map(|at| number(&head, at, 2));
        let local_name = bytes(&mut self.local, lengths[0])?;
        let local_extra = bytes(&mut self.local, lengths[1])?;
        let extra = Extra::new(&local_extra)?;
        let (flags, central_flags) = (number(&head, 6, 2), number(central, 8, 2));
        let is_renamed = extra
            .unicode_path(name)
            .is_some_and(|unicode| (flags & UTF_8) == 0 && separated(unicode) != separated(path));
        let [size, packed] = extra.widen([22, 18].map(|at| number(&head, at, 4)));
        let local = Sums {
            crc: number(&head, 14, 4),
            packed,
            size,
        };
        let is_same = local_name == name
            && !is_renamed
            && number(&head, 8, 2) == number(central, 10, 2)
            && flags & ENCRYPTED == central_flags & ENCRYPTED
            && (local == sums || (flags | central_flags) & SIZES_FOLLOW != 0);
        if !is_same {
            let path = String::from_utf8_lossy(path).escape_debug().to_string();
            return Err(Error::new(
                Kind::ArchiveUnsafe,
                format!("The zip file's entry '{path}' is another one in its own header"),
            ));
        }
        Ok(position + LOCAL_BYTES as u64 + lengths.iter().sum::<u64>())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Sums {
    crc: u64,
    packed: u64,
    size: u64,
}

/// Refuses archives whose entries share bytes: with those, a small file unpacks to any size.
pub(super) fn check_overlaps(spans: &mut [(u64, u64)]) -> Result<()> {
    spans.sort_unstable();
    match spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        true => Err(Error::new(
            Kind::ArchiveUnsafe,
            "Entries of the zip file overlap",
        )),
        false => Ok(()),
    }
}

fn supported(path: &[u8], flags: u64, method: u64) -> Result<()> {
    let why = match (flags, method) {
        _ if flags & ENCRYPTED != 0 => "is encrypted".to_owned(),
        _ if flags & PATCH != 0 => "is a patch".to_owned(),
        (_, STORED | DEFLATED) => return Ok(()),
        (_, method) => format!("is compressed by method {method}"),
    };
    let named = String::from_utf8_lossy(path).escape_debug().to_string();
    Err(Error::new(
        Kind::ArchiveUnsupported,
        format!("The archive's entry '{named}' {why}"),
    ))
}

/// The name's bytes: as they are where they are UTF-8, else from the archive's code page.
fn path(name: &[u8], system: u64, flags: u64, extra: &Extra<'_>) -> Vec<u8> {
    let is_utf_8 = flags & UTF_8 != 0;
    let is_unix = system == UNIX && std::str::from_utf8(name).is_ok();
    let path = match extra.unicode_path(name) {
        Some(path) if !is_utf_8 => path.to_vec(),
        _ if is_utf_8 || is_unix || name.is_ascii() => name.to_vec(),
        _ => cp437::decode(name).into_bytes(),
    };
    match system {
        DOS => separated(&path),
        _ => path,
    }
}

/// Some DOS tools write their own separator against the format's rule.
fn separated(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    if !path.contains(&b'/') {
        for byte in path.iter_mut().filter(|byte| **byte == b'\\') {
            *byte = b'/';
        }
    }
    path
}

/// Seconds since the epoch, the time taken as UTC; None for what is no time. The days are counted
/// as in Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is the
/// last.
fn dos_seconds(date: u64, time: u64) -> Option<i64> {
    let part = |of: u64, shift: u32, bits: u32| ((of >> shift) & ((1 << bits) - 1)) as i64;
    let (year, month, day) = (1980 + part(date, 9, 7), part(date, 5, 4), part(date, 0, 5));
    let (hour, minute) = (part(time, 11, 5), part(time, 5, 6));
    let second = 2 * part(time, 0, 5);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn fixed<const N: usize>(file: &mut At<'_>, position: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(position))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(source::corrupt)?;
    Ok(bytes)
}

fn bytes(file: &mut At<'_>, length: u64) -> Result<Vec<u8>> {
    // A length of 16 bits.
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).map_err(source::corrupt)?;
    Ok(bytes)
}
