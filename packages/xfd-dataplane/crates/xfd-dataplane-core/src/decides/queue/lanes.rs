//! Orders for neighbouring chunks that run in one slot, one after the other.

use std::collections::{BTreeMap, VecDeque};

use super::{OrderKey, Queue, QueuedOrder, Rank, State};
use crate::model::Source;

impl Queue {
    /// Takes the queued origin orders for the chunks right after that of `first`, to run in its
    /// slot.
    ///
    /// They are the next in the queue, of the same priority. With `first` they are no more than
    /// `most`, nor than an even share of the queued origin orders for each slot.
    pub fn take_following(&mut self, first: &QueuedOrder, most: usize) -> VecDeque<QueuedOrder> {
        let mut taken = VecDeque::new();
        let queued = self.queued.get(&Source::Origin).map_or(0, BTreeMap::len);
        let share = most.min(queued / self.slots);
        let mut wanted = first.chunk + 1;
        while taken.len() + 1 < share
            && let Some(orders) = self.queued.get(&Source::Origin)
            && let Some((rank, next)) = orders.first_key_value()
            && next.key.0 == first.key.0
            && next.priority == first.priority
            && next.chunk == wanted
        {
            let rank = *rank;
            if let Some(next) = self.unqueue(&Source::Origin, rank) {
                self.places.remove(&next.key);
                taken.push_back(next);
            }
            wanted += 1;
        }
        taken
    }

    /// Gives the slot of an order that has ended to one of [`Queue::take_following`]. False, and
    /// nothing changes, if another order is more urgent.
    pub fn follow(&mut self, ended: OrderKey, next: &QueuedOrder) -> bool {
        let rank = (next.priority, next.arrival.unwrap_or(0));
        let urgent = |(source, orders): (&Source, &BTreeMap<Rank, QueuedOrder>)| {
            let first = orders.first_key_value().map(|(rank, _)| *rank);
            first.is_some_and(|first| first < rank) && self.may_start(source)
        };
        let runs = matches!(self.started.get(&ended), Some((_, _, State::Running)));
        if !runs
            || self.running > self.slots
            || !self.ready.is_empty()
            || self.queued.iter().any(urgent)
        {
            return false;
        }
        self.started.remove(&ended);
        let started = (next.source.clone(), rank, State::Running);
        self.started.insert(next.key, started);
        true
    }
}
