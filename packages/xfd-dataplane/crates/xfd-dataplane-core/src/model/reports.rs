//! Reports from a node to the scheduler.

use std::time::Duration;

use super::ids::{ChunkIndex, NodeId, ObjectIndex, OrderId};
use super::orders::Source;
use super::trees::LeftOut;
use crate::error::Error;

/// `xfd_api.reports.HeldRun`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub struct HeldRun {
    pub first_chunk: ChunkIndex,
    pub crcs: Vec<Option<u64>>,
}

/// `xfd_api.reports.Inventory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub struct Inventory {
    pub held: Vec<HeldRun>,
    pub landed: Vec<ObjectIndex>,
    pub elsewhere: Vec<(ObjectIndex, Option<NodeId>)>,
    pub cached_bytes: u64,
    pub left_out: Vec<(ObjectIndex, LeftOut)>,
}

/// How much of an object is on the disk before anything is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurveyedObject {
    /// The object.
    pub object: ObjectIndex,
    /// Bytes that need not be fetched.
    pub bytes: u64,
    /// It is whole at its destination, and unpacked if that is wanted.
    pub is_landed: bool,
}

/// `xfd_api.reports.Fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Fault {
    Origin,
    Peer,
    Node,
}

/// `xfd_api.reports.NodeEvent`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub enum NodeEvent {
    ChunkHeld {
        order: OrderId,
        chunk: ChunkIndex,
        crc: u64,
        source: Source,
        size: u64,
        seconds: f64,
        transfer_seconds: f64,
    },
    OrderFailed {
        order: OrderId,
        chunk: ChunkIndex,
        source: Source,
        error: Error,
        fault: Fault,
        bad_bytes: bool,
        is_final: bool,
        seconds: f64,
    },
    ChunkLost {
        chunk: ChunkIndex,
    },
    ObjectLanded {
        object: ObjectIndex,
        left_out: LeftOut,
    },
    ObjectFailed {
        object: ObjectIndex,
        error: Error,
        chunks_suspect: bool,
    },
}

/// `xfd_api.node_report.Stall`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.node_report")]
pub struct Stall {
    pub idle: Duration,
    pub source: Source,
    pub failure: String,
}

impl NodeEvent {
    /// An object has landed. If it has a tree, no entry of the archive was left out.
    #[must_use]
    pub fn landed(object: ObjectIndex) -> Self {
        Self::ObjectLanded {
            object,
            left_out: LeftOut::default(),
        }
    }
}
