//! Fetches chunks again that the node has lost, by orders of its own.
//!
//! A held chunk is lost if it was damaged on the disk since an earlier run, if it differs from a
//! pin that came later, or if its object is written again because of another chunk. The scheduler
//! cannot know that. So the node reports the loss and orders the chunk before all others: first
//! from a few peers, so that bytes that the cluster has do not leave the origin again, then from
//! the origin.

use std::sync::Arc;

use super::neighbours::FIRST_REPAIR_ORDER;
use super::swarm::NodeSwarm;
use crate::decides::queue::QueuedOrder;
use crate::model::{ChunkIndex, NodeEvent, NodeId, Source};

/// Peers that are tried before the origin. A peer without the chunk refuses at once.
const MAX_PEERS_TRIED: usize = 4;

/// Reports that chunks are held no longer, and orders them again.
pub(crate) fn refetch(swarm: &NodeSwarm, chunks: &[ChunkIndex]) {
    report_lost(swarm, chunks);
    for chunk in chunks {
        let peers = swarm.neighbours.sample(&swarm.node.id, MAX_PEERS_TRIED);
        order_from_next(swarm, *chunk, peers);
    }
}

/// Reports that chunks are held no longer.
pub(crate) fn report_lost(swarm: &NodeSwarm, chunks: &[ChunkIndex]) {
    if chunks.is_empty() {
        return;
    }
    // Otherwise a chunk could be reported lost before it was reported held.
    swarm.let_chunks_report();
    for chunk in chunks {
        swarm.events.push(NodeEvent::ChunkLost { chunk: *chunk });
    }
}

/// Refetches chunks that turn out damaged on the disk, until the swarm is left.
pub(crate) async fn refetch_damaged(swarm: Arc<NodeSwarm>) {
    loop {
        let lost = tokio::select! {
            () = swarm.left.cancelled() => return,
            lost = swarm.store.lost_chunks() => lost,
        };
        tracing::warn!(count = lost.len(), "chunks_damaged_on_disk");
        refetch(&swarm, &lost);
        swarm.node.slots.fill();
    }
}

/// An order failed. If it was one of the node's own, orders its chunk from the next source; false
/// if there is none.
pub(crate) fn try_next_source(swarm: &NodeSwarm, order: &QueuedOrder) -> bool {
    let peers = swarm.neighbours.end_repair(order.key.1);
    if order.key.1 < FIRST_REPAIR_ORDER || order.source == Source::Origin {
        return false;
    }
    order_from_next(swarm, order.chunk, peers);
    true
}

fn order_from_next(swarm: &NodeSwarm, chunk: ChunkIndex, mut peers: Vec<NodeId>) {
    swarm.store.expect(chunk..chunk + 1);
    let source = peers.pop().map_or(Source::Origin, Source::Peer);
    let order = swarm.neighbours.add_repair(peers);
    swarm.queue_order(order, chunk, &source, i32::MIN);
}
