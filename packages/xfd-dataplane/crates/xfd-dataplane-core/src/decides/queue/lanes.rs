//! Orders for neighbouring chunks that share a slot, one after the other.

use std::collections::{BTreeMap, VecDeque};

use super::{Entry, Key, Queue, Rank, State};
use crate::model::Source;

impl Queue {
    /// Takes the origin orders that come right after one that was just started and ask for the chunks
    /// after its own, to be run in its slot: no more than an even share of what is queued, nor than
    /// `most` chunks with the first.
    pub fn take_following(&mut self, first: &Entry, most: usize) -> VecDeque<Entry> {
        let mut taken = VecDeque::new();
        let queued = self.queued.get(&Source::Origin).map_or(0, BTreeMap::len);
        let share = most.min(queued / self.slots);
        let mut wanted = first.chunk + 1;
        while taken.len() + 1 < share
            && let Some(entries) = self.queued.get(&Source::Origin)
            && let Some((rank, next)) = entries.first_key_value()
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

    /// The slot of an order that is over goes to one of [`Queue::take_following`]; false if another
    /// order is more urgent, and nothing has changed then.
    pub fn follow(&mut self, over: Key, next: &Entry) -> bool {
        let rank = (next.priority, next.arrival.unwrap_or(0));
        let urgent = |(source, entries): (&Source, &BTreeMap<Rank, Entry>)| {
            let first = entries.first_key_value().map(|(rank, _)| *rank);
            first.is_some_and(|first| first < rank) && self.may_start(source)
        };
        let runs = matches!(self.started.get(&over), Some((_, _, State::Running)));
        if !runs
            || self.running > self.slots
            || !self.ready.is_empty()
            || self.queued.iter().any(urgent)
        {
            return false;
        }
        self.started.remove(&over);
        let started = (next.source.clone(), rank, State::Running);
        self.started.insert(next.key, started);
        true
    }
}
