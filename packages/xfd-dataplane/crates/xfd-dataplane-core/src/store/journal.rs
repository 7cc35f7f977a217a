//! The chunks of a part file that are right, in a text file beside it, so that a later run resumes.
//!
//! ```text
//! {"size":…,"etag":…,"last_modified_ns":…}     the pinned version of the object
//! + OFFSET LENGTH CRC64 SECOND|-               a chunk that is right; checksums in hexadecimal
//! - OFFSET LENGTH                              a chunk that is right no longer
//! ```
//!
//! Each line is appended with one write and never synced. After a power loss a line may name bytes
//! that did not reach the disk, so a later run reads every chunk again before it counts as
//! verified.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::fs::OFlags;

use super::checks::Sums;
use crate::beside::Dir;
use crate::decides::cache::ObjectVersion;
use crate::error::{Error, Result};

/// Bytes of a journal at most. A chunk needs about 60.
const MAX_JOURNAL_BYTES: u64 = 256 << 20;

/// Chunks that are right, by their offset.
pub(crate) type Chunks = BTreeMap<u64, Sums>;

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the journal of a part file for `version`. With `fresh` it starts a new one; otherwise
    /// a journal that is there was read before, and has the same version.
    pub(crate) fn open(
        dir: &Dir,
        path: &Path,
        version: &ObjectVersion,
        fresh: bool,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| Error::of_path(&error, "open the journal", path);
        let flags = OFlags::WRONLY | OFlags::APPEND;
        let mut file = match fresh {
            true => dir.create(path, OFlags::APPEND)?,
            false => dir.open_or_create(path, flags, MAX_JOURNAL_BYTES)?,
        };
        let is_new = file.metadata().map_err(failed)?.len() == 0;
        // A line break ends the torn line that a killed run may have left. Empty lines are ignored.
        let mut first = vec![];
        if is_new {
            serde_json::to_writer(&mut first, version).map_err(|error| failed(error.into()))?;
        }
        first.push(b'\n');
        file.write_all(&first).map_err(failed)?;
        Ok(Self { file })
    }

    /// Records that a chunk is right. Several threads may call this: small appends do not mix.
    pub(crate) fn add(&self, offset: u64, sums: Sums) -> std::io::Result<()> {
        let second = match sums.second {
            Some(second) => format!("{second:x}"),
            None => "-".to_owned(),
        };
        let line = format!("+ {offset} {} {:x} {second}\n", sums.length, sums.crc);
        (&self.file).write_all(line.as_bytes())
    }

    /// Takes a chunk back.
    pub(crate) fn remove(&self, offset: u64, length: u64) -> std::io::Result<()> {
        (&self.file).write_all(format!("- {offset} {length}\n").as_bytes())
    }
}

/// The chunks that a journal names, if it has the same version.
pub(crate) fn read(dir: &Dir, path: &Path, version: &ObjectVersion) -> Result<Option<Chunks>> {
    let Some(text) = dir.read(path, MAX_JOURNAL_BYTES)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.split_inclusive('\n').filter(|l| l.ends_with('\n'));
    let pinned: Option<ObjectVersion> = lines.next().and_then(|l| serde_json::from_str(l).ok());
    if pinned.as_ref() != Some(version) || !version.identifies() {
        return Ok(None);
    }
    let mut chunks = Chunks::new();
    for line in lines {
        match parse(line) {
            Some((offset, Some(sums))) => {
                chunks.insert(offset, sums);
            }
            Some((offset, None)) => {
                chunks.remove(&offset);
            }
            None => {}
        }
    }
    Ok(Some(chunks))
}

fn parse(line: &str) -> Option<(u64, Option<Sums>)> {
    let mut words = line.split_ascii_whitespace();
    let sign = words.next()?;
    let offset = words.next()?.parse().ok()?;
    let length = words.next()?.parse().ok()?;
    match sign {
        "+" => {
            let crc = u64::from_str_radix(words.next()?, 16).ok()?;
            let second = match words.next()? {
                "-" => None,
                second => Some(u64::from_str_radix(second, 16).ok()?),
            };
            Some((
                offset,
                Some(Sums {
                    length,
                    crc,
                    second,
                }),
            ))
        }
        "-" => Some((offset, None)),
        _ => None,
    }
}
