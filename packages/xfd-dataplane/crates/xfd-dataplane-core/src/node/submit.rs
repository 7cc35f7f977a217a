//! Orders are taken in, in their order; only fetches take time, and those are queued.

use std::collections::HashSet;
use std::sync::Arc;

use crate::decides::queue::Entry;
use crate::model::{ChunkIndex, ObjectIndex, Order, OrderId, Source};
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;

impl Shared {
    pub(crate) fn submit(self: &Arc<Self>, swarm: &Arc<Swarm>, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Fetch {
                    first_order,
                    first_chunk,
                    count,
                    source,
                    priority,
                } => {
                    swarm
                        .store
                        .expect(first_chunk..first_chunk.saturating_add(count));
                    for place in 0..count {
                        let order = first_order + u64::from(place);
                        self.queue_up(swarm, order, first_chunk + place, &source, priority);
                    }
                }
                Order::Cancel { first_order, count } => self.cancel(swarm, first_order, count),
                Order::Pin { crcs } => {
                    for (chunk, crc) in crcs {
                        if swarm.store.pin(chunk, crc) {
                            tracing::warn!(chunk, "held_chunk_differs_from_its_pin");
                            let lost = self.discard(swarm, chunk);
                            swarm.store.pin(chunk, crc);
                            self.fetch_again(swarm, &lost);
                        }
                    }
                }
                Order::MeetPeers { addresses } => swarm.meet(addresses),
                Order::Discard { chunks } => {
                    let mut lost = Vec::new();
                    for chunk in &chunks {
                        lost.extend(self.discard(swarm, *chunk));
                    }
                    lost.retain(|chunk| !chunks.contains(chunk));
                    if !lost.is_empty() {
                        self.fetch_again(swarm, &lost);
                    }
                }
                Order::Release { objects } => self.release(swarm, &objects),
            }
        }
        self.pump();
    }

    pub(crate) fn queue_up(
        &self,
        swarm: &Swarm,
        order: OrderId,
        chunk: ChunkIndex,
        source: &Source,
        priority: i32,
    ) {
        if swarm.orders().accept(order, chunk) {
            self.queue().push(Entry {
                key: (swarm.number, order),
                chunk,
                source: source.clone(),
                priority,
                arrival: None,
            });
        }
    }

    fn cancel(&self, swarm: &Swarm, first: OrderId, count: u32) {
        let unwanted = swarm.orders().cancel(first, count);
        {
            let mut queue = self.queue();
            for place in 0..u64::from(count) {
                queue.cancel((swarm.number, first + place));
            }
        }
        for chunk in unwanted {
            swarm.store.unexpect(chunk);
        }
    }

    fn discard(&self, swarm: &Swarm, chunk: ChunkIndex) -> Vec<ChunkIndex> {
        let lost = swarm.store.discard(chunk);
        if let Some(chunk) = swarm.store.chunk(chunk) {
            let objects: Vec<ObjectIndex> = chunk.spans.iter().map(|span| span.object).collect();
            swarm.trees.forget(&objects);
        }
        lost
    }

    /// Orders for chunks that only released objects are in are forgotten, running or not.
    fn release(&self, swarm: &Swarm, objects: &[ObjectIndex]) {
        let released: HashSet<ObjectIndex> = objects.iter().copied().collect();
        let alive = swarm.orders().alive();
        for (order, chunk) in alive {
            let chunk = swarm.store.chunk(chunk);
            let is_released = chunk.is_some_and(|chunk| {
                let mut spans = chunk.spans.iter();
                spans.all(|span| released.contains(&span.object))
            });
            if is_released {
                self.cancel(swarm, order, 1);
            }
        }
        swarm.trees.forget(objects);
        swarm.store.release(objects);
        for object in objects {
            swarm.set_suspect(*object, false);
        }
    }
}
