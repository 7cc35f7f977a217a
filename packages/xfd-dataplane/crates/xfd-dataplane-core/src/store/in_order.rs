//! An object's verified bytes from first to last, for unpacking while it arrives.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::damage;
use super::inner::Inner;
use super::opening::open_for_reading;
use super::part::Handle;
use super::pins::chunks_in_order;
use super::slot::Slot;
use super::whole_object;
use crate::crc::Crc64;
use crate::decides::ledger::{ChunkState, ObjectState};
use crate::error::{Error, Kind};
use crate::model::{ChunkIndex, ObjectIndex};
use crate::threads::wait_for_change;

/// Blocking reader of the verified in-order prefix.
pub struct InOrderReader {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    /// Chunk and length, in the object's order.
    chunks: Vec<(ChunkIndex, u64)>,
    next: usize,
    /// In the object.
    position: u64,
    /// Bytes read of the chunk `next`, and their checksum.
    within: u64,
    crc: Crc64,
    handle: Option<Handle>,
}

impl InOrderReader {
    pub(crate) fn new(inner: &Arc<Inner>, object: ObjectIndex) -> Option<Self> {
        let state = inner.state();
        let slot = state.slots.get(&object).cloned()?;
        let chunks = chunks_in_order(&state, object)?;
        drop(state);
        Some(Self {
            inner: inner.clone(),
            slot,
            chunks: chunks
                .iter()
                .map(|(index, span)| (*index, span.length))
                .collect(),
            next: 0,
            position: 0,
            within: 0,
            crc: Crc64::new(),
            handle: None,
        })
    }

    /// Waits until a chunk is held and verified.
    fn wait_for(&self, chunk: ChunkIndex) -> io::Result<()> {
        let mut state = self.inner.state();
        loop {
            if state.left {
                return Err(gone("The swarm was left"));
            }
            match state.ledger.object(self.slot.object.index) {
                Some(ObjectState::Open | ObjectState::Landed) => {}
                Some(ObjectState::Failed) => return Err(gone("The object has failed")),
                _ => return Err(gone("The object was released")),
            }
            match state.ledger.chunk(chunk) {
                Some(ChunkState::Held { verified: true, .. }) => return Ok(()),
                Some(ChunkState::Held {
                    verified: false, ..
                }) => {
                    drop(state);
                    damage::verify(&self.inner, chunk).map_err(io::Error::other)?;
                    state = self.inner.state();
                }
                _ => state = wait_for_change(&self.inner.changed, state),
            }
        }
    }

    /// The chunk was read to its end: compares it with what was verified.
    fn finish_chunk(&mut self, chunk: ChunkIndex) -> io::Result<()> {
        let confirmed = self.inner.state().ledger.confirm(chunk, self.crc.value());
        self.crc = Crc64::new();
        self.within = 0;
        self.next += 1;
        if confirmed {
            return Ok(());
        }
        damage::lose(&self.inner, chunk);
        Err(gone("A chunk changed on the disk and is fetched again"))
    }

    /// After the last byte the tree counts as whole, so the whole object is compared first.
    fn finish(&self) -> io::Result<()> {
        whole_object::compare_combined(&self.slot).map_err(io::Error::other)?;
        Ok(())
    }
}

/// The bytes end for a reason outside the archive, which is then not reported as corrupt.
fn gone(what: &str) -> io::Error {
    io::Error::other(Error::new(Kind::Cancelled, what))
}

impl io::Read for InOrderReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some((chunk, length)) = self.chunks.get(self.next).copied() {
            if self.within == 0 {
                self.wait_for(chunk)?;
            }
            if self.within == length {
                self.finish_chunk(chunk)?;
                continue;
            }
            let handle = match &self.handle {
                Some(handle) => handle,
                None => {
                    let opened = open_for_reading(&self.slot).map_err(io::Error::other)?;
                    self.handle.insert(opened)
                }
            };
            let left = usize::try_from(length - self.within).unwrap_or(usize::MAX);
            let room = into.len().min(left);
            let read = handle.file().read_at(&mut into[..room], self.position)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.crc.update(&into[..read]);
            self.within += read as u64;
            self.position += read as u64;
            if self.within == length {
                self.finish_chunk(chunk)?;
            }
            return Ok(read);
        }
        self.finish()?;
        Ok(0)
    }
}
