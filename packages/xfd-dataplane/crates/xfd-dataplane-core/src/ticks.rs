//! Moments that many connections wait for together, so that one wake-up serves all of them.
//!
//! A timer for each connection would wake the thread for each; and the runtime wakes itself once
//! more for every timer that is due sooner than those before it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::decides::pace::TICK;
use crate::threads::{Mutex, MutexGuard, locked};

/// A clock that ticks while anybody waits for it; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticks(Arc<Mutex<Clock>>);

#[derive(Debug, Default)]
struct Clock {
    count: u64,
    is_running: bool,
    waiting: Vec<Waker>,
}

impl Ticks {
    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.clock().count
    }

    /// Waits until there were more than this. Called inside a runtime.
    pub(crate) fn poll_after(&self, count: u64, cx: &Context<'_>) -> Poll<()> {
        let mut clock = self.clock();
        if clock.count > count {
            return Poll::Ready(());
        }
        let mut waiting = clock.waiting.iter();
        if !waiting.any(|waker| waker.will_wake(cx.waker())) {
            clock.waiting.push(cx.waker().clone());
        }
        if !clock.is_running {
            clock.is_running = true;
            tokio::spawn(self.clone().run());
        }
        Poll::Pending
    }

    async fn run(self) {
        loop {
            tokio::time::sleep(TICK).await;
            let waiting = {
                let mut clock = self.clock();
                clock.count += 1;
                clock.is_running = !clock.waiting.is_empty();
                std::mem::take(&mut clock.waiting)
            };
            if waiting.is_empty() {
                return;
            }
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        locked(&self.0)
    }
}
