//! Orders from the scheduler to a node.

use super::ids::{ChunkIndex, NodeId, ObjectIndex, OrderId};

/// Where an order's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Source {
    Origin,
    Peer(NodeId),
}

/// `xfd_api.orders.Order`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.orders")]
pub enum Order {
    Fetch {
        first_order: OrderId,
        first_chunk: ChunkIndex,
        count: u32,
        source: Source,
        priority: i32,
    },
    Cancel {
        first_order: OrderId,
        count: u32,
    },
    Pin {
        crcs: Vec<(ChunkIndex, u64)>,
    },
    MeetPeers {
        addresses: Vec<(NodeId, String)>,
    },
    Discard {
        chunks: Vec<ChunkIndex>,
    },
    Release {
        objects: Vec<ObjectIndex>,
    },
}
