//! What is on this node's disk: part files, journals, records, and the right to write.
//!
//! A chunk is *missing*, *leased* (one writer has it, and readers follow the writer), or *held*
//! (verified). Only a [`Lease`] writes, and a chunk has at most one. A reader that follows a writer
//! gets the verdict after the last byte.
//!
//! ```text
//! DIR/NAME                 the destination: the old file or the new one, whole
//! DIR/.NAME.xfd            its record              .GROUP.xfd        the manifest of a prefix
//! DIR/.NAME.xfd-part       the file being written
//! DIR/.NAME.xfd-journal    its chunks that are right
//! DIR/.NAME.xfd-lock       its writer's lock       .GROUP.xfd-lock   the lock of a prefix
//! ```
//!
//! Blobs of a hub cache have their files elsewhere, see [`hub_cache`].
//!
//! One mutex guards the ledger ([`crate::decides::ledger`]); no file is touched under it. A mutex of
//! each object guards what happens to its file as a whole ([`placing`]).
//!
//! Chunks of an earlier run are read again when the store is extended, or, if they are many, when
//! they are first served, unpacked or landed. A chunk that has changed on the disk is missing
//! again: [`Store::take_lost_chunks`].
//!
//! ```text
//!   mod (Store) ─► take_inventory ─► claims, resume, inventory ─► plan ─► inspect, elsewhere
//!               ─► twins: objects that are elsewhere on this node
//!               ─► lease ─► target, resumable       reader, in_order ─► damage
//!               ─► land ─► whole_object, placing ─► naming; land_tree
//!                        └─► pins ─► hashing     postponed: why an object does not land now
//!   all of them ─► inner (one mutex) ─► state ─► slot ─► manifest, part
//!   hub_cache: folders, locks and names of blobs
//!   recording, opening: the record and the files of a slot
//! ```

mod atomics;
mod blob_lock;
mod blob_place;
mod boot;
mod checks;
mod chunk_progress;
mod chunk_sums;
mod claims;
mod damage;
mod disk;
mod elsewhere;
mod facts;
mod file_span;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod handshake;
mod hashing;
mod home;
mod hub_cache;
mod in_order;
mod inner;
mod inspect;
mod inventory;
mod journal;
mod land;
mod land_tree;
mod lease;
mod leave;
mod listing;
mod lock;
mod manifest;
mod manifest_line;
mod naming;
mod opening;
mod options;
mod own_names;
mod part;
mod paths;
mod pins;
mod placing;
mod plan;
mod postponed;
mod reader;
mod record;
mod recorded_texts;
mod recording;
mod resumable;
mod resume;
mod room;
mod slot;
mod span_sums;
mod state;
mod take_inventory;
mod target;
mod twin_bytes;
mod twins;
mod unsynced;
mod whole_object;
mod write_behind;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::decides::ledger::Refusal;
pub use disk::{Disk, Room, StatVfs};
pub use file_span::FileSpan;
pub use in_order::InOrderReader;
pub use lease::{Committed, Lease};
pub use options::StoreOptions;
pub use pins::Unhashed;
pub use reader::{ChunkRead, ChunkReader};
pub use recorded_texts::{manifest_texts, record_path, record_text};
pub use twins::{FindTwins, NoTwins, Twin};
pub use write_behind::Unsynced;

use crate::error::Result;
use crate::model::{
    Catalog, CatalogObject, Checksum, ChecksumAlgorithm, Chunk, ChunkIndex, Inventory, ObjectIndex,
    SurveyedObject,
};
use crate::threads::locked;
use inner::Inner;

