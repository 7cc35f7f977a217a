//! Checksums of a chunk's spans, while they are written.

use std::sync::Arc;

use super::checks::{Summing, Sums, combine};
use super::slot::Slot;

/// Sums of the spans that are complete, and the running one.
pub(crate) struct SpanSums {
    complete: Vec<Sums>,
    current: Summing,
}

impl SpanSums {
    /// Before the first byte of a chunk.
    pub(crate) fn new(slots: &[Arc<Slot>]) -> Self {
        Self::resume(summing_for(slots.first()))
    }

    /// In the first span, of which `current` has the bytes so far.
    pub(crate) fn resume(current: Summing) -> Self {
        Self {
            complete: Vec::new(),
            current,
        }
    }

    /// The place of the running span in the chunk.
    pub(crate) fn span(&self) -> usize {
        self.complete.len()
    }

    /// Bytes of the running span.
    pub(crate) fn written(&self) -> u64 {
        self.current.length()
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.current.update(bytes);
    }

    /// Starts the running span over, for a checksum of its store that was learned meanwhile.
    pub(crate) fn restart_span(&mut self, slot: &Slot) {
        self.current = Summing::new(slot.second_algorithm());
    }

    /// The running span is complete.
    pub(crate) fn end_span(&mut self, slots: &[Arc<Slot>]) {
        self.complete.push(self.current.sums());
        self.current = summing_for(slots.get(self.complete.len()));
    }

    /// Sums of the spans that are complete.
    pub(crate) fn complete(&self) -> &[Sums] {
        &self.complete
    }

    /// CRC-64/NVME of the bytes so far, of a chunk with this number of spans.
    pub(crate) fn crc(&self, spans: usize) -> u64 {
        let running = (self.complete.len() < spans).then(|| self.current.sums());
        let all = self.complete.iter().copied().chain(running);
        combine(all.map(|part| (part.crc, part.length)))
    }

    /// Takes the running sums out, for the next lease of a chunk of one span.
    pub(crate) fn take_current(&mut self) -> Summing {
        std::mem::replace(&mut self.current, Summing::new(None))
    }
}

fn summing_for(slot: Option<&Arc<Slot>>) -> Summing {
    Summing::new(slot.and_then(|slot| slot.second_algorithm()))
}
