//! The slots of a node: which of its orders run, and which of them wait for one.
//!
//! [`Queue`] decides; this module carries the decision out. It knows nothing of swarms or fetches:
//! the function that starts an order is given to it when the node is made.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::decides::queue::{OrderKey, Queue, QueuedOrder, Step};
use crate::threads::{Mutex, MutexGuard, locked};

/// Starts an order that has a slot. False if its slot is to be given back.
type Start = Box<dyn Fn(QueuedOrder) -> bool + Send + Sync>;

pub(crate) struct Slots {
    queue: Mutex<Queue>,
    /// Wakes orders whose bytes have arrived and that wait for a slot.
    ready: Mutex<HashMap<OrderKey, oneshot::Sender<()>>>,
    start: Start,
}

impl Slots {
    pub(crate) fn new(slots: usize, start: Start) -> Self {
        Self {
            queue: Mutex::new(Queue::new(slots)),
            ready: Mutex::default(),
            start,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    /// Runs this many orders at once from now on.
    pub(crate) fn resize(&self, slots: usize) {
        self.queue().set_slots(slots);
        self.fill();
    }

    /// Starts or resumes orders until no slot is free or no order may run.
    pub(crate) fn fill(&self) {
        loop {
            let step = self.queue().next_step();
            match step {
                None => return,
                Some(Step::Resume(key)) => {
                    if let Some(waiter) = locked(&self.ready).remove(&key) {
                        // An order that was cancelled meanwhile is about to give its slot back.
                        waiter.send(()).ok();
                    }
                }
                Some(Step::Start(order)) => {
                    let key = order.key;
                    if !(self.start)(order) {
                        self.queue().done(key);
                    }
                }
            }
        }
    }

    /// Queues an order; [`Slots::fill`] starts it.
    pub(crate) fn push(&self, order: QueuedOrder) {
        self.queue().push(order);
    }

    /// Queues orders under one lock.
    pub(crate) fn push_all(&self, orders: impl IntoIterator<Item = QueuedOrder>) {
        let mut queue = self.queue();
        orders.into_iter().for_each(|order| queue.push(order));
    }

    /// Removes orders that have not started.
    pub(crate) fn cancel(&self, keys: impl IntoIterator<Item = OrderKey>) {
        let mut queue = self.queue();
        for key in keys {
            queue.cancel(key);
        }
    }

    /// Removes all orders of a swarm that have not started.
    pub(crate) fn cancel_swarm(&self, swarm: u32) {
        self.queue().cancel_swarm(swarm);
    }

    /// The order has ended: its slot is free.
    pub(crate) fn done(&self, key: OrderKey) {
        locked(&self.ready).remove(&key);
        self.queue().done(key);
    }

    /// The order's peer keeps it waiting: another order may have its slot.
    pub(crate) fn wait_without_slot(&self, key: OrderKey) {
        self.queue().waits(key);
        self.fill();
    }

    /// Waits for a slot, for an order whose bytes are arriving.
    pub(crate) async fn slot_again(&self, key: OrderKey) {
        let (sender, receiver) = oneshot::channel();
        locked(&self.ready).insert(key, sender);
        if self.queue().arrives(key) {
            locked(&self.ready).remove(&key);
            return;
        }
        receiver.await.ok();
    }

    /// See [`Queue::take_following`].
    pub(crate) fn take_following(&self, first: &QueuedOrder, most: usize) -> VecDeque<QueuedOrder> {
        self.queue().take_following(first, most)
    }

    /// Gives the slot of an order that has ended to the next one of its lane. If a more urgent
    /// order waits, the next one is queued instead.
    pub(crate) fn follow(&self, ended: OrderKey, next: QueuedOrder) -> Option<QueuedOrder> {
        let mut queue = self.queue();
        if queue.follow(ended, &next) {
            return Some(next);
        }
        queue.push(next);
        None
    }
}
