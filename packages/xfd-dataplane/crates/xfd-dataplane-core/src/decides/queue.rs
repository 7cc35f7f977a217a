//! Which order a node works on next.
//!
//! ```text
//!            next_step              waits
//!   queued ────────────▶ running ──────────▶ waiting
//!                         ▲   ▲  arrives        │ arrives, no slot free
//!                         │   └─────────────────┤
//!                         └─── next_step ── ready
//! ```
//!
//! A *running* order has a slot. A *waiting* one has none: its peer keeps it waiting for the first
//! byte. A *ready* one has its first byte and needs a slot again. Among queued orders the smaller
//! priority goes first, then the earlier arrival.
//!
//! Invariants:
//!
//! 1. At most `slots` orders run, unless `slots` was lowered while more ran.
//! 2. At most 4 × `slots` orders wait, and at most `slots` of them for one source, so that a peer
//!    that answers nothing cannot keep orders to others from running.
//! 3. A ready order goes before every queued one: its bytes are in a socket.

mod lanes;

use std::collections::{BTreeMap, HashMap};

use crate::model::{ChunkIndex, OrderId, Source};

/// Waiting orders at most, for each slot.
const MAX_WAITING_PER_SLOT: usize = 4;

/// The key of an order on its node: the number of the swarm there, and that of the order in it.
pub type OrderKey = (u32, OrderId);

/// Priority, then arrival.
type Rank = (i32, u64);

/// One order to fetch one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedOrder {
    /// Unique on the node.
    pub key: OrderKey,
    /// What to fetch.
    pub chunk: ChunkIndex,
    /// Where to fetch it.
    pub source: Source,
    /// Smaller is sooner.
    pub priority: i32,
    /// Set by [`Queue::push`], and kept when an order is queued again.
    pub arrival: Option<u64>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start this order; it has a slot.
    Start(QueuedOrder),
    /// Resume this order, which was ready; it has a slot again.
    Resume(OrderKey),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Waiting,
    Ready(Rank),
}

/// All orders of a node.
#[derive(Debug)]
pub struct Queue {
    slots: usize,
    arrivals: u64,
    queued: HashMap<Source, BTreeMap<Rank, QueuedOrder>>,
    /// Where in `queued` an order is.
    places: BTreeMap<OrderKey, (Source, Rank)>,
    started: BTreeMap<OrderKey, (Source, Rank, State)>,
    ready: BTreeMap<Rank, OrderKey>,
    /// Number of running orders.
    running: usize,
    /// Number of waiting orders for each source.
    waiting: HashMap<Source, usize>,
}

impl Queue {
    /// An empty queue for a node that runs `slots` orders at once.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            slots,
            arrivals: 0,
            queued: HashMap::new(),
            places: BTreeMap::new(),
            started: BTreeMap::new(),
            ready: BTreeMap::new(),
            running: 0,
            waiting: HashMap::new(),
        }
    }

    /// Changes the number of slots. Orders that run beyond it run to their end.
    pub fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// Queues an order. An order whose key is queued or started is ignored.
    pub fn push(&mut self, mut order: QueuedOrder) {
        if self.places.contains_key(&order.key) || self.started.contains_key(&order.key) {
            return;
        }
        let arrival = *order.arrival.get_or_insert_with(|| {
            self.arrivals += 1;
            self.arrivals
        });
        let rank = (order.priority, arrival);
        self.places.insert(order.key, (order.source.clone(), rank));
        self.queued
            .entry(order.source.clone())
            .or_default()
            .insert(rank, order);
    }

    /// Removes an order that has not started; false if there is none with this key.
    pub fn cancel(&mut self, key: OrderKey) -> bool {
        let Some((source, rank)) = self.places.remove(&key) else {
            return false;
        };
        self.unqueue(&source, rank);
        true
    }

    /// Removes all of a swarm's orders that have not started.
    pub fn cancel_swarm(&mut self, swarm: u32) {
        let keys: Vec<OrderKey> = self
            .places
            .range((swarm, 0)..=(swarm, OrderId::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.cancel(key);
        }
    }

    /// The next step, if one may be taken now.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.running >= self.slots {
            return None;
        }
        if let Some((_, key)) = self.ready.pop_first() {
            if let Some((_, _, state)) = self.started.get_mut(&key) {
                *state = State::Running;
                self.running += 1;
            }
            return Some(Step::Resume(key));
        }
        let (source, rank) = self
            .queued
            .iter()
            .filter(|(source, _)| self.may_start(source))
            .filter_map(|(source, orders)| Some((orders.first_key_value()?.0, source)))
            .min_by_key(|(rank, _)| **rank)
            .map(|(rank, source)| (source.clone(), *rank))?;
        let order = self.unqueue(&source, rank)?;
        self.places.remove(&order.key);
        self.started
            .insert(order.key, (source, rank, State::Running));
        self.running += 1;
        Some(Step::Start(order))
    }

    /// The order's peer keeps it waiting: its slot is free, unless too many orders wait already.
    pub fn waits(&mut self, key: OrderKey) {
        let waiting: usize = self.waiting.values().sum();
        let Some((source, _, state)) = self.started.get_mut(&key) else {
            return;
        };
        let of_source = self.waiting.entry(source.clone()).or_default();
        if *state == State::Running
            && waiting < self.slots * MAX_WAITING_PER_SLOT
            && *of_source < self.slots
        {
            *state = State::Waiting;
            *of_source += 1;
            self.running -= 1;
        }
    }

    /// The order's first byte is here. True if it has a slot; if not, a [`Step::Resume`] follows.
    pub fn arrives(&mut self, key: OrderKey) -> bool {
        let Some((source, rank, state)) = self.started.get_mut(&key) else {
            return false;
        };
        match state {
            State::Running => return true,
            State::Ready(_) => return false,
            State::Waiting => {}
        }
        if let Some(waiting) = self.waiting.get_mut(source) {
            *waiting -= 1;
        }
        if self.running < self.slots {
            *state = State::Running;
            self.running += 1;
            return true;
        }
        *state = State::Ready(*rank);
        self.ready.insert(*rank, key);
        false
    }

    /// The order has ended, with success or without.
    pub fn done(&mut self, key: OrderKey) {
        let Some((source, _, state)) = self.started.remove(&key) else {
            return;
        };
        match state {
            State::Running => self.running -= 1,
            State::Ready(rank) => {
                self.ready.remove(&rank);
            }
            State::Waiting => {
                if let Some(waiting) = self.waiting.get_mut(&source) {
                    *waiting -= 1;
                }
            }
        }
    }

    fn may_start(&self, source: &Source) -> bool {
        if *source == Source::Origin {
            return true;
        }
        let waiting: usize = self.waiting.values().sum();
        waiting < self.slots * MAX_WAITING_PER_SLOT
            && self.waiting.get(source).copied().unwrap_or(0) < self.slots
    }

    fn unqueue(&mut self, source: &Source, rank: Rank) -> Option<QueuedOrder> {
        let orders = self.queued.get_mut(source)?;
        let order = orders.remove(&rank);
        if orders.is_empty() {
            self.queued.remove(source);
        }
        order
    }
}

#[cfg(test)]
mod tests;
