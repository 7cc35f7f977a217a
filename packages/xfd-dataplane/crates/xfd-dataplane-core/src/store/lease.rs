//! Writing one chunk.

use std::sync::Arc;

use super::account::Inner;
use super::begun::Begun;
use super::behind;
use super::checks::{Summing, Sums, combine, compare_combined};
use super::flight::{Flight, Landing};
use super::slot::Slot;
use super::target::{Target, Written};
use crate::decides::ledger::{CommitRefusal, Refusal};
use crate::error::{Error, Kind, Result};
use crate::model::{Chunk, ChunkIndex, ObjectIndex};

/// The exclusive right to write one chunk. Dropped without [`Lease::commit`], it gives the chunk
/// back as missing. The next lease goes on behind what is written, if [`Lease::set_resumable`] says
/// so. If another order expects the chunk then, its readers wait for that lease; else their bodies
/// end with [`super::Follow::Aborted`].
pub struct Lease {
    inner: Arc<Inner>,
    chunk: Arc<Chunk>,
    flight: Arc<Flight>,
    slots: Vec<Arc<Slot>>,
    target: Target,
    /// Of the chunk.
    position: u64,
    /// Sums of the spans that are written.
    sums: Vec<Sums>,
    /// Of the span that is being written.
    summing: Summing,
    committed: bool,
    resumable: bool,
    /// Where this lease began.
    begun_at: u64,
}

/// A chunk that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// CRC-64/NVME of its bytes.
    pub crc: u64,
    /// Objects that have no chunk missing now.
    pub whole: Vec<ObjectIndex>,
}

pub(crate) fn lease(
    inner: &Arc<Inner>,
    index: ChunkIndex,
) -> std::result::Result<Result<Lease>, Refusal> {
    let (chunk, slots, written, flight, begun) = {
        let mut state = inner.state();
        let chunk = state.chunks.get(&index).cloned().ok_or(Refusal::Unwanted)?;
        let slots = state.slots_of(&chunk).ok_or(Refusal::Unwanted)?;
        if state.left {
            return Err(Refusal::Unwanted);
        }
        state.ledger.lease(index)?;
        let written = slots.iter().map(|it| Written::now(&state, it)).collect();
        let flight = state.flights.entry(index).or_default().clone();
        let begun = state.begun.remove(&index);
        let begun = begun.filter(|begun| begun.is_there(&state, &slots));
        let flight = match &begun {
            None if flight.position() > 0 => {
                // What its readers have got is not what is written now.
                state.abort(index);
                state.flights.entry(index).or_default().clone()
            }
            _ => flight,
        };
        (chunk, slots, written, flight, begun)
    };
    let begun = match begun {
        Some(begun) => begun,
        None => match Target::open(&slots, written) {
            Ok(target) => Begun {
                target,
                position: 0,
                summing: Summing::new(slots.first().and_then(|slot| slot.second_algorithm())),
            },
            Err(error) => {
                let mut state = inner.state();
                state.ledger.give_back(index);
                state.abort(index);
                return Ok(Err(error));
            }
        },
    };
    flight.advance(begun.position);
    Ok(Ok(Lease {
        inner: inner.clone(),
        chunk,
        flight,
        slots,
        target: begun.target,
        position: begun.position,
        sums: Vec::new(),
        summing: begun.summing,
        committed: false,
        resumable: false,
        begun_at: begun.position,
    }))
}

impl Lease {
    /// The chunk that is written.
    #[must_use]
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// Bytes of the chunk written so far; the next `write` goes there.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the chunk that an earlier lease has written.
    #[must_use]
    pub fn begun_at(&self) -> u64 {
        self.begun_at
    }

    /// Whether what is written so far, of a chunk of one object, is kept for the next lease.
    pub fn set_resumable(&mut self, is_resumable: bool) {
        self.resumable = is_resumable;
    }

