//! An origin whose bytes come only when a test lets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::watch;
use xfd_dataplane_core::error::Result;
use xfd_dataplane_core::model::FoundObject;
use xfd_dataplane_core::source::{Body, Get, Origin};

/// Delivers bytes of each object only up to a position that the test moves.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<dyn Origin>,
    open: watch::Sender<u64>,
    under_way: Arc<AtomicUsize>,
    most: AtomicUsize,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    pub fn new(inner: Arc<dyn Origin>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            open: watch::Sender::new(0),
            under_way: Arc::default(),
            most: AtomicUsize::new(0),
        })
    }

    /// Lets the bytes before this position of every object through.
    pub fn open_to(&self, place: u64) {
        self.open.send_replace(place);
    }

    /// GETs whose body has not ended.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// The most of them at once so far.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Origin for Gate {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        self.inner.head(bucket, key)
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        self.inner.list(bucket, prefix)
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let counted = UnderWay(Arc::clone(&self.under_way));
        let place = get.range.as_ref().map_or(0, |range| range.start);
        let open = self.open.subscribe();
        async move {
            let body = self.inner.get(get).await?;
            let checksum = body.checksum.clone();
            let state = (body, open, place, counted);
            let gated = stream::unfold(state, |(mut body, mut open, place, counted)| async move {
                let bytes = match body.next().await? {
                    Ok(bytes) => bytes,
                    error => return Some((error, (body, open, place, counted))),
                };
                let end = place + bytes.len() as u64;
                open.wait_for(|open| *open >= end).await.ok()?;
                Some((Ok(bytes), (body, open, end, counted)))
            });
            Ok(Body::new(gated).with_checksum(checksum))
        }
        .boxed()
    }
}
