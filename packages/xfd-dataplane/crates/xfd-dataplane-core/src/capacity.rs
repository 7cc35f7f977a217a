//! How much of something may be in use at once, where that can be changed while it is in use.
//!
//! Takers are served in the order in which they asked. A share is measured against the capacity of
//! the moment at which it is granted, so a taker of more than all of it gets all of it, also if the
//! capacity shrank while it waited. Nothing is taken away: after it shrank, new takers wait until
//! what is in use fits again.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::threads::{Mutex, MutexGuard, locked};

/// A capacity; clones share it.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Inner>);

/// A part of a [`Capacity`], given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Capacity,
    amount: u64,
}

#[derive(Debug)]
struct Inner {
    use_: Mutex<Use>,
    /// Held by the taker whose turn it is; the lock is fair.
    turn: tokio::sync::Mutex<()>,
    /// Wakes that taker.
    freed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    total: u64,
    taken: u64,
}

impl Capacity {
    /// At least 1.
    #[must_use]
    pub fn new(total: u64) -> Self {
        Self(Arc::new(Inner {
            use_: Mutex::new(Use {
                total: total.max(1),
                taken: 0,
            }),
            turn: tokio::sync::Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// Changes it, to at least 1. What is in use stays in use.
    pub fn resize(&self, total: u64) {
        self.now().total = total.max(1);
        self.0.freed.notify_one();
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.now().total
    }

    /// Waits for a share of so much, or of all of it where that is less.
    pub async fn take(&self, amount: u64) -> Share {
        let _turn = self.0.turn.lock().await;
        loop {
            if let Some(share) = self.grant(amount) {
                return share;
            }
            // A change since the look above has left its permit here.
            self.0.freed.notified().await;
        }
    }

    /// The same at once; None if it is in use or others wait for it.
    #[must_use]
    pub fn try_take(&self, amount: u64) -> Option<Share> {
        let _turn = self.0.turn.try_lock().ok()?;
        self.grant(amount)
    }

    fn grant(&self, amount: u64) -> Option<Share> {
        let mut now = self.now();
        let amount = amount.min(now.total);
        if now.taken + amount > now.total {
            return None;
        }
        now.taken += amount;
        drop(now);
        Some(Share {
            of: self.clone(),
            amount,
        })
    }

    fn now(&self) -> MutexGuard<'_, Use> {
        locked(&self.0.use_)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.now().taken -= self.amount;
        self.of.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Capacity, Share};

    const MOMENT: Duration = Duration::from_millis(20);

    async fn in_a_moment(capacity: &Capacity, amount: u64) -> Option<Share> {
        timeout(MOMENT, capacity.take(amount)).await.ok()
    }

    #[tokio::test]
    async fn no_more_is_in_use_than_there_is() {
        let two = Capacity::new(2);
        let first = two.take(1).await;
        let _second = two.take(1).await;
        assert!(in_a_moment(&two, 1).await.is_none());
        drop(first);
        assert!(in_a_moment(&two, 1).await.is_some());
    }

    #[tokio::test]
    async fn more_than_all_of_it_is_all_of_it() {
        let three = Capacity::new(3);
        let all = three.take(10).await;
        assert!(three.try_take(1).is_none());
        drop(all);
        assert!(three.try_take(1).is_some());
    }

    #[tokio::test]
    async fn who_waits_for_much_is_not_overtaken_by_who_wants_little() {
        let ten = Capacity::new(10);
        let six = ten.take(6).await;
        let waits = tokio::spawn({
            let ten = ten.clone();
            async move { ten.take(10).await }
        });
        tokio::task::yield_now().await;
        assert!(ten.try_take(1).is_none());
        drop(six);
        assert_eq!(waits.await.unwrap().amount, 10);
    }

    #[tokio::test]
    async fn a_capacity_that_grew_lets_in_who_waits() {
        let one = Capacity::new(1);
        let _held = one.take(1).await;
        let (granted, ()) = tokio::join!(in_a_moment(&one, 2), async {
            tokio::task::yield_now().await;
            one.resize(3);
        });
        assert_eq!(granted.unwrap().amount, 2);
    }

    #[tokio::test]
    async fn one_that_shrank_waits_for_what_is_in_use_and_clips_who_wants_more() {
        let ten = Capacity::new(10);
        let held = ten.take(8).await;
        let (granted, ()) = tokio::join!(in_a_moment(&ten, 9), async {
            tokio::task::yield_now().await;
            ten.resize(4);
            drop(held);
        });
        assert_eq!(granted.unwrap().amount, 4);
        // What was clipped was given back as it was.
        assert_eq!(ten.try_take(10).unwrap().amount, 4);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_its_turn_to_others() {
        let one = Capacity::new(1);
        let held = one.take(1).await;
        assert!(in_a_moment(&one, 1).await.is_none());
        drop(held);
        assert!(in_a_moment(&one, 1).await.is_some());
    }
}
