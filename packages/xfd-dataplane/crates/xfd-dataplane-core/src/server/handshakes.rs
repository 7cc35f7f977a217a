//! How many handshakes of TLS each address may begin without being a node of the swarm.
//!
//! A handshake costs this node a signature and a key exchange, about 0.2 ms, before it knows who is
//! there. So each address has a budget for those, which a node of the swarm is given back once its
//! certificate is known. What is beyond the budget waits for it, in a stranger's place and for a
//! stranger's time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::strangers::Neighbour;
use crate::threads::{Mutex, MutexGuard, locked};

/// Handshakes that an address may have begun at once: a peer opens no more than this.
const BURST: f64 = 64.0;

/// How many more it may begin in each second. They take 1 % of a processor.
const PER_S: f64 = 32.0;

/// Between two looks for a place in the budget: one may be given back at any time.
const LOOK: Duration = Duration::from_millis(20);

/// The budgets of a server.
#[derive(Debug, Default)]
pub(crate) struct Handshakes(Mutex<HashMap<Neighbour, Budget>>);

/// Invariant: 0 ≤ `left` ≤ `BURST`.
#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    at: Instant,
}

impl Budget {
    fn at(self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * PER_S).min(BURST)
    }
}

impl Handshakes {
    /// Returns when this address may begin one more.
    pub(crate) async fn begin(&self, of: Neighbour) {
        while !self.take(of, Instant::now()) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// It was a node of the swarm: its handshake does not count.
    pub(crate) fn give_back(&self, of: Neighbour) {
        if let Some(budget) = self.budgets().get_mut(&of) {
            budget.left = (budget.left + 1.0).min(BURST);
        }
    }

    fn take(&self, of: Neighbour, now: Instant) -> bool {
        let mut budgets = self.budgets();
        if !budgets.contains_key(&of) {
            // A full budget is as good as none: only addresses of the last seconds are kept.
            budgets.retain(|_, budget| budget.at(now) < BURST);
        }
        let left = budgets.get(&of).map_or(BURST, |budget| budget.at(now));
        let is_granted = left >= 1.0;
        let left = if is_granted { left - 1.0 } else { left };
        budgets.insert(of, Budget { left, at: now });
        is_granted
    }

    fn budgets(&self) -> MutexGuard<'_, HashMap<Neighbour, Budget>> {
        locked(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    use super::{BURST, Handshakes, Neighbour, PER_S};

    fn of(last: u8) -> Neighbour {
        IpAddr::from([10, 0, 0, last]).into()
    }

    fn granted(all: &Handshakes, from: Neighbour, now: Instant) -> f64 {
        let granted = std::iter::repeat_with(|| all.take(from, now));
        granted.take(1000).map(f64::from).sum()
    }

    #[test]
    fn an_address_has_its_burst_and_its_rate_and_takes_nothing_of_another() {
        let (all, now) = (Handshakes::default(), Instant::now());
        assert!((granted(&all, of(1), now) - BURST).abs() < 0.5);
        let later = now + Duration::from_secs(1);
        assert!((granted(&all, of(1), later) - PER_S).abs() < 1.5);
        assert!((granted(&all, of(2), later) - BURST).abs() < 0.5);
    }

    #[test]
    fn what_was_a_node_of_the_swarm_does_not_count() {
        let (all, now) = (Handshakes::default(), Instant::now());
        for _ in 0..1000 {
            assert!(all.take(of(1), now));
            all.give_back(of(1));
        }
    }

    #[test]
    fn no_address_is_remembered_for_long() {
        let (all, now) = (Handshakes::default(), Instant::now());
        (1..200).for_each(|last| assert!(all.take(of(last), now)));
        assert!(all.take(of(200), now + Duration::from_secs(10)));
        assert_eq!(all.budgets().len(), 1);
    }
}
