//! Neighbouring chunks of one object that one GET brings, one after the other.
//!
//! A request costs client and server about as much as some hundred kilobytes of its body, and
//! chunks are small so that peers can pass them on early. If more chunks wait for the origin than
//! there are slots, an order takes its successors along: its GET asks for all of them, and each is
//! leased, verified, committed and reported as if it had been fetched alone. A cancelled order, a
//! broken body or a more urgent order ends the lane; the orders that are left return to their place
//! in the queue.

use std::collections::VecDeque;

use tokio_util::sync::CancellationToken;

use super::orders::Begin;
use super::origin_body::OriginBody;
use super::swarm::NodeSwarm;
use crate::decides::queue::{OrderKey, QueuedOrder};
use crate::limits::Share;
use crate::model::{ObjectIndex, Source};

/// Bytes of one GET at most. Longer ones save little, and end less evenly.
const MAX_LANE_BYTES: u64 = 32 * 1024 * 1024;

/// The orders that follow the one that runs, and the body that brings their chunks.
#[derive(Default)]
pub(crate) struct Lane {
    rest: VecDeque<QueuedOrder>,
    /// Where the last of them ends in the object; None without any.
    end: Option<u64>,
    body: Option<OriginBody>,
    /// The body's share of the byte budget, held from its first chunk to its last. A lane that held
    /// an origin's permit and asked for budget again could wait for one that holds budget and asks
    /// for a permit.
    pub(crate) budget: Option<Share>,
}

impl Lane {
    /// Takes the orders that follow `first`, which has just started.
    ///
    /// There is no lane
    /// - for an archive that is unpacked while it arrives: its bytes are needed in order, from many
    ///   connections;
    /// - under a rate limit: unverified bytes would fill the sockets, and be lost if
    ///   the process is killed;
    /// - with peers in the swarm: a more urgent order ends a lane, and what the origin has sent
    ///   by then was sent for nothing.
    pub(crate) fn open(swarm: &NodeSwarm, first: &QueuedOrder) -> Self {
        let span = |chunk| {
            let chunk = swarm.store.chunk(chunk)?;
            let [span] = chunk.spans[..] else { return None };
            Some(span)
        };
        let mut lane = Self::default();
        let Some(started) = span(first.chunk) else {
            return lane;
        };
        let object = swarm.store.object(started.object);
        let limits = &swarm.node.limits;
        if first.source != Source::Origin
            || !swarm.neighbours.is_empty()
            || object.is_none_or(|object| object.unpack.is_some())
            || limits.origin.is_limited()
            || limits.download.is_limited()
        {
            return lane;
        }
        // Where the object's next chunks end.
        let mut ends = Vec::new();
        let mut end = started.offset + started.length;
        for chunk in first.chunk + 1.. {
            let next = span(chunk).filter(|it| it.object == started.object && it.offset == end);
            let Some(next) = next else { break };
            end += next.length;
            if end - started.offset > MAX_LANE_BYTES {
                break;
            }
            ends.push(end);
        }
        lane.rest = swarm.node.slots.take_following(first, ends.len() + 1);
        lane.end = lane.rest.len().checked_sub(1).map(|last| ends[last]);
        lane
    }

    /// The next order, with the slot of the one that has ended. None if the body is at its end, a
    /// more urgent order waits, or the next one has nothing to fetch.
    pub(crate) fn next(
        &mut self,
        swarm: &NodeSwarm,
        ended: OrderKey,
    ) -> Option<(QueuedOrder, CancellationToken)> {
        self.body.as_ref()?;
        let slots = &swarm.node.slots;
        let next = slots.follow(ended, self.rest.pop_front()?)?;
        match swarm.begin(&next) {
            Begin::Fetch(stop) => Some((next, stop)),
            Begin::Follow | Begin::Gone => None,
        }
    }

    /// Ends the lane; the orders that were not started.
    pub(crate) fn end(&mut self) -> VecDeque<QueuedOrder> {
        self.body = None;
        self.budget = None;
        self.end = None;
        std::mem::take(&mut self.rest)
    }

    /// The end of the range that a GET for a chunk asks for, in the object.
    pub(crate) fn reach(&self, chunk_end: u64) -> u64 {
        self.end.map_or(chunk_end, |end| end.max(chunk_end))
    }

    /// The open body, if its next byte is this one.
    pub(crate) fn take(&mut self, object: ObjectIndex, at: u64) -> Option<OriginBody> {
        let body = self.body.take()?;
        (body.object == object && body.at == at).then_some(body)
    }

    /// Keeps a body for the next order.
    pub(crate) fn keep(&mut self, body: OriginBody) {
        self.body = Some(body);
    }

    /// Keeps the budget of a body that was kept.
    pub(crate) fn keep_budget(&mut self, budget: Share) {
        self.budget = self.body.is_some().then_some(budget);
    }
}
