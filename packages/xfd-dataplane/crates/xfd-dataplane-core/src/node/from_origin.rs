//! A chunk from its origin: one ranged GET, or one GET for each small object of a pack.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::decides::crawl;
use crate::decides::flow::{self, Flow};
use crate::decides::retry::{Retry, RetryPolicy};
use crate::error::{Error, Kind, Result};
use crate::limits::{BODY_BYTES, Receiving, Share};
use crate::model::{CatalogObject, Span};
use crate::node::lane::{Lane, OpenBody};
use crate::node::origins::{Connected, PACK_WINDOW, PACK_WINDOW_AMONG_PEERS};
use crate::node::work::{Failure, Outcome, Times, Work};
use crate::source::{Body, Get};
use crate::store::Lease;

/// Pieces of a body below this are copied together where they are kept.
const SMALL_PIECE: usize = 4 * 1024;

impl Work<'_> {
    /// Fills the lease. A body that breaks goes on at the byte where it stopped.
    pub(crate) async fn read_origin(
        &self,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
    ) -> Outcome<()> {
        let spans = lease.chunk().spans.clone();
        match spans.as_slice() {
            [span] => self.one(*span, lease, lane, times).await,
            _ => self.pack(&spans, lease, times).await,
        }
    }

    async fn one(
        &self,
        span: Span,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
    ) -> Outcome<()> {
        let object = self.object(span)?;
        let budget = match lane.budget.take() {
            Some(budget) => budget,
            None => self.budget(span.length.min(BODY_BYTES)).await,
        };
        let mut retry = self.retry();
        let mut turns = crawl::MOST;
        while lease.position() < span.length {
            let (before, began) = (lease.position(), Instant::now());
            let error = match self
                .stream(&object, span, lease, lane, times, &mut turns)
                .await?
            {
                Ok(()) => continue,
                Err(error) => error.with_object(&object.found.key),
            };
            let received = lease.position() - before;
            self.pause(&mut retry, error, received, began).await?;
        }
        lane.keep_budget(budget);
        Ok(())
    }

    /// One body into the lease, that of the chunk before if it goes on; to the chunk's end, or until
    /// it is left behind by others, which may happen for so many `turns`. The inner error is the
    /// origin's.
    async fn stream(
        &self,
        object: &CatalogObject,
        span: Span,
        lease: &mut Lease,
        lane: &mut Lane,
        times: &mut Times,
        turns: &mut u32,
    ) -> Outcome<Result<()>> {
        let from = span.offset + lease.position();
        let chunk_end = span.offset + span.length;
        let end = lane.reach(chunk_end);
        let mut open = match lane.take(object.index, from) {
            Some(open) => open,
            None => match self.open(object, from..end).await? {
                Ok(open) => {
                    match from == 0 && end == object.found.size {
                        true => self.swarm.checksums.came_whole(span.object),
                        false => self.node.is_coming(self.swarm, span, &self.entry.source),
                    }
                    open
                }
                Err(error) => return Ok(Err(error)),
            },
        };
        let began = Instant::now();
        while open.at < chunk_end {
            if *turns > 0
                && self
                    .swarm
                    .usual()
                    .is_behind(open.at - from, began.elapsed())
            {
                *turns -= 1;
                self.swarm.stats.retries.add(1);
                tracing::debug!(from, at = open.at, "origin_body_left_behind");
                return Ok(Ok(()));
            }
            let mut bytes = match std::mem::take(&mut open.ahead) {
                ahead if !ahead.is_empty() => ahead,
                _ => match self.piece(&mut open).await {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => return Ok(Err(ended_early())),
                    Err(error) => return Ok(Err(error)),
                },
            };
            times.first_byte.get_or_insert_with(Instant::now);
            let left = usize::try_from(chunk_end - open.at).unwrap_or(usize::MAX);
            open.ahead = bytes.split_off(left.min(bytes.len()));
            lease.write(&bytes).map_err(Failure::of_node)?;
            open.at += bytes.len() as u64;
            let length = bytes.len();
            drop(bytes);
            self.pass(length).await;
        }
        self.swarm.usual().ended(chunk_end - from, began.elapsed());
        if open.at < end {
            lane.keep(open);
        } else {
            // The end of the body gives its connection back to the pool.
            if !open.ahead.is_empty() || matches!(self.piece(&mut open).await, Ok(Some(_))) {
                lease.rewind();
                return Ok(Err(too_long(end - from)));
            }
        }
        Ok(Ok(()))
    }

    /// The body of a GET for a range.
    async fn open(&self, object: &CatalogObject, range: Range<u64>) -> Outcome<Result<OpenBody>> {
        let connected = self.connected(object).await?;
        let turn = connected.turn().await;
        let at = range.start;
        Ok(match self.ask(&connected, object, range).await {
            Ok((mut body, after)) => {
                turn.answered(after);
                if let Some(checksum) = body.checksum.take() {
                    self.swarm.store.told(object.index, checksum);
                }
                Ok(OpenBody {
                    object: object.index,
                    at,
                    body,
                    ahead: Bytes::new(),
                    receiving: self.receiving(),
                    turn,
                })
            }
            Err(error) => {
                turn.failed(&error);
                Err(error)
            }
        })
    }

    /// Many GETs at once, written in the objects' order.
    async fn pack(&self, spans: &[Span], lease: &mut Lease, times: &mut Times) -> Outcome<()> {
        let spans: Vec<Span> = spans.iter().copied().filter(|it| it.length > 0).collect();
        let window = if self.swarm.is_alone() {
            PACK_WINDOW
        } else {
            PACK_WINDOW_AMONG_PEERS
        };
        let mut bodies = stream::iter(spans)
            // One after the other, so that the earliest of them never waits behind later ones.
            .then(|span| self.admit(span))
            .map(|admitted| self.small(admitted))
            .buffered(window)
            .boxed();
        while let Some(body) = bodies.next().await {
            let (pieces, budget) = body?;
            times.first_byte.get_or_insert_with(Instant::now);
            for bytes in pieces {
                lease.write(&bytes).map_err(Failure::of_node)?;
            }
            drop(budget);
        }
        Ok(())
    }

    async fn admit(&self, span: Span) -> Outcome<(Span, Share)> {
        Ok((span, self.budget(span.length).await))
    }

    async fn small(&self, admitted: Outcome<(Span, Share)>) -> Outcome<(Vec<Bytes>, Share)> {
        let (span, budget) = admitted?;
        let object = self.object(span)?;
        let mut retry = self.retry();
        let mut pieces = Vec::new();
        let mut received = 0;
        loop {
            let (before, began) = (received, Instant::now());
            let error = match self
                .collect(&object, span, &mut pieces, &mut received)
                .await?
            {
                Ok(()) => return Ok((pieces, budget)),
                Err(error) => error.with_object(&object.found.key),
            };
            self.pause(&mut retry, error, received - before, began)
                .await?;
        }
    }

    async fn collect(
        &self,
        object: &CatalogObject,
        span: Span,
        pieces: &mut Vec<Bytes>,
        received: &mut u64,
    ) -> Outcome<Result<()>> {
        let range = span.offset + *received..span.offset + span.length;
        let mut open = match self.open(object, range).await? {
            Ok(open) => open,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            match self.piece(&mut open).await {
                Ok(Some(bytes)) if *received + bytes.len() as u64 > span.length => {
                    return Ok(Err(too_long(span.length)));
                }
                Ok(Some(bytes)) => {
                    *received += bytes.len() as u64;
                    self.pass(bytes.len()).await;
                    keep(pieces, bytes);
                }
                Ok(None) if *received < span.length => return Ok(Err(ended_early())),
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Sends one GET; its body, and how long the answer took to begin.
    async fn ask(
        &self,
        connected: &Connected,
        object: &CatalogObject,
        range: Range<u64>,
    ) -> Result<(Body, Duration)> {
        let is_all = range == (0..object.found.size);
        self.swarm.stats.origin_requests.add(1);
        let sent = Instant::now();
        let patience = self.node.settings.connect_timeout + self.node.settings.read_timeout;
        let get = connected.origin.get(Get {
            bucket: object.bucket.as_deref(),
            key: &object.found.key,
            range: (!is_all).then_some(range),
            etag: object.found.etag.as_deref(),
            size: Some(object.found.size),
        });
        let answer = timeout(patience, get).await;
        let body = answer.unwrap_or_else(|_| Err(too_slow()));
        let body = body.inspect_err(|_| self.swarm.stats.origin_failures.add(1))?;
        Ok((body, sent.elapsed()))
    }

    async fn piece(&self, open: &mut OpenBody) -> Result<Option<Bytes>> {
        let asked = Instant::now();
        let piece = timeout(self.node.settings.read_timeout, open.body.next()).await;
        let piece = piece.map_err(|_| too_slow())?.transpose()?;
        if let Some(bytes) = &piece {
            self.swarm.stats.origin_bytes.add(bytes.len() as u64);
            let flows = open.receiving.came(bytes.len(), asked.elapsed());
            flows.map_err(|drip| Error::new(Kind::OriginTimeout, format!("The origin {drip}")))?;
        }
        Ok(piece)
    }

    async fn pass(&self, bytes: usize) {
        self.node.limits.origin.pass(bytes).await;
        self.node.limits.download.pass(bytes).await;
    }

    /// After a try that began then.
    async fn pause(
        &self,
        retry: &mut Retry,
        error: Error,
        received: u64,
        began: Instant,
    ) -> Outcome<()> {
        let bodies = self.node.limits.bodies.count();
        let is_progress = flow::is_progress(received, began.elapsed(), bodies);
        let Some(wait) = retry.after(&error, is_progress, fastrand::f64()) else {
            return Err(Failure::of_origin(error));
        };
        self.swarm.stats.retries.add(1);
        tracing::debug!(%error, ?wait, "origin_request_retried");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// One body of the origin more.
    fn receiving(&self) -> Receiving {
        let window = Flow::window_of(self.node.settings.read_timeout);
        self.node.limits.bodies.one(window)
    }

    fn retry(&self) -> Retry {
        Retry::new(RetryPolicy::new(self.node.settings.attempts))
    }

    async fn budget(&self, bytes: u64) -> Share {
        self.node.limits.budget.take(bytes).await
    }

    async fn connected(&self, object: &CatalogObject) -> Outcome<Arc<Connected>> {
        let stores = self.swarm.stores();
        let profile = object.profile_name.as_deref();
        let connected = self.node.origins.of(&stores, profile).await;
        connected.map_err(Failure::of_origin)
    }

    fn object(&self, span: Span) -> Outcome<Arc<CatalogObject>> {
        self.swarm.store.object(span.object).ok_or_else(|| {
            let what = format!("Object {} is not in the catalog", span.object);
            Failure::of_node(Error::new(Kind::Internal, what))
        })
    }
}

/// Adds a piece. Small ones are copied together: each would keep a buffer of the connection, and a
/// server that sends single bytes would take many times their memory.
fn keep(pieces: &mut Vec<Bytes>, bytes: Bytes) {
    let last = pieces.pop_if(|last| last.len() < SMALL_PIECE && bytes.len() < SMALL_PIECE);
    let Some(last) = last else {
        return pieces.push(bytes);
    };
    let mut joined = last.try_into_mut().unwrap_or_else(|last| {
        let mut joined = BytesMut::with_capacity(2 * SMALL_PIECE);
        joined.extend_from_slice(&last);
        joined
    });
    joined.extend_from_slice(&bytes);
    pieces.push(joined.freeze());
}

fn too_slow() -> Error {
    Error::new(Kind::OriginTimeout, "The origin stopped answering")
}

fn too_long(bytes: u64) -> Error {
    let what = format!("The origin's body goes on after the {bytes} bytes that were asked for");
    Error::new(Kind::OriginAnswer, what)
}

fn ended_early() -> Error {
    Error::new(Kind::OriginUnreachable, "The origin's body ended early")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{SMALL_PIECE, keep};

    #[test]
    fn small_pieces_are_kept_together_and_large_ones_as_they_came() {
        let (mut pieces, mut sent) = (Vec::new(), Vec::new());
        let lengths = [1; 20_000]
            .into_iter()
            .chain([50_000, 3, 50_000, 4096, 7, 9]);
        for (at, length) in lengths.enumerate() {
            let bytes = vec![at as u8; length];
            sent.extend_from_slice(&bytes);
            keep(&mut pieces, Bytes::from(bytes));
        }
        assert!(pieces.concat() == sent);
        assert!(pieces.len() <= 20_000 / SMALL_PIECE + 6, "{}", pieces.len());
    }
}
