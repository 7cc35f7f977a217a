//! The origins that a node reads: each connected at its first use, kept, and asked within its
//! limit.
//!
//! An origin that names the reset of its rate limit gets no request before. Lookups wait for it;
//! orders go back to the scheduler, which then paces all nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, OnceCell};

use crate::decides::concurrency::ConcurrencyLimit;
use crate::decides::retry::{Retry, RetryPolicy, is_for_all_nodes, jitter_of};
use crate::decides::stalled::{self, TypicalPace};
use crate::error::{Error, Kind, Result};
use crate::model::{NodeSettings, StoreConfig, Stores};
use crate::source::{ConnectOptions, Origin, connect};
use crate::threads::{Mutex, MutexGuard, locked};

/// Requests under way at once for each slot of the node: a slot may fetch a pack, of which each
/// small object is a request.
const REQUESTS_PER_SLOT: usize = 16;

/// Makes origins from their descriptions.
pub trait Connect: Send + Sync {
    /// The origin of a description.
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>>;
}

/// Connects to the store that a description names.
pub(crate) struct ConnectToStores(pub(crate) ConnectOptions);

impl Connect for ConnectToStores {
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>> {
        Box::pin(connect(config, &self.0))
    }
}

type Cell = Arc<OnceCell<Arc<Connected>>>;

pub(crate) struct Origins {
    connect: Arc<dyn Connect>,
    max_requests: AtomicUsize,
    cells: Mutex<Vec<(StoreConfig, Cell)>>,
}

impl Origins {
    pub(crate) fn new(connect: Arc<dyn Connect>, settings: &NodeSettings) -> Self {
        Self {
            connect,
            max_requests: AtomicUsize::new(max_requests(settings)),
            cells: Mutex::default(),
        }
    }

    /// The origin of a profile. Equal descriptions share one.
    pub(crate) async fn of(
        &self,
        stores: &Stores,
        profile: Option<&str>,
    ) -> Result<Arc<Connected>> {
        let config = stores
            .iter()
            .find(|(name, _)| name.as_deref() == profile)
            .map(|(_, config)| config);
        let Some(config) = config else {
            let what = format!("There is no profile {profile:?}");
            return Err(Error::new(Kind::InvalidRequest, what));
        };
        let cell = self.cell(config);
        cell.get_or_try_init(|| async {
            let origin = self.connect.connect(config).await?;
            let max_requests = self.max_requests.load(Ordering::Relaxed);
            Ok(Arc::new(Connected::new(origin, max_requests)))
        })
        .await
        .cloned()
    }

    /// Changes how many requests each origin gets at once.
    pub(crate) fn change(&self, settings: &NodeSettings) {
        let max_requests = max_requests(settings);
        self.max_requests.store(max_requests, Ordering::Relaxed);
        let cells = locked(&self.cells);
        for connected in cells.iter().filter_map(|(_, cell)| cell.get()) {
            connected.requests().limit.set_most(max_requests);
            connected.room.notify_waiters();
        }
    }

    fn cell(&self, config: &StoreConfig) -> Cell {
        let mut cells = locked(&self.cells);
        if let Some((_, cell)) = cells.iter().find(|(known, _)| known == config) {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        cells.push((config.clone(), Arc::clone(&cell)));
        cell
    }
}

fn max_requests(settings: &NodeSettings) -> usize {
    settings.node_parallelism * REQUESTS_PER_SLOT
}

/// An origin, with the requests that are under way to it.
pub(crate) struct Connected {
    pub(crate) origin: Arc<dyn Origin>,
    requests: Mutex<Requests>,
    /// Notified when one more request may be sent.
    room: Notify,
    since: Instant,
    /// No request is sent before. With the error that asked for it.
    rest: Mutex<Option<(Instant, Error)>>,
}

struct Requests {
    limit: ConcurrencyLimit,
    under_way: usize,
    /// What an answer typically takes to start; each counts as one byte.
    answers: TypicalPace,
}

impl Connected {
    fn new(origin: Arc<dyn Origin>, max_requests: usize) -> Self {
        Self {
            origin,
            requests: Mutex::new(Requests {
                limit: ConcurrencyLimit::new(max_requests),
                under_way: 0,
                answers: TypicalPace::default(),
            }),
            room: Notify::new(),
            since: Instant::now(),
            rest: Mutex::default(),
        }
    }

