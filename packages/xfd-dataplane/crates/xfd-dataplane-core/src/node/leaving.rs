//! The end of a swarm on this node.

use std::sync::Arc;

use crate::node::shared::Shared;
use crate::node::swarm::Swarm;
use crate::stats::Counters;

impl Shared {
    /// Fetches and landings first, then the store, which wakes the unpackers.
    pub(crate) async fn end_swarm(self: Arc<Self>, swarm: Arc<Swarm>) {
        swarm.fetching.close().await;
        let left = Arc::clone(&swarm);
        let leaving = self.runtime.spawn_blocking(move || {
            left.trees.stop();
            left.store.leave();
        });
        if let Err(error) = leaving.await {
            tracing::error!(%error, "leaving_failed");
        }
        swarm.unpacking.close().await;
        let mut members = self.members();
        members.by_number.remove(&swarm.number);
        members.past += past(swarm.stats.read());
    }
}

/// What stays of a swarm's counters: nothing is active in it any more.
fn past(mut counters: Counters) -> Counters {
    counters.active_origin = 0;
    counters.active_peer = 0;
    counters.active_served = 0;
    counters.active_unpacks = 0;
    counters
}
