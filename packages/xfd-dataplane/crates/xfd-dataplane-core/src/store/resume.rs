//! The chunks that an earlier run left of an object that it did not finish.

use std::collections::VecDeque;

use rustix::fs::OFlags;

use super::checks::{Sums, sum_range};
use super::journal;
use super::opening::open_for_reading;
use super::plan::{Inspected, Plan, ResumedChunk};
use super::record::Record;
use super::recording;
use super::slot::Slot;
use crate::decides::cache::{FileKind, OnDisk};
use crate::error::Result;
use crate::threads::{Mutex, locked, scope};

/// Up to this many bytes are verified while the inventory is taken. If there are more, each chunk
/// is verified when it is first needed.
const MAX_BYTES_VERIFIED: u64 = 256 << 20;

/// Threads that verify.
const THREADS: usize = 4;

/// The chunks of `layout` (offset, length) that the journal names, or the record of a small file,
/// if there is a part file.
pub(crate) fn read(slot: &Slot, layout: &[(u64, u64)]) -> Result<Vec<ResumedChunk>> {
    if layout.is_empty() || slot.object.found.size == 0 {
        return Ok(Vec::new());
    }
    let Some(dir) = slot.parts_dir_if_there()? else {
        return Ok(Vec::new());
    };
    let part = dir.look(&slot.part_path())?;
    let is_whole = |part: &OnDisk| {
        part.kind == FileKind::File && part.is_ours && part.size == slot.object.found.size
    };
    let Some(part) = part.filter(is_whole) else {
        return Ok(Vec::new());
    };
    // A part file that may only be read (root's) is not resumed.
    let opened = dir.open(&slot.part_path(), OFlags::RDWR, u64::MAX);
    if !matches!(opened, Ok(Some(_))) {
        return Ok(Vec::new());
    }
    let mut chunks = journal::read(&dir, &slot.journal_path(), &slot.version)?.unwrap_or_default();
    if let Some(sums) = recorded(slot, &part)? {
        chunks.entry(0).or_insert(sums);
    }
    let named = layout.iter().filter_map(|(offset, length)| {
        let sums = *chunks.get(offset)?;
        (sums.length == *length).then_some(ResumedChunk {
            offset: *offset,
            sums,
            verified: false,
        })
    });
    Ok(named.collect())
}

/// What the record of a small file says of its part file. A large file has a journal for that.
fn recorded(slot: &Slot, part: &OnDisk) -> Result<Option<Sums>> {
    if slot.manifest.is_none() || !slot.version.identifies() {
        return Ok(None);
    }
    let matches = |record: &Record| {
        record.version == slot.version && record.file == Some((part.size, part.mtime_ns))
    };
    let record = recording::read(slot)?.filter(matches);
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

/// Reads the chunks of earlier runs again, if they are few. Those that are not as the journal says
/// are missing.
pub(crate) fn verify(inspected: &mut [Inspected]) {
    let resumed = |one: &Inspected| match &one.plan {
        Plan::Fetch(chunks) => {
            let unread = chunks.iter().filter(|chunk| !chunk.verified);
            unread.map(|chunk| chunk.sums.length).sum()
        }
        _ => 0,
    };
    let total: u64 = inspected.iter().map(resumed).sum();
    if total == 0 || total > MAX_BYTES_VERIFIED {
        return;
    }
    let work: VecDeque<(&Slot, &mut ResumedChunk)> = inspected
        .iter_mut()
        .filter_map(|one| match &mut one.plan {
            Plan::Fetch(chunks) => Some((&*one.slot, chunks)),
            _ => None,
        })
        .flat_map(|(slot, chunks)| chunks.iter_mut().map(move |chunk| (slot, chunk)))
        .filter(|(_, chunk)| !chunk.verified)
        .collect();
    let threads = THREADS.min(work.len());
    let work = Mutex::new(work);
    scope(|scope| {
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
    for one in inspected {
        if let Plan::Fetch(chunks) = &mut one.plan {
            chunks.retain(|chunk| {
                if !chunk.verified {
                    recording::take_chunk_back(&one.slot, chunk.offset, chunk.sums.length);
                }
                chunk.verified
            });
        }
    }
}

/// The sums of a chunk's bytes, if they are right.
fn read_again(slot: &Slot, chunk: &ResumedChunk) -> Option<Sums> {
    let handle = open_for_reading(slot).ok()?;
    let second = slot.second_algorithm();
    let read = sum_range(
        handle.file(),
        chunk.offset,
        chunk.sums.length,
        second,
        |_| {},
    )
    .ok()??;
    (read.crc == chunk.sums.crc).then_some(read)
}
