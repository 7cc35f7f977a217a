//! What is on this node's disk: part files, the journal, records, and who may write which bytes.
//!
//! A chunk is *missing*, *leased* (one writer has it, readers follow behind the writer), or *held*
//! (verified, readable by anyone). Only a [`Lease`] writes, and a chunk has at most one. Readers
//! never see an unverified chunk end: the last byte of a chunk in flight is followed by the verdict.
//!
//! ```text
//! DIR/NAME                 the destination: the old file or the new one, whole
//! DIR/.NAME.xfd            its record              .GROUP.xfd        of a prefix: its manifest
//! DIR/.NAME.xfd-part       what is being written
//! DIR/.NAME.xfd-journal    which chunks of it are right
//! DIR/.NAME.xfd-lock       who writes it           .GROUP.xfd-lock   who writes below the prefix
//! ```
//!
//! One mutex guards the account ([`crate::decides::ledger`]); no file is touched under it. Chunks
//! of an earlier run are read again when the store is extended, or, where they are many, when they
//! are first served, unpacked or landed. One that has changed on the disk since is missing again:
//! [`Store::take_lost_chunks`].

mod account;
mod begun;
mod behind;
mod checks;
mod disk;
mod file_span;
mod flight;
mod home;
mod in_order;
mod inspect;
mod inventory;
mod journal;
mod land;
mod lease;
mod leave;
mod listing;
mod lock;
mod manifest;
mod paths;
mod plan;
mod reader;
mod record;
mod resume;
mod room;
mod slot;
mod stock;
mod target;
mod tree;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::decides::ledger::Refusal;
pub use behind::Unsynced;
pub use disk::{Disk, Room, StatVfs};
pub use file_span::FileSpan;
pub use in_order::InOrderReader;
pub use lease::{Committed, Lease};
pub use reader::{ChunkReader, Follow};

use crate::error::Result;
use crate::model::{
    Catalog, CatalogObject, Checksum, ChecksumAlgorithm, Chunk, ChunkIndex, Durability, Here,
    Inventory, NodeId, ObjectIndex,
};
use crate::stats::Stats;
use account::Inner;
use slot::locked;

/// Where the record of a file, or the manifest of a prefix's folder, is.
#[must_use]
pub fn record_path(destination: &Path) -> PathBuf {
    paths::beside(destination, paths::RECORD)
}

/// The content of the record of a file, if there is one that is believed; else why not.
///
/// # Errors
/// What the disk said.
pub fn record_text(destination: &Path) -> Result<(Option<Vec<u8>>, Option<String>)> {
    match crate::beside::folder_of(destination)? {
        Some(dir) => dir.read_or_why(&record_path(destination), record::RECORD_MOST),
        None => Ok((None, None)),
    }
}

/// The content of the manifests of a prefix's folder that are believed; later ones count more.
///
/// # Errors
/// What the disk said.
pub fn manifest_texts(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let homes = home::homes(&crate::beside::Opened::new(), folder)?;
    let texts = homes
        .iter()
        .map(|home| home.dir()?.read(&home.manifest, manifest::MANIFEST_MOST));
    let texts: Vec<_> = texts.collect::<Result<_>>()?;
    Ok(texts.into_iter().flatten().collect())
}

