//! What a store knows of its chunks and objects, guarded by one mutex. Nothing in here touches a
//! file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::chunk_progress::{ChunkProgress, Outcome};
use super::lock::DiskLock;
use super::manifest::Manifest;
use super::resumable::Resumable;
use super::slot::Slot;
use crate::decides::ledger::{ChunkState, Ledger, ObjectState};
use crate::model::{Chunk, ChunkIndex, ObjectIndex};
use crate::threads::Mutex;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) slots: HashMap<ObjectIndex, Arc<Slot>>,
    pub(crate) chunks: HashMap<ChunkIndex, Arc<Chunk>>,
    /// Of leased chunks, and of expected ones that a reader waits for.
    pub(crate) progress: HashMap<ChunkIndex, Arc<ChunkProgress>>,
    /// Chunks without a lease that the next one resumes.
    pub(crate) resumable: HashMap<ChunkIndex, Resumable>,
    pub(crate) manifests: HashMap<PathBuf, Arc<Mutex<Manifest>>>,
    pub(crate) locks: HashMap<PathBuf, DiskLock>,
    /// Chunks that were lost since they were last asked for.
    pub(crate) lost: Vec<ChunkIndex>,
    /// While an inventory is taken: whether a chunk of an earlier run was verified, by object and
    /// offset.
    pub(crate) resumed: HashMap<(ObjectIndex, u64), bool>,
    pub(crate) left: bool,
}

impl State {
    /// Whether an object is wanted and has not landed.
    pub(crate) fn is_open(&self, object: ObjectIndex) -> bool {
        self.ledger.object(object) == Some(ObjectState::Open)
    }

    pub(crate) fn expect(&mut self, chunk: ChunkIndex) {
        if self.ledger.is_wanted(chunk) {
            self.ledger.set_expected(chunk, true);
        }
    }

    pub(crate) fn unexpect(&mut self, chunk: ChunkIndex) {
        self.ledger.set_expected(chunk, false);
        if self.ledger.chunk(chunk) != Some(ChunkState::Leased) {
            self.abort(chunk);
        }
    }

    /// Ends a chunk for the readers that follow it.
    pub(crate) fn abort(&mut self, chunk: ChunkIndex) {
        if let Some(progress) = self.progress.remove(&chunk) {
            progress.end(Outcome::Aborted);
        }
    }

    /// The slots of a chunk's spans, in their order.
    pub(crate) fn slots_of(&self, chunk: &Chunk) -> Option<Vec<Arc<Slot>>> {
        let slot = |object| self.slots.get(&object).cloned();
        chunk.spans.iter().map(|span| slot(span.object)).collect()
    }
}
