//! The orders of one swarm: which of them are alive, and which one fetches a chunk.
//!
//! Of several orders for one chunk the first to start fetches it. The others *follow* it, without a
//! slot: if it succeeds they are reported too, and if it fails or is cancelled they return to their
//! place in the queue.
//!
//! Invariant: an order is *alive* until it is reported or cancelled, and only a live order is ever
//! reported. So an order is reported or cancelled, never both.

use std::collections::{BTreeMap, HashMap};

use tokio_util::sync::CancellationToken;

use crate::decides::queue::QueuedOrder;
use crate::model::{ChunkIndex, OrderId};

#[derive(Debug, Default)]
pub(crate) struct Orders {
    alive: BTreeMap<OrderId, Alive>,
    /// Followers of the order that fetches a chunk, for each chunk that is being fetched.
    followers: HashMap<ChunkIndex, Vec<QueuedOrder>>,
    /// Number of live orders for each chunk.
    wanted: HashMap<ChunkIndex, u32>,
}

#[derive(Debug)]
struct Alive {
    chunk: ChunkIndex,
    /// Stops its fetch, once that has started.
    stop: Option<CancellationToken>,
}

/// What an order that has a slot does.
#[derive(Debug)]
pub(crate) enum Begin {
    /// It fetches, until the token is cancelled.
    Fetch(CancellationToken),
    /// It follows another order for the same chunk.
    Follow,
    /// It was cancelled.
    Gone,
}

/// What follows from the end of a fetch.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether the order is to be reported.
    pub(crate) report: bool,
    /// Its live followers: to be reported if it succeeded, else to be queued again.
    pub(crate) followers: Vec<QueuedOrder>,
    /// No live order for the chunk is left.
    pub(crate) last: bool,
}

impl Orders {
    /// Accepts an order; false if a live one has its number.
    pub(crate) fn accept(&mut self, order: OrderId, chunk: ChunkIndex) -> bool {
        if self.alive.contains_key(&order) {
            return false;
        }
        self.alive.insert(order, Alive { chunk, stop: None });
        *self.wanted.entry(chunk).or_default() += 1;
        true
    }

    /// An order has a slot.
    pub(crate) fn begin(&mut self, order: &QueuedOrder, left: &CancellationToken) -> Begin {
        let Some(alive) = self.alive.get_mut(&order.key.1) else {
            return Begin::Gone;
        };
        if let Some(followers) = self.followers.get_mut(&order.chunk) {
            followers.push(order.clone());
            return Begin::Follow;
        }
        self.followers.insert(order.chunk, Vec::new());
        let stop = left.child_token();
        alive.stop = Some(stop.clone());
        Begin::Fetch(stop)
    }

    /// A fetch ended, with the chunk `held` or not.
    pub(crate) fn end(&mut self, order: &QueuedOrder, held: bool) -> Ended {
        let report = self.forget(order.key.1).is_some();
        let mut followers = self.followers.remove(&order.chunk).unwrap_or_default();
        followers.retain(|other| self.alive.contains_key(&other.key.1));
        if held {
            for other in &followers {
                self.forget(other.key.1);
            }
        }
        Ended {
            report,
            followers,
            last: !self.wanted.contains_key(&order.chunk),
        }
    }

    /// Cancels orders by number; their chunks that no live order wants any more.
    pub(crate) fn cancel(&mut self, first: OrderId, count: u32) -> Vec<ChunkIndex> {
        let end = first.saturating_add(u64::from(count));
        let numbers: Vec<OrderId> = self.alive.range(first..end).map(|(id, _)| *id).collect();
        let mut chunks: Vec<ChunkIndex> = numbers
            .into_iter()
            .filter_map(|number| self.forget(number))
            .collect();
        chunks.retain(|chunk| !self.wanted.contains_key(chunk));
        chunks
    }

    /// Whether no order is alive.
    pub(crate) fn is_empty(&self) -> bool {
        self.alive.is_empty()
    }

    /// Whether a live order wants the chunk.
    pub(crate) fn wants(&self, chunk: ChunkIndex) -> bool {
        self.wanted.contains_key(&chunk)
    }

    /// The live orders and their chunks.
    pub(crate) fn alive(&self) -> Vec<(OrderId, ChunkIndex)> {
        let pair = |(number, alive): (&OrderId, &Alive)| (*number, alive.chunk);
        self.alive.iter().map(pair).collect()
    }

    fn forget(&mut self, order: OrderId) -> Option<ChunkIndex> {
        let alive = self.alive.remove(&order)?;
        if let Some(stop) = alive.stop {
            stop.cancel();
        }
        if let Some(count) = self.wanted.get_mut(&alive.chunk) {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(&alive.chunk);
            }
        }
        Some(alive.chunk)
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::{Begin, Orders};
    use crate::decides::queue::QueuedOrder;
    use crate::model::Source;

    fn order(number: u64) -> QueuedOrder {
        QueuedOrder {
            key: (0, number),
            chunk: 9,
            source: Source::Origin,
            priority: 0,
            arrival: None,
        }
    }

    fn two_for_one_chunk() -> (Orders, CancellationToken) {
        let mut orders = Orders::default();
        let left = CancellationToken::new();
        assert!(orders.accept(1, 9) && orders.accept(2, 9));
        let Begin::Fetch(stop) = orders.begin(&order(1), &left) else {
            panic!("the first order does not fetch");
        };
        assert!(matches!(orders.begin(&order(2), &left), Begin::Follow));
        (orders, stop)
    }

    #[test]
    fn followers_share_a_success() {
        let (mut orders, _) = two_for_one_chunk();
        let ended = orders.end(&order(1), true);
        assert!(ended.report && ended.last);
        assert_eq!(ended.followers, [order(2)]);
        assert!(orders.cancel(2, 1).is_empty());
    }

    #[test]
    fn after_a_failure_a_follower_takes_over() {
        let (mut orders, _) = two_for_one_chunk();
        let ended = orders.end(&order(1), false);
        assert!(ended.report && !ended.last);
        assert_eq!(ended.followers, [order(2)]);
        let left = CancellationToken::new();
        assert!(matches!(orders.begin(&order(2), &left), Begin::Fetch(_)));
    }

    #[test]
    fn a_cancelled_order_is_stopped_and_never_reported() {
        let (mut orders, stop) = two_for_one_chunk();
        assert!(orders.cancel(1, 1).is_empty());
        assert!(stop.is_cancelled());
        let ended = orders.end(&order(1), false);
        assert!(!ended.report && !ended.last);
        assert_eq!(orders.cancel(0, 10), [9]);
        assert!(matches!(
            orders.begin(&order(2), &CancellationToken::new()),
            Begin::Gone
        ));
    }
}
