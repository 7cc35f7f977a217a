//! The peers of a swarm, and the orders that the node gives itself to repair a chunk.

use std::collections::HashMap;

use crate::model::{NodeId, OrderId};
use crate::threads::{Mutex, locked};

/// Orders from this number on are the node's own. They are not reported.
pub(crate) const FIRST_REPAIR_ORDER: OrderId = 1 << 63;

/// What a node knows of the other nodes of a swarm.
#[derive(Default)]
pub(crate) struct Neighbours(Mutex<Known>);

#[derive(Default)]
struct Known {
    addresses: HashMap<NodeId, String>,
    repair_orders: u64,
    /// Of each repair order that is alive, the peers to try after its own source.
    untried: HashMap<OrderId, Vec<NodeId>>,
}

impl Neighbours {
    pub(crate) fn meet(&self, addresses: Vec<(NodeId, String)>) {
        locked(&self.0).addresses.extend(addresses);
    }

    pub(crate) fn address(&self, peer: &NodeId) -> Option<String> {
        locked(&self.0).addresses.get(peer).cloned()
    }

    /// Whether no peer is known.
    pub(crate) fn is_empty(&self) -> bool {
        locked(&self.0).addresses.is_empty()
    }

    /// Up to `count` random peers other than `this` node.
    pub(crate) fn sample(&self, this: &NodeId, count: usize) -> Vec<NodeId> {
        let known = locked(&self.0);
        let peers = known.addresses.keys().filter(|peer| *peer != this);
        fastrand::choose_multiple(peers, count)
            .into_iter()
            .cloned()
            .collect()
    }

    /// A number for a repair order, with the peers to try if it fails.
    pub(crate) fn add_repair(&self, untried: Vec<NodeId>) -> OrderId {
        let mut known = locked(&self.0);
        known.repair_orders += 1;
        let order = FIRST_REPAIR_ORDER + known.repair_orders;
        known.untried.insert(order, untried);
        order
    }

    /// Forgets a repair order; the peers that it leaves to try.
    pub(crate) fn end_repair(&self, order: OrderId) -> Vec<NodeId> {
        locked(&self.0).untried.remove(&order).unwrap_or_default()
    }
}
