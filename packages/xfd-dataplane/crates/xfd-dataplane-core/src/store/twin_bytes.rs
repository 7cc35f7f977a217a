//! The bytes of a twin, cloned or copied into a part file; see [`super::twins`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use super::inner::Inner;
use super::record::Record;
use super::slot::Slot;
use crate::crc::crc64;
use crate::error::{Error, Result};

/// Size and modification time, as records have them.
pub(crate) fn stamp(file: &File) -> io::Result<Option<(u64, i64)>> {
    let found = file.metadata()?;
    let mtime_ns = found.mtime().saturating_mul(1_000_000_000);
    Ok(Some((
        found.len(),
        mtime_ns.saturating_add(found.mtime_nsec()),
    )))
}

/// What came of a twin's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They are in the part file.
    Unread,
    /// The same, and they are what its record says.
    AndCompared,
    /// There is no room for them, or they have changed.
    Not,
}

/// Gives the part file the bytes of a twin. `clones_fail` says that a file system before could not
/// share blocks.
pub(crate) fn fill(
    inner: &Inner,
    slot: &Slot,
    source: &mut File,
    part: &mut File,
    record: &Record,
    clones_fail: &mut bool,
) -> Result<Taken> {
    let path = slot.part_path();
    let failed = |error: io::Error| Error::of_path(&error, "copy the same object", &path);
    let size = slot.object.found.size;
    if !*clones_fail {
        match rustix::fs::ioctl_ficlone(&*part, &*source) {
            Ok(()) => return Ok(Taken::Unread),
            // File systems that cannot share blocks say so in several ways.
            Err(error) => *clones_fail = error != Errno::XDEV,
        }
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    if inner.disk.room(folder).map_err(failed)?.free < size {
        return Ok(Taken::Not);
    }
    if size > SMALL_BYTES || record.chunks.len() != 1 {
        let copied = io::copy(source, part).map_err(failed)?;
        return Ok(match copied == size {
            true => Taken::Unread,
            false => Taken::Not,
        });
    }
    let mut bytes = Vec::new();
    source
        .take(SMALL_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if record.chunks != [(bytes.len() as u64, crc64(&bytes))] {
        return Ok(Taken::Not);
    }
    part.write_all(&bytes).map_err(failed)?;
    // The store's own checksum may need the bytes read by another algorithm.
    Ok(match slot.second_algorithm() {
        None => Taken::AndCompared,
        Some(_) => Taken::Unread,
    })
}

/// Copies of at most this size are compared in memory.
const SMALL_BYTES: u64 = 1 << 20;
