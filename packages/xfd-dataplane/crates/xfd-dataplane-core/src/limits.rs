//! What a node may use at once: rates, and bytes in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::capacity::Capacity;
pub use crate::capacity::Share;
use crate::decides::bucket::Bucket;
use crate::decides::flow::{Drip, Flow};
use crate::model::NodeSettings;
use crate::threads::{Mutex, MutexGuard, locked};

/// Bytes that a body in flight is counted with: what its socket's buffer may grow to.
pub const BODY_BYTES: u64 = 512 * 1024;

/// Size of a piece that is served to a peer.
pub const PIECE_BYTES: usize = 256 * 1024;

/// A rate limit shared by everything that passes it; without a rate it is free.
#[derive(Clone, Debug)]
pub struct Rate {
    since: Instant,
    bucket: Arc<Mutex<Option<Bucket>>>,
    changed: Arc<Notify>,
}

impl Rate {
    /// A limit of so many bytes a second.
    #[must_use]
    pub fn new(bytes_per_s: Option<u64>) -> Self {
        let rate = Self {
            since: Instant::now(),
            bucket: Arc::default(),
            changed: Arc::default(),
        };
        rate.set(bytes_per_s);
        rate
    }

    /// Changes the limit. What waits under the old one goes on at once.
    pub fn set(&self, bytes_per_s: Option<u64>) {
        let bucket = bytes_per_s.map(|rate| Bucket::new(rate, self.since.elapsed()));
        *self.bucket() = bucket;
        self.changed.notify_waiters();
    }

    /// Whether there is a limit.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.bucket().is_some()
    }

    /// Counts bytes that have passed, and waits until the next ones may.
    pub async fn pass(&self, bytes: usize) {
        let changed = self.changed.notified();
        let wait = match &mut *self.bucket() {
            None => return,
            Some(bucket) => bucket.take(bytes as u64, self.since.elapsed()),
        };
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Option<Bucket>> {
        locked(&self.bucket)
    }
}

/// All limits of a node; clones share them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes in flight between sockets and files, for bodies being received; at least one body's.
    /// Uploads hold one piece each and are subtracted beforehand, so that no two nodes wait for
    /// each other's memory. A pack takes the bytes of its objects in order, so what holds a part
    /// waits for its own earlier parts only, and the earliest holder always gets on.
    pub budget: Capacity,
    /// Reading from origins.
    pub origin: Rate,
    /// Receiving at all.
    pub download: Rate,
    /// Serving.
    pub upload: Rate,
    /// Chunks served at once.
    pub uploads: Capacity,
    /// Requests that wait to be served.
    pub upload_queue: Capacity,
    /// HEADs beside GETs.
    pub heads: Capacity,
    /// Bodies that are being received.
    pub bodies: Bodies,
}

/// How many bodies are being received; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Bodies(Arc<AtomicU64>);

/// One of them, which has to flow.
#[derive(Debug)]
pub struct Receiving {
    of: Bodies,
    flow: Flow,
}

impl Bodies {
    /// One more, judged by windows of so long.
    #[must_use]
    pub fn one(&self, window: Duration) -> Receiving {
        self.0.fetch_add(1, Ordering::Relaxed);
        Receiving {
            of: self.clone(),
            flow: Flow::new(window),
        }
    }

    /// Their number.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Receiving {
    /// Takes in that bytes came which were waited for so long.
    ///
    /// # Errors
    /// Where the body drips.
    pub fn came(&mut self, bytes: usize, waited: Duration) -> Result<(), Drip> {
        self.flow.came(bytes as u64, waited, self.of.count())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.of.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    /// As the settings say.
    #[must_use]
    pub fn new(settings: &NodeSettings) -> Self {
        let uploads = settings.max_uploads as u64;
        Self {
            budget: Capacity::new(budget_bytes(settings)),
            origin: Rate::new(settings.origin_bytes_per_s),
            download: Rate::new(settings.download_bytes_per_s),
            upload: Rate::new(settings.upload_bytes_per_s),
            uploads: Capacity::new(uploads),
            upload_queue: Capacity::new(uploads),
            heads: Capacity::new(settings.node_parallelism as u64),
            bodies: Bodies::default(),
        }
    }

    /// As other settings say, from now on.
    pub fn change(&self, settings: &NodeSettings) {
        let uploads = settings.max_uploads as u64;
        self.budget.resize(budget_bytes(settings));
        self.origin.set(settings.origin_bytes_per_s);
        self.download.set(settings.download_bytes_per_s);
        self.upload.set(settings.upload_bytes_per_s);
        self.uploads.resize(uploads);
        self.upload_queue.resize(uploads);
        self.heads.resize(settings.node_parallelism as u64);
    }
}

fn budget_bytes(settings: &NodeSettings) -> u64 {
    let uploads = settings.max_uploads * PIECE_BYTES;
    (settings.memory_budget_bytes.saturating_sub(uploads) as u64).max(BODY_BYTES)
}
