//! How many requests an origin is asked at once: more while it answers, half when it throttles.
//!
//! Additive increase, multiplicative decrease, as TCP does it (RFC 5681, 3.1): the limit grows by
//! one for each limit's worth of answers, and is halved by a request for fewer. Requests sent
//! before the halving may still be refused after it; those tell nothing new, so a refusal counts
//! once for each round trip only.

use std::time::Duration;

/// The limit of one origin. Times are any clock's, as long as it never goes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    limit: f64,
    most: f64,
    /// Smoothed time from a request to its answer; None before the first one.
    round_trip: Option<Duration>,
    last_cut: Option<Duration>,
}

/// Weight of a new round trip in the smoothed one (RFC 6298, 2.3).
const NEW_ROUND_TRIP: f64 = 0.125;
/// Round trips below this say more about a cache than about the origin's patience.
const SHORTEST_WINDOW: Duration = Duration::from_millis(50);

impl Pace {
    /// Starts at the most that is allowed, since few origins throttle; at least 1.
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

    /// Allows another number at most, at least 1. A limit that was never cut grows with it; one that
    /// was grows by the answers that come.
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
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Takes in a request that was answered, and the time from its sending to its first byte.
    pub fn on_answer(&mut self, round_trip: Duration) {
        let smoothed = match self.round_trip {
            None => round_trip,
            Some(old) => old.mul_f64(1.0 - NEW_ROUND_TRIP) + round_trip.mul_f64(NEW_ROUND_TRIP),
        };
        self.round_trip = Some(smoothed);
        self.limit = (self.limit + 1.0 / self.limit).min(self.most);
    }

    /// Takes in that the origin asked for fewer requests; tells whether the limit was cut.
    pub fn on_throttle(&mut self, now: Duration) -> bool {
        let window = self.round_trip.unwrap_or_default().max(SHORTEST_WINDOW);
        if self.last_cut.is_some_and(|cut| now < cut + window) {
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
        let mut pace = Pace::new(64);
        pace.on_answer(TRIP);
        assert!(pace.on_throttle(Duration::from_secs(1)));
        for late in 1..100 {
            assert!(!pace.on_throttle(Duration::from_millis(1000 + late)));
        }
        assert_eq!(pace.limit(), 32);
        assert!(pace.on_throttle(Duration::from_millis(1100)));
        assert_eq!(pace.limit(), 16);
    }

    #[test]
    fn a_round_of_answers_allows_about_one_more() {
        let mut pace = Pace::new(64);
        pace.on_throttle(Duration::ZERO);
        for _ in 0..33 {
            pace.on_answer(TRIP);
        }
        assert_eq!(pace.limit(), 33);
        for _ in 0..64 * 64 {
            pace.on_answer(TRIP);
        }
        assert_eq!(pace.limit(), 64);
    }

    #[test]
    fn another_most_holds_from_now_on() {
        let mut pace = Pace::new(16);
        pace.set_most(64);
        assert_eq!(pace.limit(), 64);
        pace.set_most(8);
        assert_eq!(pace.limit(), 8);
        pace.on_throttle(Duration::ZERO);
        pace.set_most(64);
        assert_eq!(pace.limit(), 4, "the origin has asked for fewer");
        for _ in 0..64 * 64 {
            pace.on_answer(TRIP);
        }
        assert_eq!(pace.limit(), 64);
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_the_most(
            most in 0usize..2000,
            events in prop::collection::vec((any::<bool>(), 0u64..10_000), 0..200),
        ) {
            let mut pace = Pace::new(most);
            let mut now = Duration::ZERO;
            for (is_answer, milliseconds) in events {
                now += Duration::from_millis(milliseconds);
                if is_answer {
                    pace.on_answer(Duration::from_millis(milliseconds));
                } else {
                    pace.on_throttle(now);
                }
                prop_assert!((1..=most.max(1)).contains(&pace.limit()));
            }
        }
    }
}
