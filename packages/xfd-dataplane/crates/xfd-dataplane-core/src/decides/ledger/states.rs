//! What a chunk and an object can be, and why something is refused.

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

/// Why a written chunk does not become held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitRefusal {
    /// It is pinned to this other checksum.
    Pinned(u64),
    /// No object wants it any more.
    Unwanted,
}

/// What is known of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Nobody writes it.
    Missing,
    /// One lease writes it.
    Leased,
    /// It is on the disk.
    Held {
        /// CRC-64/NVME, where it is known.
        crc: Option<u64>,
        /// False for a chunk of an earlier run that was not read again yet.
        verified: bool,
    },
}

/// What became of an object.
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
