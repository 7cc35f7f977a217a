//! A token bucket that lends: a take is always granted, and returns how long to wait after it.
//!
//! The level rises by `rate` a second, up to the burst. A take lowers it, below zero if need be,
//! and the wait is the time until it is zero again. So takers share the rate in their order, and a
//! take may be larger than the burst.
//!
//! Invariant: level ≤ rate × `BURST_S`.

use std::time::Duration;

/// Seconds of its rate that a bucket holds when it is full.
const BURST_S: f64 = 0.1;

/// Tokens for each second: bytes, or anything that is counted.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket. `rate` in bytes per second, at least 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
    pub fn new(rate: u64, now: Duration) -> Self {
        let rate = rate.max(1) as f64;
        Self {
            rate,
            level: rate * BURST_S,
            at: now,
        }
    }

    /// Takes `amount`; how long the taker waits before its next take.
    #[expect(clippy::cast_precision_loss, reason = "a piece needs no 53 bits")]
    pub fn take(&mut self, amount: u64, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + passed * self.rate).min(self.rate * BURST_S) - amount as f64;
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-self.level / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Bucket;

    #[test]
    fn a_taker_that_waits_gets_the_rate() {
        let mut bucket = Bucket::new(1000, Duration::ZERO);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            now += bucket.take(500, now);
        }
        let rate = 50_000.0 / now.as_secs_f64();
        assert!((1000.0..1010.0).contains(&rate), "{rate} bytes a second");
    }

    #[test]
    fn idle_time_is_not_saved_up_beyond_the_burst() {
        let mut bucket = Bucket::new(1000, Duration::ZERO);
        let later = Duration::from_secs(3600);
        assert_eq!(bucket.take(100, later), Duration::ZERO);
        assert_eq!(bucket.take(1000, later), Duration::from_secs(1));
    }

    #[test]
    fn two_takers_share() {
        let mut bucket = Bucket::new(1000, Duration::ZERO);
        bucket.take(100, Duration::ZERO);
        assert_eq!(bucket.take(500, Duration::ZERO), Duration::from_millis(500));
        assert_eq!(bucket.take(500, Duration::ZERO), Duration::from_secs(1));
    }
}
