//! Which chunks are missing, leased or held, and which objects are whole.
//!
//! ```text
//!              lease                 commit
//!   Missing ──────────▶ Leased ─────────────────▶ Held
//!      ▲     give_back    │                        │
//!      ├──────────────────┘          lose          │
//!      └───────────────────────────────────────────┘
//! ```
//!
//! Invariants, re-derived by [`Ledger::check`]:
//!
//! 1. A chunk and its objects name each other.
//! 2. `missing` of an object is the number of its chunks that are not held.
//! 3. A held chunk with a known checksum agrees with the pinned one, if both are known.
//! 4. Of a landed object all chunks are held, or none (a tree without its archive).
//! 5. A held chunk is not expected.

mod check;
mod loss;
mod states;

use std::collections::BTreeMap;

pub use self::states::{ChunkState, CommitRefusal, ObjectState, Refusal};
use crate::model::{ChunkIndex, ObjectIndex};

#[derive(Debug)]
struct ChunkEntry {
    state: ChunkState,
    expected: bool,
    pinned: Option<u64>,
    objects: Vec<ObjectIndex>,
}

#[derive(Debug)]
struct ObjectEntry {
    state: ObjectState,
    chunks: Vec<ChunkIndex>,
    missing: usize,
}

/// The account of one swarm's chunks and objects on one node.
#[derive(Debug, Default)]
pub struct Ledger {
    chunks: BTreeMap<ChunkIndex, ChunkEntry>,
    objects: BTreeMap<ObjectIndex, ObjectEntry>,
}

impl Ledger {
    /// Adds an object, open and without chunks. A known one stays as it is.
    pub fn add_object(&mut self, object: ObjectIndex) {
        self.objects.entry(object).or_insert(ObjectEntry {
            state: ObjectState::Open,
            chunks: Vec::new(),
            missing: 0,
        });
    }

    /// Adds a missing chunk of known objects. A known one stays as it is.
    pub fn add_chunk(&mut self, chunk: ChunkIndex, objects: impl IntoIterator<Item = ObjectIndex>) {
        if self.chunks.contains_key(&chunk) {
            return;
        }
        let mut of: Vec<ObjectIndex> = objects.into_iter().collect();
        of.retain(|object| self.objects.contains_key(object));
        of.dedup();
        for object in &of {
            if let Some(entry) = self.objects.get_mut(object) {
                entry.chunks.push(chunk);
                entry.missing += 1;
            }
        }
        self.chunks.insert(
            chunk,
            ChunkEntry {
                state: ChunkState::Missing,
                expected: false,
                pinned: None,
                objects: of,
            },
        );
    }

    /// The state of an object; None for one that is not in the catalog.
    #[must_use]
    pub fn object(&self, object: ObjectIndex) -> Option<ObjectState> {
        self.objects.get(&object).map(|entry| entry.state)
    }

    /// Sets the state of an object.
    pub fn set_object(&mut self, object: ObjectIndex, state: ObjectState) {
        if let Some(entry) = self.objects.get_mut(&object) {
            entry.state = state;
        }
    }

    /// The chunks of an object, in the order they were added.
    #[must_use]
    pub fn chunks_of(&self, object: ObjectIndex) -> &[ChunkIndex] {
        self.objects
            .get(&object)
            .map_or(&[], |entry| entry.chunks.as_slice())
    }

    /// Whether all chunks of an object are held.
    #[must_use]
    pub fn is_whole(&self, object: ObjectIndex) -> bool {
        self.objects
            .get(&object)
            .is_some_and(|entry| entry.missing == 0)
    }

    /// Open objects of which all chunks are held.
    #[must_use]
    pub fn whole_and_open(&self) -> Vec<ObjectIndex> {
        self.objects
            .iter()
            .filter(|(_, entry)| entry.state == ObjectState::Open && entry.missing == 0)
            .map(|(object, _)| *object)
            .collect()
    }

    /// Chunks of an object that an earlier run wrote and this run has not read again.
    #[must_use]
    pub fn unverified(&self, object: ObjectIndex) -> Vec<ChunkIndex> {
        let unread = |chunk: &ChunkIndex| {
            matches!(
                self.chunk(*chunk),
                Some(ChunkState::Held {
                    verified: false,
                    ..
                })
            )
        };
        let chunks = self.chunks_of(object).iter().copied();
        chunks.filter(unread).collect()
    }

    /// The state of a chunk; None for one that is not in the catalog.
    #[must_use]
    pub fn chunk(&self, chunk: ChunkIndex) -> Option<ChunkState> {
        self.chunks.get(&chunk).map(|entry| entry.state)
    }

    /// The checksum of a held chunk, if it is known.
    #[must_use]
    pub fn crc(&self, chunk: ChunkIndex) -> Option<u64> {
        match self.chunk(chunk) {
            Some(ChunkState::Held { crc, .. }) => crc,
            _ => None,
        }
    }

