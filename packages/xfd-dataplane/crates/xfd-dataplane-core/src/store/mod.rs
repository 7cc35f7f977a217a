//! What is on this node's disk: part files, the journal, records, and who may write which bytes.
//!
//! A chunk is *missing*, *leased* (one writer has it, readers follow behind the writer), or *held*
//! (verified, readable by anyone). Only a [`Lease`] writes, and a chunk has at most one. Readers
//! never see an unverified chunk end: the last byte of a chunk in flight is followed by the verdict.

mod skeleton;

pub use skeleton::*;
