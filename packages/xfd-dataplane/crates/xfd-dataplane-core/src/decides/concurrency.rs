//! How many requests an origin gets at once: more while it answers, half when it throttles.
//!
//! Additive increase, multiplicative decrease, as TCP does it (RFC 5681, 3.1): the limit grows by
//! one for each limit's worth of answers, and a request to slow down halves it. Requests sent
//! before the halving may still be refused after it. Those refusals say nothing new, so one refusal
//! counts in each round trip.
//!
//! Invariant: 1 ≤ limit ≤ most.

use std::time::Duration;

/// Weight of a new round trip in the smoothed one (RFC 6298, 2.3).
const NEW_ROUND_TRIP_WEIGHT: f64 = 0.125;

/// Shortest time between two cuts. Shorter round trips come from a cache, and say little of how
/// many requests the origin bears.
const MIN_CUT_INTERVAL: Duration = Duration::from_millis(50);

/// The limit of one origin. Times may be of any clock that never goes back.
#[derive(Clone, Debug, PartialEq)]
pub struct ConcurrencyLimit {
    limit: f64,
    most: f64,
    /// Smoothed time from a request to its answer; None before the first one.
    round_trip: Option<Duration>,
    last_cut: Option<Duration>,
}

impl ConcurrencyLimit {
    /// Starts at `most`, and at 1 or more, since few origins throttle.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        Self {
            limit: most,
            most,
            round_trip: None,
            last_cut: None,
        }
    }

    /// Changes the upper bound. A limit that was never cut follows it up at once; another one grows
    /// with the answers that come.
    pub fn set_most(&mut self, most: usize) {
        let most = most.max(1) as f64;
        self.limit = match self.last_cut {
            None => most,
            Some(_) => self.limit.min(most),
        };
        self.most = most;
    }

    /// Requests that may be under way now; at least 1.
    #[must_use]
    pub fn now(&self) -> usize {
        self.limit as usize
    }

    /// A request was answered. `round_trip` is the time from its sending to its first byte.
    pub fn on_answer(&mut self, round_trip: Duration) {
        let smoothed = match self.round_trip {
            None => round_trip,
            Some(old) => {
                old.mul_f64(1.0 - NEW_ROUND_TRIP_WEIGHT) + round_trip.mul_f64(NEW_ROUND_TRIP_WEIGHT)
            }
        };
        self.round_trip = Some(smoothed);
        self.limit = (self.limit + 1.0 / self.limit).min(self.most);
    }

    /// The origin asked for fewer requests. True if the limit was cut.
    pub fn on_throttle(&mut self, now: Duration) -> bool {
        let interval = self.round_trip.unwrap_or_default().max(MIN_CUT_INTERVAL);
        if self.last_cut.is_some_and(|cut| now < cut + interval) {
            return false;
        }
        self.last_cut = Some(now);
        self.limit = (self.limit / 2.0).max(1.0);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIP: Duration = Duration::from_millis(100);

    #[test]
    fn a_burst_of_refusals_halves_once() {
        let mut limit = ConcurrencyLimit::new(64);
        limit.on_answer(TRIP);
        assert!(limit.on_throttle(Duration::from_secs(1)));
        for late in 1..100 {
            assert!(!limit.on_throttle(Duration::from_millis(1000 + late)));
        }
        assert_eq!(limit.now(), 32);
        assert!(limit.on_throttle(Duration::from_millis(1100)));
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn a_round_of_answers_allows_about_one_more() {
        let mut limit = ConcurrencyLimit::new(64);
        limit.on_throttle(Duration::ZERO);
        for _ in 0..33 {
            limit.on_answer(TRIP);
        }
        assert_eq!(limit.now(), 33);
        for _ in 0..64 * 64 {
            limit.on_answer(TRIP);
        }
        assert_eq!(limit.now(), 64);
    }

    #[test]
    fn a_new_upper_bound_holds_from_now_on() {
        let mut limit = ConcurrencyLimit::new(16);
        limit.set_most(64);
        assert_eq!(limit.now(), 64);
        limit.set_most(8);
        assert_eq!(limit.now(), 8);
        limit.on_throttle(Duration::ZERO);
        limit.set_most(64);
        assert_eq!(limit.now(), 4, "the origin has asked for fewer");
        for _ in 0..64 * 64 {
            limit.on_answer(TRIP);
        }
        assert_eq!(limit.now(), 64);
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_the_most(
            most in 0usize..2000,
            events in prop::collection::vec((any::<bool>(), 0u64..10_000), 0..200),
        ) {
            let mut limit = ConcurrencyLimit::new(most);
            let mut now = Duration::ZERO;
            for (is_answer, milliseconds) in events {
                now += Duration::from_millis(milliseconds);
                if is_answer {
                    limit.on_answer(Duration::from_millis(milliseconds));
                } else {
                    limit.on_throttle(now);
                }
                prop_assert!((1..=most.max(1)).contains(&limit.now()));
            }
        }
    }
}
