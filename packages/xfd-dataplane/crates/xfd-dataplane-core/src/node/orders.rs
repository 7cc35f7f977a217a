//! The orders of one swarm: which of them are alive, which one fetches a chunk, who stands behind.
//!
//! Of several orders for one chunk the first to begin fetches it; the others stand behind it,
//! without a slot. If it succeeds they are carried out too; if it fails or is cancelled they are
//! queued again at their old turn. An order is *alive* until it is reported or cancelled, and only
//! a live order is ever reported, so a cancelled one never is.

use std::collections::{BTreeMap, HashMap};

use tokio_util::sync::CancellationToken;

use crate::decides::queue::Entry;
use crate::model::{ChunkIndex, OrderId};

#[derive(Debug, Default)]
pub(crate) struct Orders {
    alive: BTreeMap<OrderId, Alive>,
    behind: HashMap<ChunkIndex, Vec<Entry>>,
    wanted: HashMap<ChunkIndex, u32>,
}

#[derive(Debug)]
struct Alive {
    chunk: ChunkIndex,
    stop: Option<CancellationToken>,
}

/// What an order that may begin does.
#[derive(Debug)]
pub(crate) enum Begin {
    /// It fetches, until the token is cancelled.
    Fetch(CancellationToken),
    /// It stands behind another one.
    Behind,
    /// It was cancelled.
    Gone,
}

/// What follows from the end of a fetch.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether the order is to be reported.
    pub(crate) report: bool,
    /// Live orders that stood behind it: to be reported if it succeeded, else to be queued again.
    pub(crate) behind: Vec<Entry>,
    /// No order wants the chunk any more.
    pub(crate) last: bool,
}

impl Orders {
    /// Takes an order in; false if its number was used.
    pub(crate) fn accept(&mut self, order: OrderId, chunk: ChunkIndex) -> bool {
        if self.alive.contains_key(&order) {
            return false;
        }
        self.alive.insert(order, Alive { chunk, stop: None });
        *self.wanted.entry(chunk).or_default() += 1;
        true
    }

    /// An order has a slot.
    pub(crate) fn begin(&mut self, entry: &Entry, left: &CancellationToken) -> Begin {
        let Some(alive) = self.alive.get_mut(&entry.key.1) else {
            return Begin::Gone;
        };
        if let Some(behind) = self.behind.get_mut(&entry.chunk) {
            behind.push(entry.clone());
            return Begin::Behind;
        }
        self.behind.insert(entry.chunk, Vec::new());
        let stop = left.child_token();
        alive.stop = Some(stop.clone());
        Begin::Fetch(stop)
    }

    /// A fetch ended, with the chunk `held` or not.
    pub(crate) fn end(&mut self, entry: &Entry, held: bool) -> Ended {
        let report = self.forget(entry.key.1).is_some();
        let mut behind = self.behind.remove(&entry.chunk).unwrap_or_default();
        behind.retain(|other| self.alive.contains_key(&other.key.1));
        if held {
            for other in &behind {
                self.forget(other.key.1);
            }
        }
        Ended {
            report,
            behind,
            last: !self.wanted.contains_key(&entry.chunk),
        }
    }

    /// Cancels orders by number; the chunks that nobody wants any more.
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
    use crate::decides::queue::Entry;
    use crate::model::Source;

    fn entry(order: u64) -> Entry {
        Entry {
            key: (0, order),
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
        let Begin::Fetch(stop) = orders.begin(&entry(1), &left) else {
            panic!("the first order does not fetch");
        };
        assert!(matches!(orders.begin(&entry(2), &left), Begin::Behind));
        (orders, stop)
    }

    #[test]
    fn success_is_shared_by_those_behind() {
        let (mut orders, _) = two_for_one_chunk();
        let ended = orders.end(&entry(1), true);
        assert!(ended.report && ended.last);
        assert_eq!(ended.behind, [entry(2)]);
        assert!(orders.cancel(2, 1).is_empty());
    }

    #[test]
    fn after_a_failure_the_next_one_takes_over() {
        let (mut orders, _) = two_for_one_chunk();
        let ended = orders.end(&entry(1), false);
        assert!(ended.report && !ended.last);
        assert_eq!(ended.behind, [entry(2)]);
        let left = CancellationToken::new();
        assert!(matches!(orders.begin(&entry(2), &left), Begin::Fetch(_)));
    }

    #[test]
    fn a_cancelled_order_is_stopped_and_never_reported() {
        let (mut orders, stop) = two_for_one_chunk();
        assert!(orders.cancel(1, 1).is_empty());
        assert!(stop.is_cancelled());
        let ended = orders.end(&entry(1), false);
        assert!(!ended.report && !ended.last);
        assert_eq!(orders.cancel(0, 10), [9]);
        assert!(matches!(
            orders.begin(&entry(2), &CancellationToken::new()),
            Begin::Gone
        ));
    }
}
