//! States of chunks and objects, and reasons of refusals.

/// Why a chunk cannot be leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is held, with this checksum if it is known.
    Held(Option<u64>),
    /// Another lease writes it.
    Leased,
    /// Its object was released, has failed, or is not in the catalog.
    Unwanted,
}

/// Why a written chunk does not become held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitRefusal {
    /// It is pinned to this other checksum.
    Pinned(u64),
    /// No open object wants it.
    Unwanted,
}

/// The state of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Neither on the disk nor being written.
    Missing,
    /// One lease writes it.
    Leased,
    /// It is on the disk.
    Held {
        /// CRC-64/NVME, if it is known.
        crc: Option<u64>,
        /// False for a chunk of an earlier run that this run has not read again.
        verified: bool,
    },
}

/// The state of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// Wanted, and not at its destination yet.
    Open,
    /// At its destination.
    Landed,
    /// Cannot land on this node.
    Failed,
    /// No longer wanted.
    Released,
    /// Another writer of this disk has its lock.
    LockedByOther,
}
