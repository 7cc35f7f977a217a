//! The right to write one chunk.

use std::sync::Arc;

use super::checks::compare_combined;
use super::chunk_progress::{ChunkProgress, Outcome};
use super::inner::Inner;
use super::resumable::Resumable;
use super::slot::Slot;
use super::span_sums::SpanSums;
use super::target::{Target, Written};
use super::write_behind;
use crate::decides::ledger::{CommitRefusal, Refusal};
use crate::error::{Error, Kind, Result};
use crate::model::{Chunk, ChunkIndex, ObjectIndex};

/// The exclusive right to write one chunk.
///
/// Dropped without [`Lease::commit`], it gives the chunk back as missing. If
/// [`Lease::set_resumable`] says so, the next lease resumes it. If another order expects the chunk,
/// its readers wait for that lease; if none does, they get [`super::ChunkRead::Aborted`].
pub struct Lease {
    inner: Arc<Inner>,
    chunk: Arc<Chunk>,
    progress: Arc<ChunkProgress>,
    slots: Vec<Arc<Slot>>,
    target: Target,
    /// In the chunk.
    position: u64,
    sums: SpanSums,
    committed: bool,
    is_resumable: bool,
    /// The position at which this lease started.
    resumed_at: u64,
}

/// A chunk that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// CRC-64/NVME of its bytes.
    pub crc: u64,
    /// Objects that have no chunk missing now.
    pub whole: Vec<ObjectIndex>,
}

/// See [`super::Store::lease`].
pub(crate) fn lease(
    inner: &Arc<Inner>,
    index: ChunkIndex,
) -> std::result::Result<Result<Lease>, Refusal> {
    let (chunk, slots, written, progress, resumable) = {
        let mut state = inner.state();
        let chunk = state.chunks.get(&index).cloned().ok_or(Refusal::Unwanted)?;
        let slots = state.slots_of(&chunk).ok_or(Refusal::Unwanted)?;
        if state.left {
            return Err(Refusal::Unwanted);
        }
        state.ledger.lease(index)?;
        let written = slots
            .iter()
            .map(|it| Written::now(&state.ledger, it))
            .collect();
        let progress = state.progress.entry(index).or_default().clone();
        let resumable = state.resumable.remove(&index);
        let resumable = resumable.filter(|it| it.is_there(&state.ledger, &slots));
        let progress = match &resumable {
            None if progress.position() > 0 => {
                // The chunk starts over, so readers that have its start are aborted.
                state.abort(index);
                state.progress.entry(index).or_default().clone()
            }
            _ => progress,
        };
        (chunk, slots, written, progress, resumable)
    };
    let resumable = match resumable {
        Some(resumable) => resumable,
        None => match Target::open(&slots, written) {
            Ok(target) => Resumable {
                target,
                position: 0,
                summing: SpanSums::new(&slots).take_current(),
            },
            Err(error) => {
                let error = why_not(inner, index, error);
                let mut state = inner.state();
                state.ledger.give_back(index);
                state.abort(index);
                return Ok(Err(error));
            }
        },
    };
    progress.advance(resumable.position);
    Ok(Ok(Lease {
        inner: inner.clone(),
        chunk,
        progress,
        slots,
        target: resumable.target,
        position: resumable.position,
        sums: SpanSums::resume(resumable.summing),
        committed: false,
        is_resumable: false,
        resumed_at: resumable.position,
    }))
}

impl Lease {
    /// The chunk that is written.
    #[must_use]
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// Bytes of the chunk written so far. The next [`Lease::write`] continues there.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the chunk that an earlier lease has written.
    #[must_use]
    pub fn resumed_at(&self) -> u64 {
        self.resumed_at
    }

    /// Whether the next lease may resume the chunk. A pack never resumes.
    pub fn set_resumable(&mut self, is_resumable: bool) {
        self.is_resumable = is_resumable;
    }

