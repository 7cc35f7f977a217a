//! The end of a swarm on this node.

use std::sync::Arc;

use super::registry::SwarmRegistry;
use super::swarm::NodeSwarm;

/// Waits for fetches and landings, then ends the store, which wakes the unpackers, and waits for
/// them.
pub(crate) async fn end_swarm(swarms: Arc<SwarmRegistry>, swarm: Arc<NodeSwarm>) {
    swarm.fetching.close().await;
    let left = Arc::clone(&swarm);
    let leaving = swarm.node.runtime.spawn_blocking(move || {
        left.trees.stop();
        left.store.leave();
    });
    if let Err(error) = leaving.await {
        tracing::error!(%error, "leave_failed");
    }
    swarm.unpacking.close().await;
    swarms.forget(&swarm);
}
