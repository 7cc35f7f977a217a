//! Reading one chunk, behind its writer where it is in flight.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::account::Inner;
use super::file_span::FileSpan;
use super::flight::{Flight, Landing};
use super::slot::Handle;
use crate::crc::Crc64;
use crate::decides::ledger::ChunkState;
use crate::error::{Error, Result};
use crate::model::{Chunk, ChunkIndex};

/// What a reader that follows a chunk gets next: bytes, or where they are.
#[derive(Debug)]
pub enum Follow<T = Bytes> {
    /// The next bytes.
    Bytes(T),
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
    handle: Option<Arc<Handle>>,
}

/// What there is behind a reader's position.
enum Arrived {
    /// Bytes, up to here.
    Upto(u64),
    /// Nothing more: all of the chunk was given, and it is held or was when the reader was made.
    All,
    Aborted,
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

    /// Whether [`ChunkReader::next_span`] may be asked: the chunk is in flight, or was read and
    /// found right since this swarm was joined. What only an earlier run vouches for is read.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        self.flight.is_some() || self.vouched().is_some()
    }

    /// The next bytes, at most `max` of them. `wait` bounds each wait for the writer. After `End`
    /// or `Aborted` there is nothing more to ask for.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<Follow> {
        match self.arrived(wait).await {
            Arrived::Upto(available) => self.read(max.max(1), available),
            Arrived::All => Ok(self.end()),
            Arrived::Aborted => Ok(Follow::Aborted),
        }
    }

    /// Where the next bytes are, at most `max` of them, for a kernel that passes them on unread.
    /// Their checksum is the one that they had when they were written: a file that went bad since is
    /// found out by who gets them. A reader is asked for spans alone, or for bytes alone.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn next_span(&mut self, max: usize, wait: Duration) -> Result<Follow<FileSpan>> {
        let available = match self.arrived(wait).await {
            Arrived::Upto(available) => available,
            Arrived::All => return Ok(self.vouched().map_or(Follow::Aborted, Follow::End)),
            Arrived::Aborted => return Ok(Follow::Aborted),
        };
        let span = match self.span(max.max(1), available) {
            Ok(Some(span)) => span,
            Ok(None) => return Ok(Follow::Aborted),
            Err(error) => return self.damaged(error),
        };
        self.position += span.length();
        if self.is_last_of_held() && self.vouched().is_none() {
            return Ok(Follow::Aborted);
        }
        Ok(Follow::Bytes(span))
    }

    async fn arrived(&self, wait: Duration) -> Arrived {
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
                return Arrived::Aborted;
            }
            if self.position < available {
                return Arrived::Upto(available);
            }
            if self.position == self.chunk.size && (self.flight.is_none() || landing.is_some()) {
                return Arrived::All;
            }
            if let Some(flight) = &self.flight {
                // A chunk that has all its bytes waits for its verdict alone.
                if !flight.follow(self.position, wait).await {
                    return Arrived::Aborted;
                }
            }
        }
    }

    /// Where the bytes behind the position are; None if their object is gone.
    fn span(&mut self, max: usize, available: u64) -> Result<Option<FileSpan>> {
        let mut span = self.chunk.spans[self.span];
        while self.position - self.before_span == span.length {
            self.before_span += span.length;
            self.span += 1;
            self.handle = None;
            span = self.chunk.spans[self.span];
        }
        let within = self.position - self.before_span;
        let left = (span.length - within).min(available - self.position);
        let handle = match &self.handle {
            Some(handle) => Arc::clone(handle),
            None => {
                let Some(slot) = self.inner.state().slots.get(&span.object).cloned() else {
                    return Ok(None);
                };
                Arc::clone(self.handle.insert(Arc::new(slot.open_for_reading()?)))
            }
        };
        let length = left.min(max as u64);
        Ok(Some(FileSpan::new(handle, span.offset + within, length)))
    }

    fn read(&mut self, max: usize, available: u64) -> Result<Follow> {
        let read = match self.span(max, available) {
            Ok(Some(span)) => span.read(&mut self.buffer),
            Ok(None) => return Ok(Follow::Aborted),
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => return self.damaged(error),
        };
        self.crc.update(&bytes);
        self.position += bytes.len() as u64;
        if self.is_last_of_held() && self.verdict().is_none() {
            return Ok(Follow::Aborted);
        }
        Ok(Follow::Bytes(bytes))
    }

    /// Who knows the length of a body does not ask for what comes behind its last byte, so that
    /// byte is not given out before the verdict on a chunk that was held all along.
    fn is_last_of_held(&self) -> bool {
        self.flight.is_none() && self.position == self.chunk.size
    }

    /// A held chunk whose file cannot be read is lost; one in flight is its writer's affair.
    fn damaged<T>(&self, error: Error) -> Result<Follow<T>> {
        if self.flight.is_none() && self.is_held() {
            tracing::warn!(chunk = self.chunk.index, %error, "held_chunk_unreadable");
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

    /// The checksum of a held chunk that this run has verified.
    fn vouched(&self) -> Option<u64> {
        match self.inner.state().ledger.chunk(self.chunk.index) {
            Some(ChunkState::Held {
                crc,
                verified: true,
            }) => crc,
            _ => None,
        }
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
