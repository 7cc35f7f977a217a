//! What an earlier run left of an object that it did not finish.

use std::collections::VecDeque;
use std::sync::Mutex;

use rustix::fs::OFlags;

use super::checks::{Sums, sum_range};
use super::journal;
use super::plan::{Looked, Plan};
use super::record::Record;
use super::slot::{Slot, locked};
use crate::decides::cache::{FileKind, OnDisk};
use crate::error::Result;

/// Up to this many bytes are read again at once; more when they are needed.
const VERIFIED_AT_ONCE: u64 = 256 << 20;
const THREADS: usize = 4;

/// A chunk that the journal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    pub(crate) offset: u64,
    pub(crate) sums: Sums,
    /// It was read again, and is right.
    pub(crate) verified: bool,
}

/// The chunks of `layout` (offset, length) that the journal names, or the record of a small file, if
/// the part file is there.
pub(crate) fn read(slot: &Slot, layout: &[(u64, u64)]) -> Result<Vec<Resumed>> {
    if layout.is_empty() || slot.object.found.size == 0 {
        return Ok(Vec::new());
    }
    let Some(dir) = slot.dir_if_there()? else {
        return Ok(Vec::new());
    };
    let part = dir.look(&slot.part_path())?;
    let is_whole = |part: &OnDisk| {
        part.kind == FileKind::File && part.is_ours && part.size == slot.object.found.size
    };
    let Some(part) = part.filter(is_whole) else {
        return Ok(Vec::new());
    };
    // One that can only be read (root's) is not gone on with.
    let opened = dir.open(&slot.part_path(), OFlags::RDWR, u64::MAX);
    if !matches!(opened, Ok(Some(_))) {
        return Ok(Vec::new());
    }
    let mut chunks = journal::read(&dir, &slot.journal_path(), &slot.pin)?.unwrap_or_default();
    if let Some(sums) = recorded(slot, &part)? {
        chunks.entry(0).or_insert(sums);
    }
    let named = layout.iter().filter_map(|(offset, length)| {
        let sums = *chunks.get(offset)?;
        (sums.length == *length).then_some(Resumed {
            offset: *offset,
            sums,
            verified: false,
        })
    });
    Ok(named.collect())
}

/// What the record of a small file says of its part file; a large one's has its journal.
fn recorded(slot: &Slot, part: &OnDisk) -> Result<Option<Sums>> {
    if slot.manifest.is_none() || !slot.pin.tells() {
        return Ok(None);
    }
    let tells =
        |record: &Record| record.pin == slot.pin && record.file == Some((part.size, part.mtime_ns));
    let record = slot.record()?.filter(tells);
    Ok(
        match record.as_ref().map(|record| record.chunks.as_slice()) {
            Some([(length, crc)]) => Some(Sums {
                length: *length,
                crc: *crc,
                second: None,
            }),
            _ => None,
        },
    )
}

/// Reads the chunks of earlier runs again, if they are few; those that are not as the journal says
/// are missing.
pub(crate) fn verify(looked: &mut [Looked]) {
    let resumed = |one: &Looked| match &one.plan {
        Plan::Fetch(chunks) => chunks.iter().map(|chunk| chunk.sums.length).sum(),
        _ => 0,
    };
    let total: u64 = looked.iter().map(resumed).sum();
    if total == 0 || total > VERIFIED_AT_ONCE {
        return;
    }
    let work: VecDeque<(&Slot, &mut Resumed)> = looked
        .iter_mut()
        .filter_map(|one| match &mut one.plan {
            Plan::Fetch(chunks) => Some((&*one.slot, chunks)),
            _ => None,
        })
        .flat_map(|(slot, chunks)| chunks.iter_mut().map(move |chunk| (slot, chunk)))
        .collect();
    let threads = THREADS.min(work.len());
    let work = Mutex::new(work);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = locked(&work).pop_front();
                    let Some((slot, chunk)) = next else { return };
                    if let Some(read) = read_again(slot, chunk) {
                        chunk.verified = true;
                        chunk.sums = read;
                    }
                }
            });
        }
    });
    for one in looked {
        if let Plan::Fetch(chunks) = &mut one.plan {
            chunks.retain(|chunk| {
                if !chunk.verified {
                    one.slot.take_back(chunk.offset, chunk.sums.length);
                }
                chunk.verified
            });
        }
    }
}

/// The sums of a chunk's bytes, if they are right.
fn read_again(slot: &Slot, chunk: &Resumed) -> Option<Sums> {
    let handle = slot.open_for_reading().ok()?;
    let second = slot.second_algorithm();
    let read = sum_range(handle.file(), chunk.offset, chunk.sums.length, second).ok()??;
    (read.crc == chunk.sums.crc).then_some(read)
}
