//! The origins that a node talks to: each connected at its first use, kept, and asked at its pace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, OnceCell};

use crate::decides::pace::Pace;
use crate::decides::retry::{Retry, RetryPolicy};
use crate::error::{Error, Kind, Result};
use crate::model::{NodeSettings, StoreConfig, Stores};
use crate::source::{ConnectOptions, Origin, connect};

/// Requests for small objects that are under way at once, for each chunk that may be.
const PACK_REQUESTS: usize = 16;

/// Requests for one pack's objects that are under way at once: with few packs left, they have the
/// room of those that are done.
pub(crate) const PACK_WINDOW: usize = 64;

/// The same among peers, who ask the origin for other packs meanwhile.
pub(crate) const PACK_WINDOW_AMONG_PEERS: usize = 16;

/// Makes origins from their descriptions.
pub trait Connect: Send + Sync {
    /// The origin of a description.
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>>;
}

/// Connects to what a description names.
pub(crate) struct Real(pub(crate) ConnectOptions);

impl Connect for Real {
    fn connect<'a>(&'a self, config: &'a StoreConfig) -> BoxFuture<'a, Result<Arc<dyn Origin>>> {
        Box::pin(connect(config, &self.0))
    }
}

type Cell = Arc<OnceCell<Arc<Connected>>>;

pub(crate) struct Origins {
    connect: Arc<dyn Connect>,
    most: AtomicUsize,
    cells: Mutex<Vec<(StoreConfig, Cell)>>,
}

impl Origins {
    pub(crate) fn new(connect: Arc<dyn Connect>, settings: &NodeSettings) -> Self {
        Self {
            connect,
            most: AtomicUsize::new(most_requests(settings)),
            cells: Mutex::default(),
        }
    }

    /// The origin of a profile; equal descriptions share one.
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
            Ok(Arc::new(Connected {
                origin,
                pace: Mutex::new((Pace::new(self.most.load(Ordering::Relaxed)), 0)),
                room: Notify::new(),
                since: Instant::now(),
            }))
        })
        .await
        .cloned()
    }

    /// Changes how many requests each of them is asked at once.
    pub(crate) fn change(&self, settings: &NodeSettings) {
        let most = most_requests(settings);
        self.most.store(most, Ordering::Relaxed);
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        for connected in cells.iter().filter_map(|(_, cell)| cell.get()) {
            connected.pace().0.set_most(most);
            connected.room.notify_waiters();
        }
    }

    fn cell(&self, config: &StoreConfig) -> Cell {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = cells.iter().find(|(known, _)| known == config) {
            return Arc::clone(cell);
        }
        let cell = Cell::default();
        cells.push((config.clone(), Arc::clone(&cell)));
        cell
    }
}

fn most_requests(settings: &NodeSettings) -> usize {
    settings.node_parallelism * PACK_REQUESTS
}

/// An origin, and how many requests it takes at once.
pub(crate) struct Connected {
    pub(crate) origin: Arc<dyn Origin>,
    /// The limit, and the requests under way.
    pace: Mutex<(Pace, usize)>,
    room: Notify,
    since: Instant,
}

/// One request under way.
pub(crate) struct Turn(Arc<Connected>);

impl Connected {
    /// Waits until one more request may be sent.
    pub(crate) async fn turn(self: &Arc<Self>) -> Turn {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let mut pace = self.pace();
                if pace.1 < pace.0.limit() {
                    pace.1 += 1;
                    return Turn(Arc::clone(self));
                }
            }
            room.await;
        }
    }

    /// Asks in turn with others, and again while the retry's patience lasts.
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
            let turn = self.turn().await;
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            turn.failed(&error);
            drop(turn);
            match retry.after(&error, false, fastrand::f64()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    fn pace(&self) -> MutexGuard<'_, (Pace, usize)> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The request's answer began after so long.
    pub(crate) fn answered(&self, after: Duration) {
        self.0.pace().0.on_answer(after);
        self.0.room.notify_one();
    }

    /// The request failed.
    pub(crate) fn failed(&self, error: &Error) {
        if error.kind == Kind::OriginThrottled {
            let now = self.0.since.elapsed();
            if self.0.pace().0.on_throttle(now) {
                tracing::info!("origin_throttled");
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pace().1 -= 1;
        self.0.room.notify_one();
    }
}
