//! Signatures that the other modules build against, until the store is there.
#![expect(missing_docs, clippy::todo, unused_variables, reason = "a skeleton")]

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;
use crate::model::{
    Catalog, CatalogObject, Chunk, ChunkIndex, Durability, Inventory, NodeId, ObjectIndex,
};
use crate::stats::Stats;

pub struct StoreOptions {
    /// Identity written into lock files.
    pub node: NodeId,
    pub durability: Durability,
    pub verify_whole: bool,
    /// Of the swarm.
    pub stats: Arc<Stats>,
}

/// Cheap to clone; one per swarm and node.
#[derive(Clone)]
pub struct Store;

/// Why a chunk cannot be leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is here already, with this checksum if it is known.
    Held(Option<u64>),
    /// Another order is writing it.
    Leased,
    /// Its object was released, has failed, or is not in the catalog.
    Unwanted,
}

impl Store {
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        todo!()
    }

    /// Adds to the catalog and takes stock: locks, cache verdicts, journals, room on the disk.
    /// Blocking. On an error the catalog is as before.
    pub fn extend(&self, catalog: Catalog) -> Result<Inventory> {
        todo!()
    }

    #[must_use]
    pub fn object(&self, object: ObjectIndex) -> Option<Arc<CatalogObject>> {
        todo!()
    }

    #[must_use]
    pub fn chunk(&self, chunk: ChunkIndex) -> Option<Arc<Chunk>> {
        todo!()
    }

    /// The right to write a chunk. Creates and preallocates the part file at the first lease.
    pub fn lease(&self, chunk: ChunkIndex) -> std::result::Result<Result<Lease>, Refusal> {
        todo!()
    }

    /// An order for these chunks was accepted: readers of them wait instead of being refused.
    pub fn expect(&self, chunks: Range<ChunkIndex>) {
        todo!()
    }

    /// The order was cancelled or failed: readers that wait are told.
    pub fn unexpect(&self, chunk: ChunkIndex) {
        todo!()
    }

    /// A reader of a held, leased or expected chunk; None for any other.
    #[must_use]
    pub fn reader(&self, chunk: ChunkIndex) -> Option<ChunkReader> {
        todo!()
    }

    /// A blocking reader of an object's verified bytes in their order, for unpacking behind the
    /// download. Ends at the object's end; fails when the object fails, is released or the store
    /// is left.
    #[must_use]
    pub fn in_order(&self, object: ObjectIndex) -> Option<InOrderReader> {
        todo!()
    }

    /// Holds a chunk to a checksum. True if it is held already with another one.
    pub fn pin(&self, chunk: ChunkIndex, crc: u64) -> bool {
        todo!()
    }

    #[must_use]
    pub fn pinned(&self, chunk: ChunkIndex) -> Option<u64> {
        todo!()
    }

    /// The chunk was bad: it is missing again, in the journal too.
    pub fn discard(&self, chunk: ChunkIndex) {
        todo!()
    }

    /// Lands an object all of whose chunks are held: compares the combined checksum with the
    /// store's, syncs, renames, records. With a tree to be made, the record waits for
    /// [`Store::unpacked`]. Blocking.
    pub fn land(&self, object: ObjectIndex) -> Result<()> {
        todo!()
    }

    /// The same for many small objects at once: one sync for all.
    pub fn land_many(&self, objects: &[ObjectIndex]) -> Vec<(ObjectIndex, Result<()>)> {
        todo!()
    }

    /// The object's tree is in its place; records it.
    pub fn unpacked(&self, object: ObjectIndex, tree: &crate::unpack::Summary) -> Result<()> {
        todo!()
    }

    /// The object cannot land: its part file goes, readers are told.
    pub fn fail(&self, object: ObjectIndex) {
        todo!()
    }

    pub fn release(&self, objects: &[ObjectIndex]) {
        todo!()
    }

    /// Ends the swarm here: see `DataPlane.leave` in `xfd_api.ports`.
    pub fn leave(&self) {
        todo!()
    }
}

/// The exclusive right to write one chunk. Dropped without [`Lease::commit`], it gives the chunk
/// back as missing and ends its readers' bodies with [`Follow::Aborted`].
pub struct Lease;

/// A chunk that was committed.
pub struct Committed {
    pub crc: u64,
    /// Objects that have no chunk missing now.
    pub whole: Vec<ObjectIndex>,
}

impl Lease {
    #[must_use]
    pub fn chunk(&self) -> &Chunk {
        todo!()
    }

    /// Bytes of the chunk written so far; the next `write` goes there.
    #[must_use]
    pub fn position(&self) -> u64 {
        todo!()
    }

    /// Writes the next bytes of the chunk (a pack's objects follow each other), takes them into the
    /// checksum and lets readers see them. More bytes than the chunk has is an error.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        todo!()
    }

    /// Starts the chunk over; readers are aborted.
    pub fn rewind(&mut self) {
        todo!()
    }

    /// Checks length and checksum (against the pinned one if there is one, and `expected`), writes
    /// the journal and makes the chunk held.
    pub fn commit(self, expected: Option<u64>) -> Result<Committed> {
        todo!()
    }
}

/// What a reader that follows a chunk gets next.
#[derive(Debug)]
pub enum Follow {
    Bytes(Bytes),
    /// All bytes were given and the chunk is verified; its checksum.
    End(u64),
    /// The chunk turned out bad, its order failed, or the wait was too long.
    Aborted,
}

/// Reads one chunk, following its writer where it is in flight.
pub struct ChunkReader;

impl ChunkReader {
    /// Total bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// The checksum, where it is known before the first byte is read.
    #[must_use]
    pub fn crc(&self) -> Option<u64> {
        todo!()
    }

    /// The next bytes, at most `max` of them. `wait` bounds each wait for the writer.
    pub async fn next(&mut self, max: usize, wait: std::time::Duration) -> Result<Follow> {
        todo!()
    }
}

pub struct InOrderReader;

impl std::io::Read for InOrderReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        todo!()
    }
}
