//! The file that a lease writes to, and whether it is still the object's part file.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::checks::Sums;
use super::opening::open_part;
use super::part::Part;
use super::recording;
use super::slot::Slot;
use crate::decides::ledger::{Ledger, ObjectState};
use crate::error::{Error, Result};
use crate::model::Chunk;

/// Where the bytes of a lease go.
pub(crate) enum Target {
    /// The part file that all chunks of a large object share.
    Shared(Arc<Part>),
    /// The small files of a pack, one after the other.
    Each {
        written: Vec<Written>,
        /// None between two files.
        file: Option<File>,
        /// Size and modification time of the files that are complete, by their place in the chunk.
        complete: BTreeMap<usize, (u64, i64)>,
    },
}

/// Whether the lease writes an object's part file. Objects that are not open (whole already,
/// failed, locked by another writer) are summed and not written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    No,
    /// The part file of this generation, see [`super::facts::Facts::generation`].
    Generation(u32),
}

impl Written {
    pub(crate) fn now(ledger: &Ledger, slot: &Slot) -> Self {
        match ledger.object(slot.object.index) {
            Some(ObjectState::Open) => Self::Generation(slot.facts().generation),
            _ => Self::No,
        }
    }
}

impl Target {
    /// Opens the part file that a chunk of one object shares with others.
    pub(crate) fn open(slots: &[Arc<Slot>], written: Vec<Written>) -> Result<Self> {
        match slots {
            [one] => open_part(one).map(Self::Shared),
            _ => Ok(Self::Each {
                written,
                file: None,
                complete: BTreeMap::new(),
            }),
        }
    }

    /// Writes bytes of the span with this number; `first` says that they are its first ones.
    pub(crate) fn put(
        &mut self,
        slot: &Slot,
        span: usize,
        offset: u64,
        first: bool,
        bytes: &[u8],
    ) -> Result<()> {
        let failed = |error| unwritten(&error, slot);
        match self {
            Self::Shared(part) => part.write_all_at(bytes, offset).map_err(failed),
            Self::Each { written, .. } if written[span] == Written::No => Ok(()),
            Self::Each { file, .. } => {
                let into = match file {
                    Some(file) if !first => file,
                    _ => file.insert(
                        slot.parts_dir()?
                            .create(&slot.part_path(), OFlags::empty())?,
                    ),
                };
                into.write_all_at(bytes, offset).map_err(failed)
            }
        }
    }

    /// The span with this number is complete.
    pub(crate) fn end_span(&mut self, slot: &Slot, span: usize) -> Result<()> {
        if let Self::Each { file, complete, .. } = self
            && let Some(file) = file.take()
        {
            let found = file.metadata().map_err(|error| unwritten(&error, slot))?;
            let mtime_ns = found.mtime().saturating_mul(1_000_000_000);
            complete.insert(
                span,
                (found.len(), mtime_ns.saturating_add(found.mtime_nsec())),
            );
            slot.facts().part = Some((found.dev(), found.ino()));
        }
        Ok(())
    }

    /// The chunk starts over.
    pub(crate) fn rewind(&mut self) {
        if let Self::Each { file, complete, .. } = self {
            *file = None;
            complete.clear();
        }
    }

    /// Whether an object failed or was released, and its part file was started over since. What was
    /// written here is in a file without a name, or nowhere.
    pub(crate) fn was_replaced(&self, ledger: &Ledger, slots: &[Arc<Slot>]) -> bool {
        match (self, slots) {
            (Self::Shared(part), [slot]) => {
                let now = slot.shared_part();
                let is_mine = now.is_some_and(|now| Arc::ptr_eq(&now, part));
                !is_mine && Written::now(ledger, slot) != Written::No
            }
            (Self::Shared(_), _) => false,
            (Self::Each { written, .. }, slots) => {
                let mut slots = slots.iter().zip(written);
                slots.any(|(slot, was)| match Written::now(ledger, slot) {
                    Written::No => false,
                    now @ Written::Generation(_) => slot.object.found.size > 0 && now != *was,
                })
            }
        }
    }

    /// Records that a chunk is right: in the journal of a large object, in the records of small
    /// ones.
    pub(crate) fn journal(&self, chunk: &Chunk, slots: &[Arc<Slot>], sums: &[Sums]) -> Result<()> {
        let (part, slot) = match (self, slots) {
            (Self::Shared(part), [slot]) => (part, slot),
            (Self::Each { complete, .. }, slots) => {
                let record = |(span, at): (&usize, &(u64, i64))| {
                    let slot = slots[*span].as_ref();
                    let inode = slot.facts().part.map(|(_, inode)| inode);
                    let record = recording::made(slot, Some(*at), &sums[*span..=*span]);
                    (slot, record.of_blob(slot.object.blob.is_some(), inode))
                };
                return recording::append_all(complete.iter().map(record));
            }
            (Self::Shared(_), _) => return Ok(()),
        };
        part.journal
            .add(chunk.spans[0].offset, sums[0])
            .map_err(|error| Error::of_path(&error, "write the journal", slot.journal_path()))
    }

    /// Takes back what [`Target::journal`] wrote.
    pub(crate) fn forget_in_journal(&self, chunk: &Chunk) {
        if let Self::Shared(part) = self {
            let span = chunk.spans[0];
            let _ = part.journal.remove(span.offset, span.length);
        }
    }
}

fn unwritten(error: &std::io::Error, slot: &Slot) -> Error {
    Error::of_path(error, "write the part file", slot.part_path())
        .with_object(&slot.object.found.key)
}
