//! Neighbouring chunks of one object that one GET brings, one after the other.
//!
//! A request costs client and server about as much as some hundred kilobytes of its body, and chunks
//! are small so that peers get on with them. Where more chunks wait for the origin than there are
//! slots, an order takes its successors along: its GET asks for all of them, and each is leased,
//! verified, committed and reported as if it had been fetched alone. What disturbs that (an order
//! that was cancelled, a body that broke, a more urgent order) ends the lane: the orders that are
//! left take their old turn in the queue.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::decides::queue::{Entry, Key};
use crate::limits::{Receiving, Share};
use crate::model::{ObjectIndex, Source};
use crate::node::orders::Begin;
use crate::node::origins::Turn;
use crate::node::shared::Shared;
use crate::node::swarm::Swarm;
use crate::source::Body;

/// What one GET is made to bring at most. Longer ones save little, and end less evenly.
const LANE_BYTES: u64 = 32 * 1024 * 1024;

/// The orders that follow the one that runs, and the body that brings their chunks.
#[derive(Default)]
pub(crate) struct Lane {
    rest: VecDeque<Entry>,
    /// Where the last of them ends in the object; None without any.
    end: Option<u64>,
    body: Option<OpenBody>,
    /// The body's share of the byte budget, from its first chunk to its last: who holds the origin's
    /// turn and asks for budget would wait for those who hold budget and ask for a turn.
    pub(crate) budget: Option<Share>,
}

/// A body that has not come to its end.
pub(crate) struct OpenBody {
    pub(crate) object: ObjectIndex,
    /// Where its next byte belongs in the object.
    pub(crate) at: u64,
    pub(crate) body: Body,
    /// Bytes that arrived with the last ones of the chunk before.
    pub(crate) ahead: Bytes,
    pub(crate) receiving: Receiving,
    #[expect(dead_code, reason = "its drop ends the request for the origin's pace")]
    pub(crate) turn: Turn,
}

impl Lane {
    /// The next order, whose chunk the open body goes on with.
    pub(crate) fn next(&mut self) -> Option<Entry> {
        self.body.as_ref()?;
        self.rest.pop_front()
    }

    /// The lane ends; the orders that were not begun.
    pub(crate) fn end(&mut self) -> VecDeque<Entry> {
        self.body = None;
        self.budget = None;
        self.end = None;
        std::mem::take(&mut self.rest)
    }

    /// Up to where a GET for the chunk that ends at `chunk_end` asks.
    pub(crate) fn reach(&self, chunk_end: u64) -> u64 {
        self.end.map_or(chunk_end, |end| end.max(chunk_end))
    }

    /// The open body, if it goes on with this byte.
    pub(crate) fn take(&mut self, object: ObjectIndex, at: u64) -> Option<OpenBody> {
        let body = self.body.take()?;
        (body.object == object && body.at == at).then_some(body)
    }

    /// Keeps a body for the next order.
    pub(crate) fn keep(&mut self, body: OpenBody) {
        self.body = Some(body);
    }

    /// Keeps the budget of a body that was kept.
    pub(crate) fn keep_budget(&mut self, budget: Share) {
        self.budget = self.body.is_some().then_some(budget);
    }
}

impl Shared {
    /// The lane of an order that has just begun. Archives that are unpacked behind their download
    /// have none: their bytes are wanted in order, from many connections. Nor is there one under a
    /// limit on the rate: the sockets would fill up with bytes that nobody has verified, and a
    /// process that is killed would lose them all. Nor in the company of peers: a more urgent order
    /// ends a lane, and what the store has sent by then has left it for nothing.
    pub(crate) fn lane(&self, swarm: &Swarm, first: &Entry) -> Lane {
        let span = |chunk| {
            let chunk = swarm.store.chunk(chunk)?;
            let [span] = chunk.spans[..] else { return None };
            Some(span)
        };
        let mut lane = Lane::default();
        let Some(begun) = span(first.chunk) else {
            return lane;
        };
        let object = swarm.store.object(begun.object);
        if first.source != Source::Origin
            || !swarm.is_alone()
            || object.is_none_or(|object| object.unpack.is_some())
            || self.limits.origin.is_limited()
            || self.limits.download.is_limited()
        {
            return lane;
        }
        // Where the object's next chunks end.
        let mut ends = Vec::new();
        let mut end = begun.offset + begun.length;
        for chunk in first.chunk + 1.. {
            let next = span(chunk).filter(|it| it.object == begun.object && it.offset == end);
            let Some(next) = next else { break };
            end += next.length;
            if end - begun.offset > LANE_BYTES {
                break;
            }
            ends.push(end);
        }
        lane.rest = self.queue().take_following(first, ends.len() + 1);
        lane.end = lane.rest.len().checked_sub(1).map(|last| ends[last]);
        lane
    }

    /// The next order of a lane, with the slot of the one that is over.
    pub(crate) fn next_in(
        &self,
        lane: &mut Lane,
        swarm: &Swarm,
        over: Key,
    ) -> Option<(Entry, CancellationToken)> {
        let next = lane.next()?;
        if !self.queue().follow(over, &next) {
            self.queue().push(next);
            return None;
        }
        match swarm.orders().begin(&next, &swarm.left) {
            Begin::Fetch(stop) => Some((next, stop)),
            Begin::Behind | Begin::Gone => {
                self.queue().done(next.key);
                None
            }
        }
    }
}
