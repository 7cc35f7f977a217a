//! Where a zip file's directory is (APPNOTE 4.3.12 to 4.3.16).
//!
//! Tools look for it in different ways, and an archive can be made in which each finds another
//! directory. Such archives are refused: there is one end record, and it ends with the file; the
//! directory lies right before it (or before zip64's records, which say the same); the entries are
//! as many as the records say.
//!
//! What stands before the archive, as the program of one that extracts itself, is no part of it:
//! tools agree to count offsets from where the directory then begins, unless something like a
//! directory also lies where the offset points to in the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::fields::{FULL_16, FULL_32, corrupt, number, unsupported};
use crate::error::Result;
use crate::unpack::source;

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const MAX_COMMENT: usize = 0xffff;

const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;

const END_64: &[u8] = b"PK\x06\x06";
const END_64_BYTES: u64 = 56;
/// Of the record, before what its own size counts.
const END_64_HEAD: u64 = 12;

pub(super) const ENTRY: &[u8] = b"PK\x01\x02";

/// The directory, as positions in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) entries: u64,
    /// Where offsets count from.
    pub(super) base: u64,
}

/// What an end record says.
#[derive(Clone, Copy)]
struct Said {
    entries: u64,
    size: u64,
    offset: u64,
}

/// # Errors
/// `ArchiveCorrupt` for a file without a directory or with more than one; `ArchiveUnsupported` for
/// a part of an archive that was split.
pub(super) fn find(file: &File, length: u64) -> Result<Directory> {
    let tail = length.min((END_BYTES + MAX_COMMENT) as u64);
    let tail = read(file, length - tail, tail)?;
    let ends: Vec<usize> = (0..tail.len().saturating_sub(END_BYTES - 1))
        .filter(|at| tail[*at..].starts_with(END))
        .collect();
    let reaches = |at: &usize| at + END_BYTES + number(&tail, at + 20, 2) as usize == tail.len();
    let Some(last) = ends.last() else {
        return Err(corrupt("it has no end record"));
    };
    if !reaches(last) {
        return Err(corrupt("its end record does not end with the file"));
    }
    if ends.iter().filter(|at| reaches(at)).count() > 1 {
        return Err(corrupt("it has two end records"));
    }
    let record = &tail[*last..];
    if number(record, 4, 2) != number(record, 6, 2)
        || number(record, 8, 2) != number(record, 10, 2)
        || ![0, FULL_16].contains(&number(record, 4, 2))
    {
        return Err(unsupported("it is one of several parts"));
    }
    let said = Said {
        entries: number(record, 10, 2),
        size: number(record, 12, 4),
        offset: number(record, 16, 4),
    };
    let end = length - (tail.len() - last) as u64;
    let (said, end) = zip64(file, said, end)?;
    let start = end
        .checked_sub(said.size)
        .ok_or_else(|| corrupt("its directory is larger than what lies before the end record"))?;
    let base = start
        .checked_sub(said.offset)
        .ok_or_else(|| corrupt("its directory is not where the end record says"))?;
    if base > 0 && said.entries > 0 && read(file, said.offset, ENTRY.len() as u64)? == ENTRY {
        return Err(corrupt(
            "it has a second directory, or a gap after its directory",
        ));
    }
    Ok(Directory {
        start,
        end,
        entries: said.entries,
        base,
    })
}

/// What zip64's records say, if there are any, and where the directory ends.
fn zip64(file: &File, said: Said, end: u64) -> Result<(Said, u64)> {
    let Some(locator_at) = end.checked_sub(LOCATOR_BYTES) else {
        return Ok((said, end));
    };
    let locator = read(file, locator_at, LOCATOR_BYTES)?;
    if !locator.starts_with(LOCATOR) {
        return Ok((said, end));
    }
    let literal = number(&locator, 8, 8);
    let mut record = Vec::new();
    // The record without anything more in it, else where it is said to be.
    let places = [locator_at.checked_sub(END_64_BYTES), Some(literal)];
    let found = places.into_iter().flatten().find_map(|at| {
        record = read(file, at, END_64_BYTES).ok()?;
        let length = number(&record, 4, 8).checked_add(END_64_HEAD)?;
        let is_it = record.starts_with(END_64)
            && length >= END_64_BYTES
            && at.checked_add(length) == Some(locator_at);
        is_it.then_some(at)
    });
    let Some(at) = found else {
        return Err(corrupt("no zip64 end record lies before its locator"));
    };
    if number(&record, 16, 4) != 0 || number(&record, 24, 8) != number(&record, 32, 8) {
        return Err(unsupported("it is one of several parts"));
    }
    let wide = Said {
        entries: number(&record, 32, 8),
        size: number(&record, 40, 8),
        offset: number(&record, 48, 8),
    };
    let same = |narrow, full, wide| narrow == full || narrow == wide;
    let agrees = same(said.entries, FULL_16, wide.entries)
        && same(said.size, FULL_32, wide.size)
        && same(said.offset, FULL_32, wide.offset);
    // Both offsets count from the same place.
    let base = at.checked_sub(literal);
    let start = at.checked_sub(wide.size);
    if !agrees || base.is_none() || start.and_then(|s| s.checked_sub(wide.offset)) != base {
        return Err(corrupt("its two end records say different things"));
    }
    Ok((wide, at))
}

/// As many bytes as there are, at most `length`.
pub(super) fn read(file: &File, at: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Beyond what the system has as positions there is nothing.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) => return Err(source::unreadable(&error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
