//! Fetches a chunk from its origin: one ranged GET, or one GET for each small object of a pack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::checksums;
use super::lane::Lane;
use super::origin_body::{OriginBody, Tries, ended_early, object_of, pass, too_long};
use super::outcome::{Failure, Outcome, Times};
use super::pack;
use super::swarm::NodeSwarm;
use crate::decides::stalled;
use crate::error::Result;
use crate::limits::BODY_BYTES;
use crate::model::{CatalogObject, Source, Span};
use crate::store::Lease;

pub(crate) struct OriginFetch<'a> {
    pub(crate) swarm: &'a Arc<NodeSwarm>,
}

impl OriginFetch<'_> {
    /// Fills the lease. A body that breaks is resumed at the byte where it stopped.
    pub(crate) async fn fill(
        &self,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
    ) -> Outcome<()> {
        match lease.chunk().spans[..] {
            [span] => self.fill_span(span, lease, lane, times).await,
            _ => pack::fill(self.swarm, lease, times).await,
        }
    }

    async fn fill_span(
        &self,
        span: Span,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
    ) -> Outcome<()> {
        let object = object_of(self.swarm, span)?;
        let budget = match lane.budget.take() {
            Some(budget) => budget,
            None => {
                let budget = &self.swarm.node.limits.budget;
                budget.take(span.length.min(BODY_BYTES)).await
            }
        };
        let mut tries = Tries::new(self.swarm);
        let mut restarts = stalled::MAX_RESTARTS_PER_CHUNK;
        while lease.position() < span.length {
            let (before, started) = (lease.position(), Instant::now());
            let error = match self
                .stream(&object, span, lease, lane, times, &mut restarts)
                .await?
            {
                Ok(()) => continue,
                Err(error) => error.with_object(&object.found.key),
            };
            let received = lease.position() - before;
            tries.pause(error, received, started).await?;
        }
        lane.keep_budget(budget);
        Ok(())
    }

    /// Writes one body into the lease, up to the end of the chunk or until the body stalls. The
    /// body is that of the chunk before if it goes on here. Each stall takes one of the `restarts`.
    /// The inner error is the origin's.
    async fn stream(
        &self,
        object: &CatalogObject,
        span: Span,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
        restarts: &mut u32,
    ) -> Outcome<Result<()>> {
        let swarm = self.swarm;
        let from = span.offset + lease.position();
        let chunk_end = span.offset + span.length;
        let end = lane.reach(chunk_end);
        let mut body = match lane.take(object.index, from) {
            Some(body) => body,
            None => match OriginBody::open(swarm, object, from..end).await? {
                Ok(body) => {
                    match from == 0 && end == object.found.size {
                        true => swarm.checksums().on_whole_body(span.object),
                        false => checksums::part_is_coming(swarm, span, &Source::Origin),
                    }
                    body
                }
                Err(error) => return Ok(Err(error)),
            },
        };
        let started = Instant::now();
        // A slow disk of this node, or its rate limit, stalls no body.
        let mut waited = Duration::ZERO;
        while body.at < chunk_end {
            let received = body.at - from;
            if *restarts > 0 && swarm.typical_pace().is_stalled(received, waited) {
                *restarts -= 1;
                swarm.stats.retries.add(1);
                tracing::debug!(from, at = body.at, "origin_body_abandoned");
                return Ok(Ok(()));
            }
            let mut bytes = match std::mem::take(&mut body.ahead) {
                ahead if !ahead.is_empty() => ahead,
                _ => {
                    let asked = Instant::now();
                    let patience = match *restarts {
                        0 => None,
                        _ => swarm.typical_pace().patience(received),
                    };
                    let left = patience.map_or(Duration::MAX, |it| it.saturating_sub(waited));
                    let left = left.max(stalled::SILENCE);
                    let before = swarm.stats.origin_bytes.get();
                    let next = match timeout(left, body.next(swarm)).await {
                        Ok(next) => next,
                        // The link or the origin is silent as a whole: another request is no help.
                        Err(_) if swarm.stats.origin_bytes.get() == before => {
                            body.next(swarm).await
                        }
                        Err(_) => {
                            *restarts -= 1;
                            swarm.stats.retries.add(1);
                            tracing::debug!(from, at = body.at, "origin_body_abandoned");
                            return Ok(Ok(()));
                        }
                    };
                    waited += asked.elapsed();
                    match next {
                        Ok(Some(bytes)) => bytes,
                        Ok(None) => return Ok(Err(ended_early())),
                        Err(error) => return Ok(Err(error)),
                    }
                }
            };
            times.first_byte.get_or_insert_with(Instant::now);
            let left = usize::try_from(chunk_end - body.at).unwrap_or(usize::MAX);
            body.ahead = bytes.split_off(left.min(bytes.len()));
            lease.write(&bytes).map_err(Failure::of_node)?;
            body.at += bytes.len() as u64;
            let length = bytes.len();
            drop(bytes);
            pass(swarm, length).await;
        }
        swarm
            .typical_pace()
            .on_end(chunk_end - from, started.elapsed());
        if body.at < end {
            lane.keep(body);
        } else {
            // Reading the end of the body gives its connection back to the pool.
            if !body.ahead.is_empty() || matches!(body.next(swarm).await, Ok(Some(_))) {
                lease.rewind();
                return Ok(Err(too_long(end - from)));
            }
        }
        Ok(Ok(()))
    }
}
