//! Which order a node works on next.
//!
//! An order is *queued*, then *running* (it has one of the slots), *waiting* (its peer keeps it
//! waiting for a first byte: no slot, but one of a larger number of places), or *ready* (the first
//! byte is here and it wants a slot again). Smaller priority first, then arrival.
//!
//! Invariants: at most `slots` orders run. At most `places` wait, and at most `slots` of them for
//! one source, so that a peer that lets everything wait never keeps orders to others from running.
//! A ready order goes before every queued one: bytes are waiting for it in a socket.

mod lanes;

use std::collections::{BTreeMap, HashMap};

use crate::model::{ChunkIndex, OrderId, Source};

/// Waiting orders for each slot.
const PLACES_PER_SLOT: usize = 4;

/// An order's name on its node: the swarm's number there, and the order's in the swarm.
pub type Key = (u32, OrderId);

type Rank = (i32, u64);

/// One order to fetch one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// What to fetch.
    pub chunk: ChunkIndex,
    /// Whom to ask.
    pub source: Source,
    /// Smaller is sooner.
    pub priority: i32,
    /// Given by [`Queue::push`]; kept where an order is queued again.
    pub arrival: Option<u64>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin with this order; it has a slot.
    Start(Entry),
    /// This order was ready and has a slot again.
    Resume(Key),
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
    queued: HashMap<Source, BTreeMap<Rank, Entry>>,
    places: BTreeMap<Key, (Source, Rank)>,
    started: BTreeMap<Key, (Source, Rank, State)>,
    ready: BTreeMap<Rank, Key>,
    running: usize,
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

    /// Runs so many orders at once from now on. Those that run beyond them run to their end.
    pub fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// Takes an order in. A name that is known already is left as it is.
    pub fn push(&mut self, mut entry: Entry) {
        if self.places.contains_key(&entry.key) || self.started.contains_key(&entry.key) {
            return;
        }
        let arrival = *entry.arrival.get_or_insert_with(|| {
            self.arrivals += 1;
            self.arrivals
        });
        let rank = (entry.priority, arrival);
        self.places.insert(entry.key, (entry.source.clone(), rank));
        self.queued
            .entry(entry.source.clone())
            .or_default()
            .insert(rank, entry);
    }

    /// Forgets an order that has not begun; false if there is none of this name.
    pub fn cancel(&mut self, key: Key) -> bool {
        let Some((source, rank)) = self.places.remove(&key) else {
            return false;
        };
        self.unqueue(&source, rank);
        true
    }

    /// Forgets all of a swarm's orders that have not begun.
    pub fn cancel_swarm(&mut self, swarm: u32) {
        let keys: Vec<Key> = self
            .places
            .range((swarm, 0)..=(swarm, OrderId::MAX))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.cancel(key);
        }
    }

    /// The next step, while there is one that may be taken now.
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
            .filter_map(|(source, entries)| Some((entries.first_key_value()?.0, source)))
            .min_by_key(|(rank, _)| **rank)
            .map(|(rank, source)| (source.clone(), *rank))?;
        let entry = self.unqueue(&source, rank)?;
        self.places.remove(&entry.key);
        self.started
            .insert(entry.key, (source, rank, State::Running));
        self.running += 1;
        Some(Step::Start(entry))
    }

    /// The order's peer lets it wait: its slot is free if there is a place to wait in.
    pub fn waits(&mut self, key: Key) {
        let waiting: usize = self.waiting.values().sum();
        let Some((source, _, state)) = self.started.get_mut(&key) else {
            return;
        };
        let of_source = self.waiting.entry(source.clone()).or_default();
        if *state == State::Running
            && waiting < self.slots * PLACES_PER_SLOT
            && *of_source < self.slots
        {
            *state = State::Waiting;
            *of_source += 1;
            self.running -= 1;
        }
    }

    /// The order's first byte is here. True if it has a slot; else a [`Step::Resume`] follows.
    pub fn arrives(&mut self, key: Key) -> bool {
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

    /// The order is over, however it ended.
    pub fn done(&mut self, key: Key) {
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

    /// Orders that have a slot.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    fn may_start(&self, source: &Source) -> bool {
        if *source == Source::Origin {
            return true;
        }
        let waiting: usize = self.waiting.values().sum();
        waiting < self.slots * PLACES_PER_SLOT
            && self.waiting.get(source).copied().unwrap_or(0) < self.slots
    }

    fn unqueue(&mut self, source: &Source, rank: Rank) -> Option<Entry> {
        let entries = self.queued.get_mut(source)?;
        let entry = entries.remove(&rank);
        if entries.is_empty() {
            self.queued.remove(source);
        }
        entry
    }
}

#[cfg(test)]
mod tests;