/// What one swarm has on one node's disk. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// A store with an empty catalog.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        Self::with_disk(options, Arc::new(StatVfs))
    }

    /// A store with another disk: it says how much room there is, and syncs.
    #[must_use]
    pub fn with_disk(options: StoreOptions, disk: Arc<dyn Disk>) -> Self {
        Self {
            inner: Arc::new(Inner::new(options, disk)),
        }
    }

    /// Adds to the catalog and takes an inventory of it: locks, cache verdicts, journals, room on
    /// the disk. Blocking. On an error the catalog is as before.
    ///
    /// Known objects that were locked by another writer, released or failed are inspected again, and
    /// those that have landed: what somebody has removed or changed since is missing. An object that
    /// is being fetched stays as it is. [`Store::ready`] then has the objects that
    /// are whole and have not landed.
    ///
    /// # Errors
    /// `DiskFull`, `DestinationNotWritable`, `DestinationNotEmpty`, `Destination`, `UnsafePath`;
    /// `Internal` for a chunk of an unknown object.
    pub fn extend(&self, catalog: Catalog) -> Result<Inventory> {
        self.extend_with(catalog, &NoTwins)
    }

    /// The same, and takes the bytes of objects that are elsewhere on this node from there. Those
    /// that are whole then have landed.
    ///
    /// # Errors
    /// As [`Store::extend`].
    pub fn extend_with(&self, catalog: Catalog, twins: &dyn FindTwins) -> Result<Inventory> {
        take_inventory::extend(&self.inner, catalog, twins)
    }

    /// How much of each object is on the disk: valid, or left by an earlier run, whose bytes are
    /// not read again. Changes nothing, makes no folder and takes no lock. Blocking.
    ///
    /// # Errors
    /// `Destination` if a folder is at a file's place, or the disk does not answer.
    pub fn survey(&self, catalog: &Catalog) -> Result<Vec<SurveyedObject>> {
        take_inventory::survey(&self.inner, catalog)
    }

    /// An object of the catalog.
    #[must_use]
    pub fn object(&self, object: ObjectIndex) -> Option<Arc<CatalogObject>> {
        let state = self.inner.state();
        state.slots.get(&object).map(|slot| slot.object.clone())
    }

    /// A chunk of the catalog.
    #[must_use]
    pub fn chunk(&self, chunk: ChunkIndex) -> Option<Arc<Chunk>> {
        self.inner.state().chunks.get(&chunk).cloned()
    }

    /// Open objects of which all chunks are held. After [`Store::extend`] these are objects that
    /// are empty, that an earlier run nearly finished, or whose archive is here and whose tree is
    /// not.
    #[must_use]
    pub fn ready(&self) -> Vec<ObjectIndex> {
        self.inner.state().ledger.whole_and_open()
    }

    /// Takes in the store's checksum of an object, if it came after the object was found. The
    /// catalog's checksum takes precedence, then the first one that was learned.
    pub fn learn_checksum(&self, object: ObjectIndex, checksum: Checksum) {
        let combines = matches!(
            checksum.algorithm,
            ChecksumAlgorithm::Crc64Nvme | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc32
        );
        if !combines && !self.inner.options.verify_whole {
            return;
        }
        let slot = self.inner.state().slots.get(&object).cloned();
        if let Some(slot) = slot {
            slot.learned_checksum.set(Box::new(checksum)).ok();
        }
    }

    /// Whether an object has several chunks and no known checksum of its store.
    #[must_use]
    pub fn lacks_checksum(&self, object: ObjectIndex) -> bool {
        let state = self.inner.state();
        let slot = state.slots.get(&object);
        slot.is_some_and(|slot| slot.checksum().is_none())
            && state.ledger.chunks_of(object).len() > 1
    }

    /// The right to write a chunk. The first lease of an object creates and preallocates its part
    /// file.
    ///
    /// # Errors
    /// The outer result says why the chunk cannot be leased. The inner one has what the disk said:
    /// `DiskFull`, `DestinationNotWritable` or `Destination`, or `Cancelled` if the chunk is no
    /// longer wanted.
    pub fn lease(&self, chunk: ChunkIndex) -> std::result::Result<Result<Lease>, Refusal> {
        lease::lease(&self.inner, chunk)
    }

    /// A chunk was committed: the part file, if it is worth a sync now.
    #[must_use]
    pub fn unsynced(&self, chunk: ChunkIndex) -> Option<Unsynced> {
        write_behind::unsynced(&self.inner, chunk)
    }

    /// A chunk was committed: what follows the hashed bytes of its object, if the object is pinned
    /// and no other thread hashes it.
    #[must_use]
    pub fn unhashed(&self, chunk: ChunkIndex) -> Option<Unhashed> {
        pins::unhashed(&self.inner, chunk)
    }

    /// An order for these chunks was accepted: readers of them wait instead of being refused.
    pub fn expect(&self, chunks: Range<ChunkIndex>) {
        let mut state = self.inner.state();
        for chunk in chunks {
            state.expect(chunk);
        }
    }

    /// The order was cancelled or failed: aborts readers that wait.
    pub fn unexpect(&self, chunk: ChunkIndex) {
        self.inner.state().unexpect(chunk);
    }

    /// A reader of a held, leased or expected chunk; None for any other.
    #[must_use]
    pub fn reader(&self, chunk: ChunkIndex) -> Option<ChunkReader> {
        ChunkReader::new(&self.inner, chunk)
    }

    /// A blocking reader of an object's verified bytes in their order, for unpacking while it
    /// arrives. None for an unknown object, or one in a pack.
    ///
    /// It ends at the object's end, if the combined checksum is the store's. It fails if that
    /// differs, if the object fails or is released, or if the store is left.
    #[must_use]
    pub fn in_order(&self, object: ObjectIndex) -> Option<InOrderReader> {
        InOrderReader::new(&self.inner, object)
    }

    /// The file with all bytes of a whole object.
    ///
    /// # Errors
    /// `Internal` for an object that is not whole.
    pub fn archive_path(&self, object: ObjectIndex) -> Result<PathBuf> {
        land_tree::archive_path(&self.inner, object)
    }

    /// Whether xfd made what is at the place of the object's tree.
    #[must_use]
    pub fn may_replace_tree(&self, object: ObjectIndex) -> bool {
        let slot = self.inner.state().slots.get(&object).cloned();
        slot.is_some_and(|slot| slot.facts().tree_is_ours)
    }

    /// Pins a chunk to a checksum. True if it is held with another one.
    pub fn pin(&self, chunk: ChunkIndex, crc: u64) -> bool {
        self.inner.state().ledger.pin(chunk, crc)
    }

    /// The checksum that a chunk is pinned to.
    #[must_use]
    pub fn pinned(&self, chunk: ChunkIndex) -> Option<u64> {
        self.inner.state().ledger.pinned(chunk)
    }

    /// Drops a held chunk that is bad, in the journal too, and its pin. An object that had landed
    /// with it is open again, without any of its chunks. Returns all chunks that are no longer
    /// held.
    pub fn discard(&self, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        damage::discard(&self.inner, chunk)
    }

    /// Held chunks that turned out damaged on the disk since the last call, while they were served,
    /// unpacked or landed. They are missing again. Those of [`Store::discard`] are not among them.
    #[must_use]
    pub fn take_lost_chunks(&self) -> Vec<ChunkIndex> {
        std::mem::take(&mut self.inner.state().lost)
    }

    /// Waits for the next lost chunks and takes them.
    pub async fn lost_chunks(&self) -> Vec<ChunkIndex> {
        loop {
            let notified = self.inner.lost.notified();
            let lost = self.take_lost_chunks();
            if !lost.is_empty() {
                return lost;
            }
            notified.await;
        }
    }

    /// Lands an object of which all chunks are held: compares the combined checksum with the
    /// store's, syncs, records, renames. Does nothing if it has landed. One thread at a time lands an
    /// object. Blocking.
    ///
    /// An object with a tree is only compared and synced; [`Store::land_with_tree`] does the rest.
    ///
    /// # Errors
    /// - `ChecksumMismatch` if the whole is wrong although its chunks are right; they stay held.
    /// - `Cancelled` if chunks of an earlier run were damaged and are missing again
    ///   ([`Store::take_lost_chunks`]), or the object is no longer wanted.
    /// - What the disk said.
    pub fn land(&self, object: ObjectIndex) -> Result<()> {
        match self.land_many(&[object]).pop() {
            Some((_, outcome)) => outcome,
            None => Ok(()),
        }
    }

    /// Lands many small objects at once, with one sync for all.
    pub fn land_many(&self, objects: &[ObjectIndex]) -> Vec<(ObjectIndex, Result<()>)> {
        land::land_many(&self.inner, objects)
    }

    /// Whether [`Store::land`] has taken an object's file and its tree is still to come.
    #[must_use]
    pub fn awaits_tree(&self, object: ObjectIndex) -> bool {
        land_tree::ready(&self.inner, object).is_ok()
    }

    /// Lands an object whose tree is made, after [`Store::land`] took its file. `put_in_place` puts
    /// the tree in its place; then both are recorded and the archive gets its name. If
    /// `put_in_place` fails, both places and the record are as before. Blocking.
    ///
    /// # Errors
    /// That of `put_in_place`; `Cancelled` if the object is not wanted or lacks chunks again; what
    /// the disk said; `Internal` for an object without a tree.
    pub fn land_with_tree(
        &self,
        object: ObjectIndex,
        put_in_place: impl FnOnce() -> Result<crate::unpack::Summary>,
    ) -> Result<()> {
        land_tree::land_with_tree(&self.inner, object, put_in_place)
    }

    /// Gives an object up: removes its part file and aborts its readers. False if it has landed or
    /// failed already, or was released.
    pub fn fail(&self, object: ObjectIndex) -> bool {
        leave::fail(&self.inner, object)
    }

    /// Releases objects that are no longer wanted. Their part files stay for a later run.
    pub fn release(&self, objects: &[ObjectIndex]) {
        leave::release(&self.inner, objects);
    }

    /// Ends the store: see `DataPlane.leave` in `xfd_api.ports`. Leaving twice does nothing.
    pub fn leave(&self) {
        let _alone = locked(&self.inner.extending);
        leave::leave(&self.inner);
    }
}
