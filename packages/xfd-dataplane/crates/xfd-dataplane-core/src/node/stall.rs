//! Looks once a second whether a node is silent, and wakes whoever polls when that, its reason, or
//! what is done with the files has changed.

use std::sync::Arc;
use std::time::Instant;

use super::obstacles::LOOK_EVERY;
use super::swarm::NodeSwarm;
use crate::decides::silence::Silence;

/// Looks until the swarm is left.
pub(crate) async fn watch(swarm: Arc<NodeSwarm>) {
    let began = Instant::now();
    let mut silence = Silence::default();
    let mut told = ([None, None], [false; 3]);
    loop {
        tokio::select! {
            () = swarm.left.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let counters = swarm.stats.read();
        let received = counters.origin_bytes + counters.peer_bytes;
        let has_orders = !swarm.orders().is_empty();
        let since = silence.look(began.elapsed(), received, has_orders);
        swarm.obstacles.set_silent(since.map(|since| began + since));
        let stalls = [swarm.obstacles.stall(), swarm.node.lookup_failures.stall()];
        let reasons = stalls.map(|stall| stall.map(|it| (it.source, it.failure)));
        let work = [
            counters.active_verifications > 0,
            counters.active_unpacks > 0,
            counters.active_landings > 0,
        ];
        let now = (reasons, work);
        if now != told {
            told = now;
            swarm.events.wake();
        }
    }
}
