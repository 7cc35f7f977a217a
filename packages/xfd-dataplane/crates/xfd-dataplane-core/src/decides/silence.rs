//! When a node has received nothing for so long that it says so.
//!
//! A node is silent if it has orders and no byte comes. It looks from time to time, at totals only,
//! so a chunk costs nothing. Time is an argument.

use std::time::Duration;

/// A node that has orders and receives nothing for this long is silent. Connections, the retries of
/// a single refusal and the wait for a relay take less.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);

/// What was seen at the last look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    received: u64,
    /// When a byte or the first order came, at the latest.
    since: Duration,
}

impl Silence {
    /// Since when the node is silent; None if it is not.
    ///
    /// `received` counts all bytes so far, and `has_orders` says whether any order is open.
    pub fn look(&mut self, now: Duration, received: u64, has_orders: bool) -> Option<Duration> {
        if received != self.received || !has_orders {
            *self = Self {
                received,
                since: now,
            };
        }
        (now - self.since >= SILENT_AFTER).then_some(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each second; the seconds at which the node is silent.
    fn silent_at(seen: impl Fn(u64) -> (u64, bool)) -> Vec<u64> {
        let mut silence = Silence::default();
        let is_silent = |second: &u64| {
            let (received, has_orders) = seen(*second);
            let now = Duration::from_secs(*second);
            silence.look(now, received, has_orders).is_some()
        };
        (0..20).filter(is_silent).collect()
    }

    #[test]
    fn a_node_whose_bytes_stop_is_silent_until_they_come_again() {
        let received = |second| match second {
            0..3 => second,
            3..12 => 2,
            _ => second,
        };
        let seconds = silent_at(|second| (received(second), true));
        assert_eq!(seconds, Vec::from_iter(7..12));
    }

    #[test]
    fn a_node_without_orders_is_not_silent() {
        assert!(silent_at(|_| (0, false)).is_empty());
    }

    #[test]
    fn the_time_before_the_first_order_does_not_count() {
        let seconds = silent_at(|second| (0, second > 10));
        assert_eq!(seconds, Vec::from_iter(15..20));
    }
}