    /// Makes a missing chunk leased.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn lease(&mut self, chunk: ChunkIndex) -> Result<(), Refusal> {
        let wanted = self.is_wanted(chunk);
        let entry = self.chunks.get_mut(&chunk).ok_or(Refusal::Unwanted)?;
        match entry.state {
            ChunkState::Held { crc, .. } => Err(Refusal::Held(crc)),
            _ if !wanted => Err(Refusal::Unwanted),
            ChunkState::Leased => Err(Refusal::Leased),
            ChunkState::Missing => {
                entry.state = ChunkState::Leased;
                Ok(())
            }
        }
    }

    /// Makes a leased chunk missing again.
    pub fn give_back(&mut self, chunk: ChunkIndex) {
        if let Some(entry) = self.chunks.get_mut(&chunk)
            && entry.state == ChunkState::Leased
        {
            entry.state = ChunkState::Missing;
        }
    }

    /// Makes a leased chunk held; the open objects that it makes whole.
    ///
    /// # Errors
    /// Why it is not; the chunk is leased as before.
    pub fn commit(
        &mut self,
        chunk: ChunkIndex,
        crc: u64,
    ) -> Result<Vec<ObjectIndex>, CommitRefusal> {
        if !self.is_wanted(chunk) || self.chunk(chunk) != Some(ChunkState::Leased) {
            return Err(CommitRefusal::Unwanted);
        }
        match self.pinned(chunk) {
            Some(pinned) if pinned != crc => Err(CommitRefusal::Pinned(pinned)),
            _ => Ok(self.hold(chunk, Some(crc), true)),
        }
    }

    /// Makes a chunk held that is on the disk already; the open objects that it makes whole. A
    /// chunk that differs from its pin stays missing.
    pub fn hold(
        &mut self,
        chunk: ChunkIndex,
        crc: Option<u64>,
        verified: bool,
    ) -> Vec<ObjectIndex> {
        let Some(entry) = self.chunks.get_mut(&chunk) else {
            return Vec::new();
        };
        let differs = matches!((crc, entry.pinned), (Some(is), Some(should)) if is != should);
        if differs || matches!(entry.state, ChunkState::Held { .. }) {
            return Vec::new();
        }
        entry.state = ChunkState::Held { crc, verified };
        entry.expected = false;
        let mut whole = Vec::new();
        for object in &entry.objects {
            if let Some(object_entry) = self.objects.get_mut(object) {
                object_entry.missing -= 1;
                if object_entry.missing == 0 && object_entry.state == ObjectState::Open {
                    whole.push(*object);
                }
            }
        }
        whole
    }

    /// Pins a chunk to a checksum. True, and nothing changes, if it is held with another one.
    pub fn pin(&mut self, chunk: ChunkIndex, crc: u64) -> bool {
        let Some(entry) = self.chunks.get_mut(&chunk) else {
            return false;
        };
        match entry.state {
            ChunkState::Held { crc: Some(is), .. } if is != crc => true,
            _ => {
                entry.pinned = Some(crc);
                false
            }
        }
    }

    /// Removes the pin of a chunk.
    pub fn unpin(&mut self, chunk: ChunkIndex) {
        if let Some(entry) = self.chunks.get_mut(&chunk) {
            entry.pinned = None;
        }
    }

    /// The checksum that a chunk is pinned to.
    #[must_use]
    pub fn pinned(&self, chunk: ChunkIndex) -> Option<u64> {
        self.chunks.get(&chunk).and_then(|entry| entry.pinned)
    }

    /// An order for the chunk was accepted, or has ended.
    pub fn set_expected(&mut self, chunk: ChunkIndex, expected: bool) {
        if let Some(entry) = self.chunks.get_mut(&chunk) {
            entry.expected = expected && !matches!(entry.state, ChunkState::Held { .. });
        }
    }

    /// Whether an order for the chunk was accepted and has not ended.
    #[must_use]
    pub fn is_expected(&self, chunk: ChunkIndex) -> bool {
        self.chunks.get(&chunk).is_some_and(|entry| entry.expected)
    }

    /// The objects that have bytes in a chunk.
    #[must_use]
    pub fn objects_of(&self, chunk: ChunkIndex) -> Vec<ObjectIndex> {
        self.chunks
            .get(&chunk)
            .map_or_else(Vec::new, |entry| entry.objects.clone())
    }

    /// Whether an open object has bytes in the chunk.
    #[must_use]
    pub fn is_wanted(&self, chunk: ChunkIndex) -> bool {
        self.chunks.get(&chunk).is_some_and(|entry| {
            let open = |object| self.object(object) == Some(ObjectState::Open);
            entry.objects.iter().any(|object| open(*object))
        })
    }
}
