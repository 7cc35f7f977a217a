//! Hashes pinned objects while they arrive, one thread for each, and not more than there are cores.

use std::sync::Arc;

use super::panics;
use super::swarm::NodeSwarm;
use crate::model::ChunkIndex;

/// A chunk was committed. What follows the hashed bytes of its object is hashed, if the object is
/// pinned and no thread hashes it.
pub(crate) fn hash_arrived(swarm: &Arc<NodeSwarm>, chunk: ChunkIndex) {
    let Some(unhashed) = swarm.store.unhashed(chunk) else {
        return;
    };
    let Some(guard) = swarm.fetching.enter() else {
        return;
    };
    let swarm = Arc::clone(swarm);
    let runtime = swarm.node.runtime.clone();
    runtime.clone().spawn(async move {
        let hashers = Arc::clone(&swarm.node.hashers);
        let permit = tokio::select! {
            () = swarm.left.cancelled() => return,
            permit = hashers.acquire_owned() => permit,
        };
        runtime.spawn_blocking(move || {
            // After a panic, the object's landing hashes it anew.
            panics::catch("Hashing", || {
                unhashed.hash();
                Ok(())
            })
            .ok();
            drop((permit, guard));
        });
    });
}
