//! Chunks that were held and are not any more, which nobody else knows: damaged on the disk since an
//! earlier run, held against a pin that came later, or of an object that is written anew because of
//! another one. The node says so and orders them itself, before all else:
//! from peers it knows, so that what the cluster has does not leave the origin again, and from the
//! origin when none of these has it.

use std::sync::Arc;

use crate::decides::queue::Entry;
use crate::model::{ChunkIndex, NodeEvent, NodeId, Source};
use crate::node::shared::Shared;
use crate::node::swarm::{OWN_ORDERS, Swarm};

/// Peers that are asked at most. One without the chunk refuses at once.
const PEERS: usize = 4;

impl Shared {
    /// Says that chunks which were reported held are missing, and orders them again.
    pub(crate) fn fetch_again(&self, swarm: &Swarm, chunks: &[ChunkIndex]) {
        // Else one might be lost before it was held.
        swarm.let_chunks_report();
        for chunk in chunks {
            swarm.events.push(NodeEvent::ChunkLost { chunk: *chunk });
            let peers = swarm.some_peers(&self.id, PEERS);
            self.fetch_from_next(swarm, *chunk, peers);
        }
    }

    /// Orders chunks of earlier runs again that turned out damaged on the disk, until the swarm is
    /// left.
    pub(crate) async fn fetch_lost_again(self: Arc<Self>, swarm: Arc<Swarm>) {
        loop {
            let lost = tokio::select! {
                () = swarm.left.cancelled() => return,
                lost = swarm.store.lost_chunks() => lost,
            };
            tracing::warn!(count = lost.len(), "chunks_damaged_on_disk");
            self.fetch_again(&swarm, &lost);
            self.pump();
        }
    }

    /// An order failed. True if it was the node's own and somebody else is asked now.
    pub(crate) fn is_asked_elsewhere(&self, swarm: &Swarm, entry: &Entry) -> bool {
        let peers = swarm.forget_own_order(entry.key.1);
        let is_over = entry.key.1 < OWN_ORDERS || entry.source == Source::Origin;
        if !is_over {
            self.fetch_from_next(swarm, entry.chunk, peers);
        }
        !is_over
    }

    fn fetch_from_next(&self, swarm: &Swarm, chunk: ChunkIndex, mut peers: Vec<NodeId>) {
        swarm.store.expect(chunk..chunk + 1);
        let source = peers.pop().map_or(Source::Origin, Source::Peer);
        let order = swarm.own_order(peers);
        self.queue_up(swarm, order, chunk, &source, i32::MIN);
    }
}
