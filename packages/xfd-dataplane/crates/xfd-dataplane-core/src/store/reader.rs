//! Reads one chunk, which may still be being written.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::chunk_progress::{ChunkProgress, Outcome};
use super::damage;
use super::file_span::FileSpan;
use super::inner::Inner;
use super::opening::open_for_reading;
use super::part::Handle;
use crate::crc::Crc64;
use crate::decides::ledger::ChunkState;
use crate::error::{Error, Result};
use crate::model::{Chunk, ChunkIndex};

/// What a reader gets next: bytes, or where they are.
#[derive(Debug)]
pub enum ChunkRead<T = Bytes> {
    /// The next bytes.
    Bytes(T),
    /// The reader has all bytes and the chunk is verified; its checksum.
    End(u64),
    /// The chunk is bad, its order failed, or the wait was too long.
    Aborted,
}

/// Reads one chunk, following its writer if it is still being written.
///
/// Files are read on the calling thread, not in a pool of blocking threads: the bytes were written
/// a moment ago and come from the page cache, and another thread costs more than the read. If a
/// cache on a slow disk is served, keep `max` small.
pub struct ChunkReader {
    inner: Arc<Inner>,
    chunk: Arc<Chunk>,
    /// None for a chunk that was held when the reader was made.
    progress: Option<Arc<ChunkProgress>>,
    /// The checksum, if it is known before the first byte is read.
    known: Option<u64>,
    position: u64,
    crc: Crc64,
    buffer: BytesMut,
    /// The span that is being read, the bytes of the chunk before it, and its file.
    span: usize,
    before_span: u64,
    handle: Option<Arc<Handle>>,
}

/// What follows the reader's position.
enum Next {
    /// Bytes, up to this position.
    BytesTo(u64),
    /// Nothing: the reader has the whole chunk, which is held or was when the reader was made.
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
        let progress = if is_held {
            None
        } else if state.ledger.is_expected(index) {
            Some(state.progress.entry(index).or_default().clone())
        } else {
            Some(state.progress.get(&index).cloned()?)
        };
        Some(Self {
            inner: inner.clone(),
            known: state.ledger.crc(index).or(state.ledger.pinned(index)),
            chunk,
            progress,
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

    /// The checksum, if it is known before the first byte is read: the held chunk's own, or the
    /// pinned one.
    #[must_use]
    pub fn crc(&self) -> Option<u64> {
        self.known
    }

    /// Whether the chunk is still being written. After its last byte the reader then waits for the
    /// verdict, even if [`ChunkReader::crc`] is known.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.progress.is_some()
    }

    /// Whether [`ChunkReader::next_span`] may be called: the chunk is in flight, or this run has
    /// verified it. A chunk that only an earlier run has verified is read.
    #[must_use]
    pub fn is_verified_or_in_flight(&self) -> bool {
        self.progress.is_some() || self.verified_crc().is_some()
    }

    /// The next bytes, at most `max` of them. `wait` bounds each wait for the writer. After `End`
    /// or `Aborted` nothing follows.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<ChunkRead> {
        match self.wait_for_bytes(wait).await {
            Next::BytesTo(available) => self.read(max.max(1), available),
            Next::All => Ok(self.end()),
            Next::Aborted => Ok(ChunkRead::Aborted),
        }
    }

    /// Where the next bytes are, at most `max` of them, for the kernel to send unread.
    ///
    /// Their checksum is that of the time when they were written, so that only the receiver notices
    /// a file that went bad since. Call either this or [`ChunkReader::next`] on one reader.
    ///
    /// # Errors
    /// What the disk said.
    pub async fn next_span(&mut self, max: usize, wait: Duration) -> Result<ChunkRead<FileSpan>> {
        let available = match self.wait_for_bytes(wait).await {
            Next::BytesTo(available) => available,
            Next::All => {
                return Ok(self
                    .verified_crc()
                    .map_or(ChunkRead::Aborted, ChunkRead::End));
            }
            Next::Aborted => return Ok(ChunkRead::Aborted),
        };
        let span = match self.span(max.max(1), available) {
            Ok(Some(span)) => span,
            Ok(None) => return Ok(ChunkRead::Aborted),
            Err(error) => return self.damaged(error),
        };
        self.position += span.length();
        if self.is_last_of_held() && self.verified_crc().is_none() {
            return Ok(ChunkRead::Aborted);
        }
        Ok(ChunkRead::Bytes(span))
    }

    async fn wait_for_bytes(&self, wait: Duration) -> Next {
        loop {
            let (available, outcome) = match &self.progress {
                None => (self.chunk.size, None),
                Some(progress) => {
                    // The outcome is read first, so that all bytes written before it are seen.
                    let outcome = progress.outcome();
                    (progress.position(), outcome)
                }
            };
            if outcome == Some(Outcome::Aborted) {
                return Next::Aborted;
            }
            if self.position < available {
                return Next::BytesTo(available);
            }
            if self.position == self.chunk.size && (self.progress.is_none() || outcome.is_some()) {
                return Next::All;
            }
            if let Some(progress) = &self.progress {
                // After its last byte this waits for the verdict.
                if !progress.follow(self.position, wait).await {
                    return Next::Aborted;
                }
            }
        }
    }

    /// Where the bytes after the position are; None if their object is gone.
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
                Arc::clone(self.handle.insert(Arc::new(open_for_reading(&slot)?)))
            }
        };
        let length = left.min(max as u64);
        Ok(Some(FileSpan::new(handle, span.offset + within, length)))
    }

    fn read(&mut self, max: usize, available: u64) -> Result<ChunkRead> {
        let read = match self.span(max, available) {
            Ok(Some(span)) => span.read(&mut self.buffer),
            Ok(None) => return Ok(ChunkRead::Aborted),
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => return self.damaged(error),
        };
        self.crc.update(&bytes);
        self.position += bytes.len() as u64;
        if self.is_last_of_held() && self.verdict().is_none() {
            return Ok(ChunkRead::Aborted);
        }
        Ok(ChunkRead::Bytes(bytes))
    }

    /// A client that knows the length of a body stops after its last byte. So a held chunk is
    /// judged before that byte is given out.
    fn is_last_of_held(&self) -> bool {
        self.progress.is_none() && self.position == self.chunk.size
    }

    /// A held chunk whose file cannot be read is lost. For a chunk in flight that is an error.
    fn damaged<T>(&self, error: Error) -> Result<ChunkRead<T>> {
        if self.progress.is_none() && self.is_held() {
            tracing::warn!(chunk = self.chunk.index, %error, "held_chunk_unreadable");
            damage::lose(&self.inner, self.chunk.index);
            return Ok(ChunkRead::Aborted);
        }
        if self.progress.is_none() {
            return Ok(ChunkRead::Aborted);
        }
        Err(error)
    }

    fn is_held(&self) -> bool {
        let state = self.inner.state().ledger.chunk(self.chunk.index);
        matches!(state, Some(ChunkState::Held { .. }))
    }

    fn end(&self) -> ChunkRead {
        self.verdict().map_or(ChunkRead::Aborted, ChunkRead::End)
    }

    /// The checksum of a held chunk that this run has verified.
    fn verified_crc(&self) -> Option<u64> {
        match self.inner.state().ledger.chunk(self.chunk.index) {
            Some(ChunkState::Held {
                crc,
                verified: true,
            }) => crc,
            _ => None,
        }
    }

    /// The checksum of all bytes, if the chunk is held with it. A held chunk with another checksum
    /// is lost.
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
            damage::lose(&self.inner, self.chunk.index);
        }
        None
    }
}
