//! The store's shared state, and what several of its parts do with it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::StoreOptions;
use super::begun::Begun;
use super::checks::{Sums, combine, sum_range};
use super::disk::Disk;
use super::flight::{Flight, Landing};
use super::lock::{Asked, DiskLock, ask};
use super::manifest::Manifest;
use super::slot::{Slot, locked};
use crate::beside::Opened;
use crate::decides::ledger::{ChunkState, Ledger, ObjectState};
use crate::error::Result;
use crate::model::{Chunk, ChunkIndex, ObjectIndex};

/// Guarded by one mutex; nothing in here touches a file.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) slots: HashMap<ObjectIndex, Arc<Slot>>,
    pub(crate) chunks: HashMap<ChunkIndex, Arc<Chunk>>,
    /// Of leased chunks, and of expected ones that a reader waits for.
    pub(crate) flights: HashMap<ChunkIndex, Arc<Flight>>,
    /// Of chunks that are not leased and may go on.
    pub(crate) begun: HashMap<ChunkIndex, Begun>,
    pub(crate) manifests: HashMap<PathBuf, Arc<Mutex<Manifest>>>,
    pub(crate) locks: HashMap<PathBuf, DiskLock>,
    pub(crate) lost: Vec<ChunkIndex>,
    /// Object, offset and verification of chunks of an earlier run, during a stocktaking.
    pub(crate) resumed: HashMap<(ObjectIndex, u64), bool>,
    pub(crate) left: bool,
}

impl State {
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

    /// Ends the flight of a chunk for its readers.
    pub(crate) fn abort(&mut self, chunk: ChunkIndex) {
        if let Some(flight) = self.flights.remove(&chunk) {
            flight.end(Landing::Aborted);
        }
    }

    /// The slots of a chunk's spans, in their order.
    pub(crate) fn slots_of(&self, chunk: &Chunk) -> Option<Vec<Arc<Slot>>> {
        let slot = |object| self.slots.get(&object).cloned();
        chunk.spans.iter().map(|span| slot(span.object)).collect()
    }
}

pub(crate) struct Inner {
    pub(crate) options: StoreOptions,
    pub(crate) disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// Some chunk or object changed its state: for in-order readers.
    pub(crate) changed: Condvar,
    /// Some chunk was lost.
    pub(crate) lost: Notify,
    /// Folders that are open.
    pub(crate) opened: Arc<Opened>,
    /// One stocktaking at a time, and none while the store is left.
    pub(crate) extending: Mutex<()>,
}

impl Inner {
    pub(crate) fn new(options: StoreOptions, disk: Arc<dyn Disk>) -> Self {
        Self {
            options,
            disk,
            state: Mutex::default(),
            changed: Condvar::new(),
            lost: Notify::new(),
            opened: Opened::new(),
            extending: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Reads a held chunk again. False if it is not what it should be; it is lost then.
    pub(crate) fn verify(&self, chunk: ChunkIndex) -> Result<bool> {
        let (known, slots) = {
            let state = self.state();
            let Some(known) = state.chunks.get(&chunk).cloned() else {
                return Ok(false);
            };
            let Some(slots) = state.slots_of(&known) else {
                return Ok(false);
            };
            (known, slots)
        };
        let read = read_chunk(&known, &slots)?;
        let crc = read
            .as_ref()
            .map(|sums| combine(sums.iter().map(|part| (part.crc, part.length))));
        if let (Some(sums), Some(crc)) = (read, crc)
            && self.state().ledger.confirm(chunk, crc)
        {
            for ((span, slot), sums) in known.spans.iter().zip(&slots).zip(sums) {
                slot.facts().sums.insert(span.offset, sums);
            }
            self.changed.notify_all();
            return Ok(true);
        }
        self.lose(chunk);
        Ok(false)
    }

    /// A held chunk is damaged on the disk: it is missing again, and reported.
    pub(crate) fn lose(&self, chunk: ChunkIndex) {
        let lost = self.forget(chunk);
        if lost.is_empty() {
            return;
        }
        self.options.stats.verification_failures.add(1);
        self.state().lost.extend(lost);
        self.lost.notify_one();
    }

    /// A held chunk is not to be believed: it is missing again, whatever it was pinned to.
    pub(crate) fn discard(&self, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        self.state().ledger.unpin(chunk);
        self.forget(chunk)
    }

    fn forget(&self, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        let mut reopened = Vec::new();
        let mut taken_back = Vec::new();
        let lost = {
            let mut state = self.state();
            for object in state.ledger.objects_of(chunk) {
                if state.ledger.object(object) == Some(ObjectState::Landed)
                    && matches!(state.ledger.chunk(chunk), Some(ChunkState::Held { .. }))
                {
                    reopened.extend(state.slots.get(&object).cloned());
                }
            }
            let lost = state.ledger.lose(chunk);
            for chunk in &lost {
                if let Some(known) = state.chunks.get(chunk) {
                    for span in &known.spans {
                        if let Some(slot) = state.slots.get(&span.object) {
                            taken_back.push((slot.clone(), *span));
                        }
                    }
                }
            }
            lost
        };
        for (slot, span) in taken_back {
            slot.take_back(span.offset, span.length);
        }
        for slot in reopened {
            self.reopen(&slot);
        }
        self.changed.notify_all();
        lost
    }

    /// A landed object is to be written anew: its record goes, and it needs the lock again.
    fn reopen(&self, slot: &Slot) {
        slot.drop_part();
        if let Err(error) = slot.set_record(None) {
            tracing::warn!(%error, "record_not_taken_back");
        }
        let path = slot.lock_path();
        if self.state().locks.contains_key(&path) {
            return;
        }
        let asked = match &slot.manifest {
            Some(manifest) => locked(manifest).settle().map(drop),
            None => Ok(()),
        };
        let path = slot.lock_path();
        let asked = asked.and_then(|()| ask(&slot.lock_dir()?, &path, &self.options.node));
        match asked {
            Ok(Asked::Ours(lock)) => {
                self.state().locks.insert(path, lock);
            }
            Ok(Asked::Theirs(_)) | Err(_) => {
                let mut state = self.state();
                state
                    .ledger
                    .set_object(slot.object.index, ObjectState::Elsewhere);
            }
        }
    }
}

/// The sums of a chunk's spans, read from the disk; None if a file ends too early.
pub(crate) fn read_chunk(chunk: &Chunk, slots: &[Arc<Slot>]) -> Result<Option<Vec<Sums>>> {
    let mut all = Vec::with_capacity(slots.len());
    for (span, slot) in chunk.spans.iter().zip(slots) {
        if span.length == 0 {
            all.push(super::checks::Summing::new(slot.second_algorithm()).sums());
            continue;
        }
        let handle = slot.open_for_reading()?;
        let second = slot.second_algorithm();
        let read = sum_range(handle.file(), span.offset, span.length, second).map_err(|error| {
            crate::error::Error::of_path(&error, "read the object", &slot.object.destination)
        })?;
        match read {
            Some(sums) => all.push(sums),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}