    /// Writes the next bytes of the chunk, adds them to the checksum and shows them to readers. A
    /// pack's objects follow each other.
    ///
    /// # Errors
    /// `Cancelled` if the chunk is no longer wanted and they cannot be written; `Internal` for more
    /// bytes than the chunk has; `DiskFull` and others from the disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.put(bytes);
        written.map_err(|error| why_not(&self.inner, self.chunk.index, error))
    }

    /// The same; an error may say what follows from the chunk being unwanted.
    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.chunk.size - self.position {
            return Err(Error::new(
                Kind::Internal,
                format!("More bytes than the {} of the chunk", self.chunk.size),
            ));
        }
        while !bytes.is_empty() {
            self.pass_complete_spans()?;
            let within = self.sums.span();
            let span = self.chunk.spans[within];
            let done = self.sums.written();
            if done == 0 && self.slots[within].learned_checksum.get().is_some() {
                // The head of the answer that brings these bytes had the checksum.
                self.sums.restart_span(&self.slots[within]);
            }
            let left = usize::try_from(span.length - done).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(left.min(bytes.len()));
            let at = span.offset + done;
            self.target
                .put(&self.slots[within], within, at, done == 0, now)?;
            if let Target::Shared(part) = &self.target {
                write_behind::wrote(&self.inner, &part.file, at, at + now.len() as u64);
            }
            self.sums.update(now);
            self.position += now.len() as u64;
            self.inner.options.stats.written_bytes.add(now.len() as u64);
            bytes = later;
        }
        self.progress.advance(self.position);
        Ok(())
    }

    /// Goes on to the first span that is not complete.
    fn pass_complete_spans(&mut self) -> Result<()> {
        while let Some(span) = self.chunk.spans.get(self.sums.span())
            && self.sums.written() == span.length
        {
            let ended = self.sums.span();
            self.target.end_span(&self.slots[ended], ended)?;
            self.sums.end_span(&self.slots);
        }
        Ok(())
    }

    /// Starts the chunk over and aborts its readers.
    pub fn rewind(&mut self) {
        let mut state = self.inner.state();
        state.abort(self.chunk.index);
        self.progress = state.progress.entry(self.chunk.index).or_default().clone();
        drop(state);
        self.position = 0;
        self.resumed_at = 0;
        self.sums = SpanSums::new(&self.slots);
        self.target.rewind();
    }

    /// CRC-64/NVME of the bytes written so far.
    #[must_use]
    pub fn crc(&self) -> u64 {
        self.sums.crc(self.chunk.spans.len())
    }

    /// Checks length and checksum, writes the journal and makes the chunk held. The checksum has to
    /// equal the pinned one, if there is one, and `expected`.
    ///
    /// # Errors
    /// The chunk is missing then.
    /// - `ChecksumMismatch`.
    /// - `Cancelled` if the chunk is no longer wanted.
    /// - `Internal` if bytes are missing, or the part file was started over since the lease.
    /// - What the disk said of the journal.
    pub fn commit(self, expected: Option<u64>) -> Result<Committed> {
        let (inner, chunk) = (self.inner.clone(), self.chunk.index);
        let committed = self.hold(expected);
        committed.map_err(|error| match error.kind {
            Kind::ChecksumMismatch => error,
            _ => why_not(&inner, chunk, error),
        })
    }

    /// The same; an error may say what follows from the chunk being unwanted.
    fn hold(mut self, expected: Option<u64>) -> Result<Committed> {
        // A chunk that is wrong starts over.
        self.is_resumable = false;
        self.pass_complete_spans()?;
        if self.position != self.chunk.size {
            return Err(Error::new(
                Kind::Internal,
                format!(
                    "The chunk has {} of {} bytes",
                    self.position, self.chunk.size
                ),
            ));
        }
        let crc = self.crc();
        let pinned = self.inner.state().ledger.pinned(self.chunk.index);
        for should in [expected, pinned].into_iter().flatten() {
            if should != crc {
                return Err(self.mismatch(crc, should));
            }
        }
        if expected.is_none() {
            self.compare_learned()?;
        }
        if self
            .target
            .was_replaced(&self.inner.state().ledger, &self.slots)
        {
            return Err(replaced());
        }
        let sums = self.sums.complete();
        self.target.journal(&self.chunk, &self.slots, sums)?;
        let mut state = self.inner.state();
        if self.target.was_replaced(&state.ledger, &self.slots) {
            drop(state);
            self.target.forget_in_journal(&self.chunk);
            return Err(replaced());
        }
        match state.ledger.commit(self.chunk.index, crc) {
            Ok(whole) => {
                for ((span, slot), sums) in self.chunk.spans.iter().zip(&self.slots).zip(sums) {
                    slot.facts().sums.insert(span.offset, *sums);
                }
                state.progress.remove(&self.chunk.index);
                drop(state);
                self.committed = true;
                self.progress.end(Outcome::Held(crc));
                self.inner.changed.notify_all();
                Ok(Committed { crc, whole })
            }
            Err(CommitRefusal::Pinned(should)) => {
                drop(state);
                self.target.forget_in_journal(&self.chunk);
                Err(self.mismatch(crc, should))
            }
            Err(CommitRefusal::Unwanted) => Err(unwanted()),
        }
    }

    /// Compares the objects that this chunk has whole with the checksums of their answers.
    fn compare_learned(&self) -> Result<()> {
        for (slot, sums) in self.slots.iter().zip(self.sums.complete()) {
            if let Some(checksum) = slot.learned_checksum.get()
                && sums.length == slot.object.found.size
            {
                let compared = compare_combined(&slot.object, checksum, std::slice::from_ref(sums));
                let failures = &self.inner.options.stats.verification_failures;
                compared.inspect_err(|_| failures.add(1))?;
            }
        }
        Ok(())
    }

    /// What the next lease resumes from.
    fn take_resumable(&mut self) -> Option<Resumable> {
        let Target::Shared(part) = &self.target else {
            return None;
        };
        let is_within = (1..self.chunk.size).contains(&self.position);
        (self.is_resumable && is_within).then(|| Resumable {
            target: Target::Shared(part.clone()),
            position: self.position,
            summing: self.sums.take_current(),
        })
    }

    fn mismatch(&self, is: u64, should: u64) -> Error {
        self.inner.options.stats.verification_failures.add(1);
        let error = Error::new(
            Kind::ChecksumMismatch,
            format!(
                "Chunk {} has CRC-64/NVME {is:016x} instead of {should:016x}",
                self.chunk.index
            ),
        );
        match self.slots.first() {
            Some(slot) => error.with_object(&slot.object.found.key),
            None => error,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let resumable = self.take_resumable();
        let chunk = self.chunk.index;
        let mut state = self.inner.state();
        state.ledger.give_back(chunk);
        if let Some(resumable) = resumable
            && !state.left
        {
            state.resumable.insert(chunk, resumable);
            if state.ledger.is_expected(chunk) {
                return;
            }
        }
        state.abort(chunk);
        drop(state);
        self.progress.end(Outcome::Aborted);
    }
}

/// Why a chunk is not written: if it is not wanted any more, its files were taken away, and whatever
/// else was found follows from that.
fn why_not(inner: &Inner, chunk: ChunkIndex, error: Error) -> Error {
    match inner.state().ledger.is_wanted(chunk) {
        true => error,
        false => unwanted(),
    }
}

fn unwanted() -> Error {
    Error::new(Kind::Cancelled, "The chunk is no longer wanted")
}

fn replaced() -> Error {
    Error::new(Kind::Internal, "The part file was started over meanwhile")
}
