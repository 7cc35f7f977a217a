//! A chunk from its origin: one ranged GET, or one GET for each small object of a pack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::decides::retry::{Retry, RetryPolicy};
use crate::error::{Error, Kind, Result};
use crate::limits::BODY_BYTES;
use crate::model::{CatalogObject, Span};
use crate::node::origins::{Connected, PACK_REQUESTS};
use crate::node::work::{Failure, Outcome, Times, Work};
use crate::source::{Body, Get};
use crate::store::Lease;

impl Work<'_> {
    /// Fills the lease. A body that breaks goes on at the byte where it stopped.
    pub(crate) async fn read_origin(&self, lease: &mut Lease, times: &mut Times) -> Outcome<()> {
        let spans = lease.chunk().spans.clone();
        match spans.as_slice() {
            [span] => self.one(*span, lease, times).await,
            _ => self.pack(&spans, lease, times).await,
        }
    }

    async fn one(&self, span: Span, lease: &mut Lease, times: &mut Times) -> Outcome<()> {
        if span.length == 0 {
            return Ok(());
        }
        let object = self.object(span)?;
        let _budget = self.budget(span.length.min(BODY_BYTES)).await?;
        let mut retry = self.retry();
        loop {
            let before = lease.position();
            let error = match self.stream(&object, span, lease, times).await? {
                Ok(()) => return Ok(()),
                Err(error) => error.with_object(&object.found.key),
            };
            self.pause(&mut retry, error, lease.position() - before)
                .await?;
        }
    }

    /// One GET into the lease. The inner error is the origin's.
    async fn stream(
        &self,
        object: &CatalogObject,
        span: Span,
        lease: &mut Lease,
        times: &mut Times,
    ) -> Outcome<Result<()>> {
        let connected = self.connected(object).await?;
        let turn = connected.turn().await;
        let from = span.offset + lease.position();
        let mut body = match self.ask(&connected, object, span, from).await {
            Ok((body, after)) => {
                turn.answered(after);
                body
            }
            Err(error) => {
                turn.failed(&error);
                return Ok(Err(error));
            }
        };
        loop {
            let bytes = match self.piece(&mut body).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if lease.position() < span.length => return Ok(Err(ended_early())),
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            times.first_byte.get_or_insert_with(Instant::now);
            lease.write(&bytes).map_err(Failure::of_node)?;
            let length = bytes.len();
            drop(bytes);
            self.pass(length).await;
        }
    }

    /// Many GETs at once, written in the objects' order.
    async fn pack(&self, spans: &[Span], lease: &mut Lease, times: &mut Times) -> Outcome<()> {
        let spans: Vec<Span> = spans.iter().copied().filter(|it| it.length > 0).collect();
        let mut bodies = stream::iter(spans)
            // One after the other, so that the earliest of them never waits behind later ones.
            .then(|span| self.admit(span))
            .map(|admitted| self.small(admitted))
            .buffered(PACK_REQUESTS)
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

    async fn admit(&self, span: Span) -> Outcome<(Span, OwnedSemaphorePermit)> {
        Ok((span, self.budget(span.length).await?))
    }

    async fn small(
        &self,
        admitted: Outcome<(Span, OwnedSemaphorePermit)>,
    ) -> Outcome<(Vec<Bytes>, OwnedSemaphorePermit)> {
        let (span, budget) = admitted?;
        let object = self.object(span)?;
        let mut retry = self.retry();
        let mut pieces = Vec::new();
        let mut received = 0;
        loop {
            let before = received;
            let error = match self
                .collect(&object, span, &mut pieces, &mut received)
                .await?
            {
                Ok(()) => return Ok((pieces, budget)),
                Err(error) => error.with_object(&object.found.key),
            };
            self.pause(&mut retry, error, received - before).await?;
        }
    }

    async fn collect(
        &self,
        object: &CatalogObject,
        span: Span,
        pieces: &mut Vec<Bytes>,
        received: &mut u64,
    ) -> Outcome<Result<()>> {
        let connected = self.connected(object).await?;
        let turn = connected.turn().await;
        let answer = self.ask(&connected, object, span, span.offset + *received);
        let mut body = match answer.await {
            Ok((body, after)) => {
                turn.answered(after);
                body
            }
            Err(error) => {
                turn.failed(&error);
                return Ok(Err(error));
            }
        };
        loop {
            match self.piece(&mut body).await {
                Ok(Some(bytes)) => {
                    *received += bytes.len() as u64;
                    self.pass(bytes.len()).await;
                    pieces.push(bytes);
                }
                Ok(None) if *received < span.length => return Ok(Err(ended_early())),
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Sends one GET for the span's bytes from `from` (in the object) on; its body, and how long
    /// the answer took to begin.
    async fn ask(
        &self,
        connected: &Connected,
        object: &CatalogObject,
        span: Span,
        from: u64,
    ) -> Result<(Body, Duration)> {
        let end = span.offset + span.length;
        let is_all = from == 0 && end == object.found.size;
        self.swarm.stats.origin_requests.add(1);
        let sent = Instant::now();
        let patience = self.node.settings.connect_timeout + self.node.settings.read_timeout;
        let get = connected.origin.get(Get {
            bucket: object.bucket.as_deref(),
            key: &object.found.key,
            range: (!is_all).then_some(from..end),
            etag: object.found.etag.as_deref(),
        });
        let body = timeout(patience, get).await.map_err(|_| too_slow())??;
        Ok((body, sent.elapsed()))
    }

    async fn piece(&self, body: &mut Body) -> Result<Option<Bytes>> {
        let piece = timeout(self.node.settings.read_timeout, body.next()).await;
        let piece = piece.map_err(|_| too_slow())?.transpose()?;
        if let Some(bytes) = &piece {
            self.swarm.stats.origin_bytes.add(bytes.len() as u64);
        }
        Ok(piece)
    }

    async fn pass(&self, bytes: usize) {
        self.node.limits.origin.pass(bytes).await;
        self.node.limits.download.pass(bytes).await;
    }

    async fn pause(&self, retry: &mut Retry, error: Error, received: u64) -> Outcome<()> {
        let Some(wait) = retry.after(&error, received, fastrand::f64()) else {
            return Err(Failure::of_origin(error));
        };
        self.swarm.stats.retries.add(1);
        tracing::debug!(%error, ?wait, "origin_request_retried");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn retry(&self) -> Retry {
        Retry::new(RetryPolicy::new(self.node.settings.attempts))
    }

    async fn budget(&self, bytes: u64) -> Outcome<OwnedSemaphorePermit> {
        let budget = &self.node.limits.budget;
        budget.take(bytes).await.map_err(Failure::of_node)
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

fn too_slow() -> Error {
    Error::new(Kind::OriginTimeout, "The origin stopped answering")
}

fn ended_early() -> Error {
    Error::new(Kind::OriginUnreachable, "The origin's body ended early")
}