    /// Writes the next bytes of the chunk (a pack's objects follow each other), takes them into the
    /// checksum and lets readers see them.
    ///
    /// # Errors
    /// `Internal` for more bytes than the chunk has; `DiskFull` and others that the disk gives.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.chunk.size - self.position {
            return Err(Error::new(
                Kind::Internal,
                format!("More bytes than the {} of the chunk", self.chunk.size),
            ));
        }
        while !bytes.is_empty() {
            self.pass_finished_spans()?;
            let within = self.sums.len();
            let span = self.chunk.spans[within];
            let done = self.written_of_span();
            if done == 0 && self.slots[within].told.get().is_some() {
                // Told by the answer that brings these bytes.
                self.summing = Summing::new(self.slots[within].second_algorithm());
            }
            let left = usize::try_from(span.length - done).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(left.min(bytes.len()));
            let at = span.offset + done;
            self.target
                .put(&self.slots[within], within, at, done == 0, now)?;
            if let Target::Shared(part) = &self.target {
                behind::wrote(&self.inner, &part.file, at, at + now.len() as u64);
            }
            self.summing.update(now);
            self.position += now.len() as u64;
            self.inner.options.stats.written_bytes.add(now.len() as u64);
            bytes = later;
        }
        self.flight.advance(self.position);
        Ok(())
    }

    fn written_of_span(&self) -> u64 {
        self.summing.length()
    }

    /// Moves on to the first span that lacks bytes.
    fn pass_finished_spans(&mut self) -> Result<()> {
        while let Some(span) = self.chunk.spans.get(self.sums.len())
            && self.summing.length() == span.length
        {
            let ended = self.sums.len();
            self.target.end_span(&self.slots[ended], ended)?;
            self.sums.push(self.summing.sums());
            let next = self.slots.get(self.sums.len());
            self.summing = Summing::new(next.and_then(|slot| slot.second_algorithm()));
        }
        Ok(())
    }

    /// Starts the chunk over; readers are aborted.
    pub fn rewind(&mut self) {
        let mut state = self.inner.state();
        state.abort(self.chunk.index);
        self.flight = state.flights.entry(self.chunk.index).or_default().clone();
        drop(state);
        self.position = 0;
        self.begun_at = 0;
        self.sums.clear();
        let first = self.slots.first();
        self.summing = Summing::new(first.and_then(|slot| slot.second_algorithm()));
        self.target.rewind();
    }

    /// CRC-64/NVME of the bytes written so far.
    #[must_use]
    pub fn crc(&self) -> u64 {
        let of_span = (self.sums.len() < self.chunk.spans.len()).then(|| self.summing.sums());
        let all = self.sums.iter().copied().chain(of_span);
        combine(all.map(|part| (part.crc, part.length)))
    }

    /// Checks length and checksum (against the pinned one if there is one, and `expected`), writes
    /// the journal and makes the chunk held.
    ///
    /// # Errors
    /// `ChecksumMismatch`; `Cancelled` when nobody wants the chunk any more; `Internal` for a chunk
    /// that is not written to its end, or of an object that was begun anew since the lease; what the disk said of the journal. The chunk is missing then.
    pub fn commit(mut self, expected: Option<u64>) -> Result<Committed> {
        // What turns out wrong is begun anew.
        self.resumable = false;
        self.pass_finished_spans()?;
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
            self.compare_told()?;
        }
        if self.target.was_replaced(&self.inner.state(), &self.slots) {
            return Err(replaced());
        }
        self.target.journal(&self.chunk, &self.slots, &self.sums)?;
        let mut state = self.inner.state();
        if self.target.was_replaced(&state, &self.slots) {
            drop(state);
            self.target.forget_in_journal(&self.chunk);
            return Err(replaced());
        }
        match state.ledger.commit(self.chunk.index, crc) {
            Ok(whole) => {
                for ((span, slot), sums) in self.chunk.spans.iter().zip(&self.slots).zip(&self.sums)
                {
                    slot.facts().sums.insert(span.offset, *sums);
                }
                state.flights.remove(&self.chunk.index);
                drop(state);
                self.committed = true;
                self.flight.end(Landing::Held(crc));
                self.inner.changed.notify_all();
                Ok(Committed { crc, whole })
            }
            Err(CommitRefusal::Pinned(should)) => {
                drop(state);
                self.target.forget_in_journal(&self.chunk);
                Err(self.mismatch(crc, should))
            }
            Err(CommitRefusal::Unwanted) => Err(Error::new(
                Kind::Cancelled,
                "Nobody wants the chunk any more",
            )),
        }
    }

    /// Compares the objects that lie in this chunk whole with what their answers told.
    fn compare_told(&self) -> Result<()> {
        for (slot, sums) in self.slots.iter().zip(&self.sums) {
            if let Some(checksum) = slot.told.get()
                && sums.length == slot.object.found.size
            {
                let compared = compare_combined(&slot.object, checksum, std::slice::from_ref(sums));
                let failures = &self.inner.options.stats.verification_failures;
                compared.inspect_err(|_| failures.add(1))?;
            }
        }
        Ok(())
    }

    /// What the next lease is to go on from.
    fn take_begun(&mut self) -> Option<Begun> {
        let Target::Shared(part) = &self.target else {
            return None;
        };
        let is_within = (1..self.chunk.size).contains(&self.position);
        (self.resumable && is_within).then(|| Begun {
            target: Target::Shared(part.clone()),
            position: self.position,
            summing: std::mem::replace(&mut self.summing, Summing::new(None)),
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
        let begun = self.take_begun();
        let chunk = self.chunk.index;
        let mut state = self.inner.state();
        state.ledger.give_back(chunk);
        if let Some(begun) = begun
            && !state.left
        {
            state.begun.insert(chunk, begun);
            if state.ledger.is_expected(chunk) {
                return;
            }
        }
        state.abort(chunk);
        drop(state);
        self.flight.end(Landing::Aborted);
    }
}

fn replaced() -> Error {
    Error::new(Kind::Internal, "The part file was begun anew meanwhile")
}