    /// The same as [`Connected::permit`], for an order.
    ///
    /// # Errors
    /// `OriginThrottled` while the origin rests, with the time that is left.
    pub(crate) async fn permit_of_order(self: &Arc<Self>) -> Result<OriginPermit> {
        let refuse = || self.resting().map_or(Ok(()), Err);
        refuse()?;
        let permit = self.permit_now().await;
        refuse()?;
        Ok(permit)
    }

    /// Why and for how long no request may be sent.
    fn resting(&self) -> Option<Error> {
        let mut rest = locked(&self.rest);
        let (until, error) = rest.as_ref()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            *rest = None;
            return None;
        }
        Some(error.clone().with_retry_after(left))
    }

    /// Rests as an error asks; the error, with the time that this node waits.
    fn rest(&self, error: Error) -> Error {
        let Some(asked) = error.retry_after.filter(|_| is_for_all_nodes(&error)) else {
            return error;
        };
        let wait = asked + jitter_of(asked, fastrand::f64());
        let until = Instant::now() + wait;
        let error = error.with_retry_after(wait);
        let mut rest = locked(&self.rest);
        if rest.is_none() {
            tracing::debug!(rest_s = wait.as_secs_f64(), %error, "origin_rests");
        }
        if rest.as_ref().is_none_or(|(known, _)| *known < until) {
            let mut of_all = error.clone();
            of_all.object = None;
            *rest = Some((until, of_all));
        }
        error
    }

    /// Waits until one more request may be sent.
    async fn permit(self: &Arc<Self>) -> OriginPermit {
        loop {
            let permit = self.permit_now().await;
            match self.resting().and_then(|error| error.retry_after) {
                None => return permit,
                Some(left) => {
                    drop(permit);
                    tokio::time::sleep(left).await;
                }
            }
        }
    }

    /// Waits until fewer requests than the limit are under way.
    async fn permit_now(self: &Arc<Self>) -> OriginPermit {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut requests = self.requests();
                if requests.under_way < requests.limit.now() {
                    requests.under_way += 1;
                    return OriginPermit(Arc::clone(self));
                }
            }
            room.await;
        }
    }

    /// Sends a request within the limit, and again as often as the retry policy allows.
    pub(crate) async fn ask<T, F>(
        self: &Arc<Self>,
        attempts: u32,
        request: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut retry = Retry::new(RetryPolicy::new(attempts));
        loop {
            let permit = self.permit().await;
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let error = permit.failed(error);
            drop(permit);
            match retry.after(&error, false, fastrand::f64()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        locked(&self.requests)
    }
}

/// Held by one request while it is under way.
pub(crate) struct OriginPermit(Arc<Connected>);

impl OriginPermit {
    /// The request's answer started after this time.
    pub(crate) fn answered(&self, after: Duration) {
        let mut requests = self.0.requests();
        requests.limit.on_answer(after);
        requests.answers.on_end(1, after);
        drop(requests);
        self.0.room.notify_one();
    }

    /// How long an answer is waited for before its request is sent once more; None before any
    /// answer came.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let usual = self.0.requests().answers.patience(1)?;
        Some(usual.max(stalled::SILENCE))
    }

    /// The request failed; its error, with the time that this node waits.
    pub(crate) fn failed(&self, error: Error) -> Error {
        if error.kind == Kind::OriginThrottled {
            let now = self.0.since.elapsed();
            if self.0.requests().limit.on_throttle(now) {
                tracing::info!("origin_throttled");
            }
        }
        self.0.rest(error)
    }
}

impl Drop for OriginPermit {
    fn drop(&mut self) {
        self.0.requests().under_way -= 1;
        self.0.room.notify_one();
    }
}
