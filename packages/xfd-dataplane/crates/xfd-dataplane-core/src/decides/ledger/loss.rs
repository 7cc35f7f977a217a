//! Held chunks that are read again, and what follows if one of them is bad.

use super::{ChunkState, Ledger, ObjectState};
use crate::model::ChunkIndex;

impl Ledger {
    /// A held chunk was read again, and `read` is its checksum. False if it should have another
    /// one.
    pub fn confirm(&mut self, chunk: ChunkIndex, read: u64) -> bool {
        let Some(entry) = self.chunks.get_mut(&chunk) else {
            return false;
        };
        let ChunkState::Held { crc, .. } = entry.state else {
            return false;
        };
        if crc.or(entry.pinned).is_some_and(|should| should != read) {
            return false;
        }
        entry.state = ChunkState::Held {
            crc: Some(read),
            verified: true,
        };
        true
    }

    /// A held chunk is bad: it is missing again. An object that had landed with it is open again
    /// and loses all of its chunks, because its file is written again. Returns all chunks that are
    /// lost.
    pub fn lose(&mut self, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        let Some(ChunkState::Held { .. }) = self.chunk(chunk) else {
            return Vec::new();
        };
        let mut lost = vec![chunk];
        for object in self.objects_of(chunk) {
            if self.object(object) == Some(ObjectState::Landed) {
                self.set_object(object, ObjectState::Open);
                lost.extend(self.chunks_of(object));
            }
        }
        lost.sort_unstable();
        lost.dedup();
        lost.retain(|chunk| self.forget(*chunk));
        lost
    }

    /// Makes a held chunk missing; its objects keep their states. False if it was not held.
    pub fn forget(&mut self, chunk: ChunkIndex) -> bool {
        let Some(entry) = self.chunks.get_mut(&chunk) else {
            return false;
        };
        if !matches!(entry.state, ChunkState::Held { .. }) {
            return false;
        }
        entry.state = ChunkState::Missing;
        for object in &entry.objects {
            if let Some(object_entry) = self.objects.get_mut(object) {
                object_entry.missing += 1;
            }
        }
        true
    }
}
