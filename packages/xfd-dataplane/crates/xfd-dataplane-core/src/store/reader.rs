//! Reading one chunk, behind its writer where it is in flight.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::account::Inner;
use super::flight::{Flight, Landing};
use super::slot::Handle;
use crate::crc::Crc64;
use crate::decides::ledger::ChunkState;
use crate::error::{Error, Result};
use crate::model::{Chunk, ChunkIndex};

/// What a reader that follows a chunk gets next.
#[derive(Debug)]
pub enum Follow {
    /// The next bytes.
    Bytes(Bytes),
    /// All bytes were given and the chunk is verified; its checksum.
    End(u64),
    /// The chunk turned out bad, its order failed, or the wait was too long.
    Aborted,
}

/// Reads one chunk, following its writer where it is in flight.
///
/// Files are read in place, not in a pool of blocking threads: the bytes were written a moment ago
/// and come from the page cache, where handing a piece to another thread costs more than reading
/// it. Where a whole cache is served from a cold and slow disk, keep `max` small.
pub struct ChunkReader {
    inner: Arc<Inner>,
    chunk: Arc<Chunk>,
    /// None for a chunk that was held when the reader was made.
    flight: Option<Arc<Flight>>,
    known: Option<u64>,
    position: u64,
    crc: Crc64,
    buffer: BytesMut,
    /// The span that is being read, the bytes of the chunk before it, and its file.
    span: usize,
    before_span: u64,
    handle: Option<Handle>,
}

impl ChunkReader {
    pub(crate) fn new(inner: &Arc<Inner>, index: ChunkIndex) -> Option<Self> {
        let mut state = inner.state();
        if state.left {
            return None;
        }
        let chunk = state.chunks.get(&index).cloned()?;
        let is_held = matches!(state.ledger.chunk(index), Some(ChunkState::Held { .. }));
        let flight = if is_held {
            None
        } else if state.ledger.is_expected(index) {
            Some(state.flights.entry(index).or_default().clone())
        } else {
            Some(state.flights.get(&index).cloned()?)
        };
        Some(Self {
            inner: inner.clone(),
            known: state.ledger.crc(index).or(state.ledger.pinned(index)),
            chunk,
            flight,
            position: 0,
            crc: Crc64::new(),
            buffer: BytesMut::new(),
            span: 0,
            before_span: 0,
            handle: None,
        })
    }

    /// Total bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.chunk.size
    }

    /// The checksum, where it is known before the first byte is read: the held chunk's own, or the
    /// one that it is pinned to.
    #[must_use]
    pub fn crc(&self) -> Option<u64> {
        self.known
    }

    /// Whether the chunk is still arriving: its last byte is then followed by a wait for the
    /// verdict, whatever [`ChunkReader::crc`] says that it should be.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// The next bytes, at most `max` of them. `wait` bounds each wait for the writer. After `End`
    /// or `Aborted` there is nothing more to ask for.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<Follow> {
        loop {
            let (available, landing) = match &self.flight {
                None => (self.chunk.size, None),
                Some(flight) => {
                    // The end is looked at first: what was written before it can then be seen.
                    let landing = flight.landing();
                    (flight.position(), landing)
                }
            };
            if landing == Some(Landing::Aborted) {
                return Ok(Follow::Aborted);
            }
            if self.position < available {
                return self.read(max.max(1), available);
            }
            if self.position == self.chunk.size && (self.flight.is_none() || landing.is_some()) {
                return Ok(self.end());
            }
            if let Some(flight) = self.flight.clone() {
                // A chunk that has all its bytes waits for its verdict alone.
                if !flight.follow(self.position, wait).await {
                    return Ok(Follow::Aborted);
                }
            }
        }
    }

    fn read(&mut self, max: usize, available: u64) -> Result<Follow> {
        let mut span = self.chunk.spans[self.span];
        while self.position - self.before_span == span.length {
            self.before_span += span.length;
            self.span += 1;
            self.handle = None;
            span = self.chunk.spans[self.span];
        }
        let within = self.position - self.before_span;
        let left = (span.length - within).min(available - self.position);
        let want = max.min(usize::try_from(left).unwrap_or(max));
        if self.handle.is_none() {
            let slot = self.inner.state().slots.get(&span.object).cloned();
            let Some(slot) = slot else {
                return Ok(Follow::Aborted);
            };
            match slot.open_for_reading() {
                Ok(handle) => self.handle = Some(handle),
                Err(error) => return self.damaged(error),
            }
        }
        let Some(handle) = &self.handle else {
            return Ok(Follow::Aborted);
        };
        self.buffer.clear();
        self.buffer.reserve(want);
        let read = loop {
            let spare = &mut self.buffer.spare_capacity_mut()[..want];
            match rustix::io::pread(handle.file(), spare, span.offset + within) {
                Ok((read, _)) => break read.len(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return self.damaged(Error::of_path(&error.into(), "read the object", ""));
                }
            }
        };
        if read == 0 {
            return self.damaged(Error::new(
                crate::error::Kind::Destination,
                "The file is shorter than its chunks",
            ));
        }
        // SAFETY: the call above has written the first `read` bytes of the spare room.
        unsafe { self.buffer.set_len(read) };
        let bytes = self.buffer.split().freeze();
        self.crc.update(&bytes);
        self.position += read as u64;
        // Who knows the length of a body does not ask for what comes behind its last byte, so that
        // byte is not given out before the verdict on a chunk that was held all along.
        if self.flight.is_none() && self.position == self.chunk.size && self.verdict().is_none() {
            return Ok(Follow::Aborted);
        }
        Ok(Follow::Bytes(bytes))
    }

    /// A held chunk whose file cannot be read is lost; one in flight is its writer's affair.
    fn damaged(&self, error: Error) -> Result<Follow> {
        if self.flight.is_none() && self.is_held() {
            tracing::warn!(chunk = self.chunk.index, %error, "a held chunk cannot be read");
            self.inner.lose(self.chunk.index);
            return Ok(Follow::Aborted);
        }
        if self.flight.is_none() {
            return Ok(Follow::Aborted);
        }
        Err(error)
    }

    fn is_held(&self) -> bool {
        let state = self.inner.state().ledger.chunk(self.chunk.index);
        matches!(state, Some(ChunkState::Held { .. }))
    }

    fn end(&self) -> Follow {
        self.verdict().map_or(Follow::Aborted, Follow::End)
    }

    /// The checksum of all the bytes, if the chunk is held and that is what it should be; if it is
    /// not, the chunk is lost.
    fn verdict(&self) -> Option<u64> {
        let crc = self.crc.value();
        let mut state = self.inner.state();
        if state.ledger.confirm(self.chunk.index, crc) {
            return Some(crc);
        }
        let is_held = matches!(
            state.ledger.chunk(self.chunk.index),
            Some(ChunkState::Held { .. })
        );
        drop(state);
        if is_held {
            self.inner.lose(self.chunk.index);
        }
        None
    }
}
