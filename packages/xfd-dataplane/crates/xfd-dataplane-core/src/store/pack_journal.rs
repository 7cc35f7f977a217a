//! Which small files of a group are right and have no name yet: a text file beside the group, so
//! that a later run does not fetch again the packs that were finished.
//!
//! ```text
//! ["PATH",[PIN,CRC64,SECOND|null]]     a part file that is right; its path below the group
//! ["PATH",null]                        no longer
//! ```
//!
//! `PIN` is a checksum of what the file was fetched as (size, `ETag`, time). A pack is one append,
//! never synced: as with the journal of a large object, the bytes are read again before they count.
//! Files that have landed stay named here until the group is left; without a part file that says
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::checks::Sums;
use super::paths::{JOURNAL, beside, is_absent, remove};
use super::slot::Slot;
use crate::crc::crc64;
use crate::decides::cache::Pin;
use crate::error::{Error, Result};

#[derive(Serialize, Deserialize)]
struct Line(PathBuf, Option<(u64, u64, Option<u64>)>);

/// What the journal of one group names, by the path below it.
#[derive(Default)]
pub(crate) struct Finished(HashMap<PathBuf, (u64, u64, Option<u64>)>);

impl Finished {
    /// Reads the journal of a group; lines that are torn are skipped.
    pub(crate) fn read(group: &Path) -> Result<Self> {
        let path = beside(group, JOURNAL);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(Self::default()),
            Err(error) => return Err(Error::of_path(&error, "read the journal", path)),
        };
        let mut finished = HashMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Line(path, Some(sums))) => drop(finished.insert(path, sums)),
                Ok(Line(path, None)) => drop(finished.remove(&path)),
                Err(_) => {}
            }
        }
        Ok(Self(finished))
    }

    /// The sums of a file that was finished as it is wanted now.
    pub(crate) fn sums(&self, slot: &Slot) -> Option<Sums> {
        let (pin, crc, second) = *self.0.get(below_group(slot)?.1)?;
        let is_same = slot.pin.tells() && pin == pin_sum(&slot.pin);
        is_same.then_some(Sums {
            length: slot.object.found.size,
            crc,
            second,
        })
    }
}

/// Names the files of a pack that are in groups, each with the sums of its bytes.
pub(crate) fn add<'a>(files: impl Iterator<Item = (&'a Arc<Slot>, Sums)>) -> Result<()> {
    let mut texts: BTreeMap<&Path, Vec<u8>> = BTreeMap::new();
    for (slot, sums) in files {
        if let Some((group, path)) = below_group(slot) {
            let sums = (pin_sum(&slot.pin), sums.crc, sums.second);
            let text = texts.entry(group).or_default();
            write_line(text, group, &Line(path.to_owned(), Some(sums)))?;
        }
    }
    texts.iter().try_for_each(|(at, text)| append(at, text))
}

/// A file is not right any more.
pub(crate) fn take_back(slot: &Slot) -> Result<()> {
    let Some((group, path)) = below_group(slot) else {
        return Ok(());
    };
    if !beside(group, JOURNAL).exists() {
        return Ok(());
    }
    let mut text = Vec::new();
    write_line(&mut text, group, &Line(path.to_owned(), None))?;
    append(group, &text)
}

/// No file of the group lacks its name.
pub(crate) fn end(group: &Path) {
    remove(&beside(group, JOURNAL));
}

fn below_group(slot: &Slot) -> Option<(&Path, &Path)> {
    let group = slot.object.group.as_deref()?;
    Some((group, slot.object.destination.strip_prefix(group).ok()?))
}

fn pin_sum(pin: &Pin) -> u64 {
    crc64(serde_json::to_string(pin).unwrap_or_default().as_bytes())
}

/// A line break before each line ends a torn one that a killed run may have left.
fn write_line(text: &mut Vec<u8>, group: &Path, line: &Line) -> Result<()> {
    text.push(b'\n');
    serde_json::to_writer(text, line).map_err(|error| failed(&error.into(), group))
}

fn append(group: &Path, text: &[u8]) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o666)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(beside(group, JOURNAL))
        .and_then(|mut file| file.write_all(text))
        .map_err(|error| failed(&error, group))
}

fn failed(error: &std::io::Error, group: &Path) -> Error {
    Error::of_path(error, "write the journal", beside(group, JOURNAL))
}