/// How a store works.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Identity written into lock files.
    pub node: NodeId,
    /// Whether files are synced before they get their names.
    pub durability: Durability,
    /// Compare SHA-256 or MD5 over the finished file, where the store has only that.
    pub verify_whole: bool,
    /// Of the swarm.
    pub stats: Arc<Stats>,
}

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

    /// The same, asking `disk` how much room there is.
    #[must_use]
    pub fn with_disk(options: StoreOptions, disk: Arc<dyn Disk>) -> Self {
        Self {
            inner: Arc::new(Inner::new(options, disk)),
        }
    }

    /// Adds to the catalog and takes stock: locks, cache verdicts, journals, room on the disk.
    /// Known objects that were elsewhere, released or failed are looked at again; any other known
    /// object or chunk is left as it is. The inventory is of the objects and chunks of `catalog`.
    /// Blocking. On an error the catalog is as before.
    ///
    /// Objects of the inventory that are whole and have not landed are in [`Store::ready`].
    ///
    /// # Errors
    /// `DiskFull`, `DestinationNotWritable`, `DestinationNotEmpty`, `Destination`, `UnsafePath`;
    /// `Internal` for a chunk of an unknown object.
    pub fn extend(&self, catalog: Catalog) -> Result<Inventory> {
        stock::extend(&self.inner, catalog)
    }

    /// What of a catalog's objects is on the disk already: valid, or left by an earlier run, whose
    /// bytes are not read again. Changes nothing, makes no folder and takes no lock. Blocking.
    ///
    /// # Errors
    /// `Destination` where a folder lies at a file's place, or the disk does not answer.
    pub fn survey(&self, catalog: &Catalog) -> Result<Vec<Here>> {
        stock::survey(&self.inner, catalog)
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

    /// Objects all of whose chunks are held and that have not landed: after `extend`, those that an
    /// earlier run nearly finished, that are empty, or whose archive is here and whose tree is not.
    #[must_use]
    pub fn ready(&self) -> Vec<ObjectIndex> {
        self.inner.state().ledger.whole_and_open()
    }

    /// The store's checksum of an object, learnt after it was found. What the catalog says counts
    /// first, and what was told first after that.
    pub fn told(&self, object: ObjectIndex, checksum: Checksum) {
        let combines = !matches!(
            checksum.algorithm,
            ChecksumAlgorithm::Md5 | ChecksumAlgorithm::Sha256
        );
        if !combines && !self.inner.options.verify_whole {
            return;
        }
        let slot = self.inner.state().slots.get(&object).cloned();
        if let Some(slot) = slot {
            slot.told.set(checksum).ok();
        }
    }

    /// Whether an object comes in several chunks and its store's checksum is not known.
    #[must_use]
    pub fn lacks_checksum(&self, object: ObjectIndex) -> bool {
        let state = self.inner.state();
        let slot = state.slots.get(&object);
        slot.is_some_and(|slot| slot.checksum().is_none())
            && state.ledger.chunks_of(object).len() > 1
    }

    /// The right to write a chunk. Creates and preallocates the part file at the first lease.
    ///
    /// # Errors
    /// Outside, why it cannot be leased; inside, what the disk said (`DiskFull`,
    /// `DestinationNotWritable`, `Destination`).
    pub fn lease(&self, chunk: ChunkIndex) -> std::result::Result<Result<Lease>, Refusal> {
        lease::lease(&self.inner, chunk)
    }

    /// Told of a chunk that was committed: what is worth syncing now, if anything is.
    #[must_use]
    pub fn unsynced(&self, chunk: ChunkIndex) -> Option<Unsynced> {
        behind::unsynced(&self.inner, chunk)
    }

    /// An order for these chunks was accepted: readers of them wait instead of being refused.
    pub fn expect(&self, chunks: Range<ChunkIndex>) {
        let mut state = self.inner.state();
        for chunk in chunks {
            state.expect(chunk);
        }
    }

    /// The order was cancelled or failed: readers that wait are told.
    pub fn unexpect(&self, chunk: ChunkIndex) {
        self.inner.state().unexpect(chunk);
    }

    /// A reader of a held, leased or expected chunk; None for any other.
    #[must_use]
    pub fn reader(&self, chunk: ChunkIndex) -> Option<ChunkReader> {
        ChunkReader::new(&self.inner, chunk)
    }

    /// A blocking reader of an object's verified bytes in their order, for unpacking behind the
    /// download. Ends at the object's end, when its combined checksum is the store's; fails when
    /// that differs, the object fails or is released, or the store is left. None for an object
    /// that is packed with others, or unknown.
    #[must_use]
    pub fn in_order(&self, object: ObjectIndex) -> Option<InOrderReader> {
        InOrderReader::new(&self.inner, object)
    }

    /// The file that has all bytes of an object that is whole, to unpack it from.
    ///
    /// # Errors
    /// `Internal` for an object that is not whole.
    pub fn archive_path(&self, object: ObjectIndex) -> Result<std::path::PathBuf> {
        tree::archive_path(&self.inner, object)
    }

    /// Whether what lies where the object's tree belongs is of our making.
    #[must_use]
    pub fn may_replace_tree(&self, object: ObjectIndex) -> bool {
        let slot = self.inner.state().slots.get(&object).cloned();
        slot.is_some_and(|slot| slot.facts().tree_is_ours)
    }

    /// Holds a chunk to a checksum. True if it is held already with another one.
    pub fn pin(&self, chunk: ChunkIndex, crc: u64) -> bool {
        self.inner.state().ledger.pin(chunk, crc)
    }

    /// The checksum that a chunk is held to.
    #[must_use]
    pub fn pinned(&self, chunk: ChunkIndex) -> Option<u64> {
        self.inner.state().ledger.pinned(chunk)
    }

    /// The chunk was bad: it is missing again, in the journal too, and no longer pinned. An object
    /// that had landed with it is open again with all of its chunks missing. All chunks that were
    /// held and are not any more.
    pub fn discard(&self, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        self.inner.discard(chunk)
    }

    /// Held chunks that turned out to be damaged on the disk since the last call: they are missing
    /// again. Found while serving, while unpacking or before landing; never those of `discard`.
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

    /// Lands an object all of whose chunks are held: compares the combined checksum with the
    /// store's, syncs, renames, records. With a tree to be made, it is only compared and synced:
    /// the rest is [`Store::land_with_tree`]'s. Landing twice is fine. Blocking.
    ///
    /// # Errors
    /// `ChecksumMismatch`: the whole is wrong although its chunks were right; they stay held.
    /// `Cancelled`: chunks of an earlier run were damaged and are missing again
    /// ([`Store::take_lost_chunks`]), or nobody wants the object. Else what the disk said.
    pub fn land(&self, object: ObjectIndex) -> Result<()> {
        match self.land_many(&[object]).pop() {
            Some((_, outcome)) => outcome,
            None => Ok(()),
        }
    }

    /// The same for many small objects at once: one sync for all.
    pub fn land_many(&self, objects: &[ObjectIndex]) -> Vec<(ObjectIndex, Result<()>)> {
        land::land_many(&self.inner, objects)
    }

    /// Whether an object's file was taken by [`Store::land`] and its tree is still to come.
    #[must_use]
    pub fn awaits_tree(&self, object: ObjectIndex) -> bool {
        tree::ready(&self.inner, object).is_ok()
    }

    /// Lands an object whose tree is made, after [`Store::land`] took its file: `put_in_place` puts
    /// the tree there, then the archive gets its name and both are recorded. When it fails, what
    /// was at either place and its record are as before. Blocking.
    ///
    /// # Errors
    /// That of `put_in_place`; `Cancelled` when the object is not wanted or lacks chunks again;
    /// what the disk said; `Internal` for an object without a tree.
    pub fn land_with_tree(
        &self,
        object: ObjectIndex,
        put_in_place: impl FnOnce() -> Result<crate::unpack::Summary>,
    ) -> Result<()> {
        tree::land_with_tree(&self.inner, object, put_in_place)
    }

    /// The object cannot land: its part file goes, readers are told. False if it has landed or
    /// failed already.
    pub fn fail(&self, object: ObjectIndex) -> bool {
        leave::fail(&self.inner, object)
    }

    /// Nobody wants these objects any more: what is not landed stays as a part file, unread.
    pub fn release(&self, objects: &[ObjectIndex]) {
        leave::release(&self.inner, objects);
    }

    /// Ends the swarm here: see `DataPlane.leave` in `xfd_api.ports`. Leaving twice is fine.
    pub fn leave(&self) {
        let _alone = locked(&self.inner.extending);
        leave::leave(&self.inner);
    }
}
