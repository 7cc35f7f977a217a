//! Whether the writer of a chunk has to wake the readers that follow it.
//!
//! The writer pays for a wake-up only if a reader waits. A reader counts itself before it looks, and
//! a writer shows what it did before it looks at the count, with a fence between the two on both
//! sides. So either the reader sees what the writer did, or the writer sees the reader. Without a
//! fence both may miss each other, and the reader waits for its whole patience: `xfd-dataplane-models`
//! tries every order that memory allows.

use super::atomics::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

/// Shared by one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    position: AtomicU64,
    has_ended: AtomicBool,
    waiting: AtomicUsize,
}

impl Handshake {
    /// Shows readers the chunk up to this position. Whether they are to be woken.
    pub(crate) fn advance(&self, position: u64) -> bool {
        self.position.store(position, Ordering::Release);
        self.is_awaited()
    }

    /// Shows readers that it is over. Whether they are to be woken.
    pub(crate) fn end(&self) -> bool {
        self.has_ended.store(true, Ordering::Release);
        self.is_awaited()
    }

    /// Before a reader looks whether it has to wait.
    pub(crate) fn begin_to_wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// A reader waits no more.
    pub(crate) fn cease_to_wait(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes of the chunk that are in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Whether a reader that has seen so many bytes need not wait.
    pub(crate) fn has_news(&self, seen: u64) -> bool {
        self.has_ended.load(Ordering::Acquire) || self.position() > seen
    }

    fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
