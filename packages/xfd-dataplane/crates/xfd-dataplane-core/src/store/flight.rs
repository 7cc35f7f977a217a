//! A chunk in flight: how far its writer is, and how it ended, for the readers behind it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How a flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// The chunk is held, with this checksum.
    Held(u64),
    /// The chunk was bad, or its order is gone.
    Aborted,
}

/// Shared by one writer, present or still to come, and any number of readers.
///
/// The writer pays for a wake-up only when a reader waits. Both sides use sequentially consistent
/// operations: either the reader, who counts itself before it looks, sees the new position, or the
/// writer, who moves the position before it looks, sees the reader.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    position: AtomicU64,
    landing: OnceLock<Landing>,
    waiting: AtomicUsize,
    moved: Notify,
}

impl Flight {
    /// Lets readers see the chunk up to here.
    pub(crate) fn advance(&self, position: u64) {
        self.position.store(position, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the flight; only the first call counts.
    pub(crate) fn end(&self, landing: Landing) {
        if self.landing.set(landing).is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.moved.notify_waiters();
        }
    }

    /// Bytes of the chunk that are in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    /// How it ended, if it has.
    pub(crate) fn landing(&self) -> Option<Landing> {
        self.landing.get().copied()
    }

    /// Waits until there is more than `seen`, or the flight has ended. False after `wait`.
    pub(crate) async fn follow(&self, seen: u64, wait: Duration) -> bool {
        let _counted = Counted::new(&self.waiting);
        let moved = async {
            loop {
                let moved = self.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.landing.get().is_some() || self.position() > seen {
                    return;
                }
                moved.await;
            }
        };
        tokio::time::timeout(wait, moved).await.is_ok()
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
