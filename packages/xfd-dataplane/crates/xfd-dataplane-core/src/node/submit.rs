//! Takes orders in, one after the other. Fetches are queued; to drop or release an object waits for
//! what happens to its file now.

use std::collections::HashSet;

use super::self_repair;
use super::swarm::NodeSwarm;
use crate::model::{ChunkIndex, ObjectIndex, Order, OrderId};

pub(crate) fn submit(swarm: &NodeSwarm, orders: Vec<Order>) {
    for order in orders {
        match order {
            Order::Fetch {
                first_order,
                first_chunk,
                count,
                source,
                priority,
            } => {
                let chunks = first_chunk..first_chunk.saturating_add(count);
                swarm.store.expect(chunks);
                for place in 0..count {
                    let order = first_order + u64::from(place);
                    swarm.queue_order(order, first_chunk + place, &source, priority);
                }
            }
            Order::Cancel { first_order, count } => cancel(swarm, first_order, count),
            Order::Pin { crcs } => {
                for (chunk, crc) in crcs {
                    if swarm.store.pin(chunk, crc) {
                        tracing::warn!(chunk, "held_chunk_differs_from_its_pin");
                        let lost = discard(swarm, chunk);
                        swarm.store.pin(chunk, crc);
                        self_repair::refetch(swarm, &lost);
                    }
                }
            }
            Order::MeetPeers { addresses } => swarm.neighbours.meet(addresses),
            Order::Discard { chunks } => {
                let lost = chunks.iter().flat_map(|chunk| discard(swarm, *chunk));
                let (named, others): (Vec<_>, Vec<_>) =
                    lost.partition(|chunk| chunks.contains(chunk));
                // That they are held may be in a report that is on its way.
                self_repair::report_lost(swarm, &named);
                self_repair::refetch(swarm, &others);
            }
            Order::Release { objects } => release(swarm, &objects),
        }
    }
    swarm.node.slots.fill();
}

fn cancel(swarm: &NodeSwarm, first: OrderId, count: u32) {
    let unwanted = swarm.orders().cancel(first, count);
    let orders = (0..u64::from(count)).map(|place| (swarm.number, first + place));
    swarm.node.slots.cancel(orders);
    for chunk in unwanted {
        swarm.store.unexpect(chunk);
    }
}

/// Drops a held chunk that is bad, and trees that were made of it; the chunks that are lost by
/// that.
fn discard(swarm: &NodeSwarm, chunk: ChunkIndex) -> Vec<ChunkIndex> {
    let lost = swarm.store.discard(chunk);
    swarm.trees.forget(&swarm.objects_of(chunk));
    lost
}

/// Releases objects, and cancels the orders for chunks that no other object has bytes in.
fn release(swarm: &NodeSwarm, objects: &[ObjectIndex]) {
    let released: HashSet<ObjectIndex> = objects.iter().copied().collect();
    let alive = swarm.orders().alive();
    for (order, chunk) in alive {
        let chunk = swarm.store.chunk(chunk);
        let is_released = chunk.is_some_and(|chunk| {
            let mut spans = chunk.spans.iter();
            spans.all(|span| released.contains(&span.object))
        });
        if is_released {
            cancel(swarm, order, 1);
        }
    }
    swarm.trees.forget(objects);
    swarm.store.release(objects);
    for object in objects {
        swarm.set_suspect(*object, false);
    }
}
