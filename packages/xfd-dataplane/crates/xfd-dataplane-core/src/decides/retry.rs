//! When a request is tried again: exponential backoff with full jitter.
//!
//! The wait before try n+1 is drawn evenly from zero to `min(longest, first * 2^(n-1))`: the "full
//! jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), which spreads
//! clients that failed together. A wait that the other side asks for is added, so that they do not
//! all return at the moment that it named.
//!
//! A try that is progress (see [`super::flow::is_progress`]) starts the count over: a large body
//! over a poor network may break often and still arrive.

use std::time::Duration;

use crate::error::{Error, Kind};

/// Longest wait that is granted when the other side asks for one, as in
/// `xfd_api.reports.LONGEST_ASKED_REST_S`. A request for more may be a mistake, or be sent to all.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Longest wait until the reset that a 429 names, as in `xfd_api.reports.LONGEST_RESET_S`. Windows
/// of rate limits are 5 minutes at the Hugging Face hub; who asks inside one is refused again.
pub const MAX_RESET: Duration = Duration::from_secs(600);

/// A wait that is longer than this goes back to the scheduler, which paces all nodes by it. The
/// node would only hold a slot for so long.
const LONGEST_OWN_WAIT: Duration = Duration::from_secs(2);

/// The wait that a Retry-After header of whole seconds asks for (RFC 9110, 10.2.3), at most
/// [`MAX_RETRY_AFTER`].
#[must_use]
pub fn retry_after_of(seconds: &str) -> Option<Duration> {
    seconds_of(seconds).map(|asked| asked.min(MAX_RETRY_AFTER))
}

/// A header's whole seconds.
#[must_use]
pub fn seconds_of(seconds: &str) -> Option<Duration> {
    let seconds = seconds.trim();
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    // A number of more digits than fit is a long time as well.
    is_number.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::from(u32::MAX))))
}

/// Whether an order that met this error goes back to the scheduler before it is tried again.
#[must_use]
pub fn is_for_all_nodes(error: &Error) -> bool {
    let asked = error.retry_after.unwrap_or_default();
    error.kind == Kind::OriginThrottled && asked > LONGEST_OWN_WAIT
}

/// What is added to such a wait, so that nodes and clusters behind one address do not all return at
/// the reset, and none a moment before it: resets are given in whole seconds. `random` is drawn
/// evenly from 0 to 1.
#[must_use]
pub fn jitter_of(asked: Duration, random: f64) -> Duration {
    let most = (asked / 20).min(Duration::from_secs(5));
    Duration::from_millis(500) + most.mul_f64(random.clamp(0.0, 1.0))
}

/// How often a request is tried, and how long the waits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries without progress before giving up, the first one included.
    pub attempts: u32,
    /// Of these, tries that time out. Each has lasted as long as the time-outs allow.
    pub silences: u32,
    /// Longest wait after the first failure.
    pub first: Duration,
    /// Longest wait.
    pub longest: Duration,
}

impl RetryPolicy {
    /// The usual waits, for `attempts` tries.
    #[must_use]
    pub fn new(attempts: u32) -> Self {
        Self {
            attempts,
            silences: 2,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(10),
        }
    }
}

/// The tries of one request, or of one body in several requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    policy: RetryPolicy,
    failures: u32,
    silences: u32,
}

impl Retry {
    /// Before the first try.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
            silences: 0,
        }
    }

    /// Failures in a row, without progress between them.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A try failed: how long to wait before the next one, or None to give up.
    ///
    /// `is_progress` says whether the failed try was progress. `random` is drawn evenly from 0 to
    /// 1.
    pub fn after(&mut self, error: &Error, is_progress: bool, random: f64) -> Option<Duration> {
        if is_progress {
            self.failures = 0;
            self.silences = 0;
        }
        self.failures += 1;
        self.silences += u32::from(error.kind == Kind::OriginTimeout);
        let is_enough =
            self.failures >= self.policy.attempts || self.silences >= self.policy.silences;
        if !is_worth_retrying(error) || is_enough {
            return None;
        }
        let cap = self
            .policy
            .first
            .saturating_mul(1 << (self.failures - 1).min(16))
            .min(self.policy.longest);
        let asked = error.retry_after.unwrap_or_default();
        let longest = match error.kind {
            Kind::OriginThrottled => MAX_RESET,
            _ => MAX_RETRY_AFTER,
        };
        Some(asked.min(longest) + cap.mul_f64(random.clamp(0.0, 1.0)))
    }
}

/// Whether the same request may succeed. Besides transient errors these are bytes that differ from
/// their checksum: the network may have changed them.
fn is_worth_retrying(error: &Error) -> bool {
    error.is_transient() || error.kind == Kind::ChecksumMismatch
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 4,
        silences: 2,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(3),
    };

    fn broken() -> Error {
        Error::new(Kind::OriginUnreachable, "broken")
    }

    #[test]
    fn waits_double_up_to_the_longest_and_then_it_gives_up() {
        let mut retry = Retry::new(POLICY);
        let waits: Vec<_> = (0..4).map(|_| retry.after(&broken(), false, 1.0)).collect();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(waits, [seconds(1), seconds(2), seconds(3), None]);
    }

    #[test]
    fn progress_starts_the_count_over() {
        let mut retry = Retry::new(POLICY);
        for _ in 0..100 {
            let wait = retry.after(&broken(), true, 1.0);
            assert_eq!(wait, Some(Duration::from_secs(1)));
        }
        assert_eq!(retry.failures(), 1);
    }

    #[test]
    fn time_outs_are_retried_less_often_than_refusals() {
        let silence = Error::new(Kind::OriginTimeout, "silent");
        let mut retry = Retry::new(POLICY);
        assert!(retry.after(&silence, false, 1.0).is_some());
        assert!(retry.after(&broken(), false, 1.0).is_some());
        assert!(
            retry.after(&silence, true, 1.0).is_some(),
            "it brought bytes"
        );
        assert_eq!(retry.after(&silence, false, 1.0), None);
    }

    #[test]
    fn what_cannot_change_is_not_tried_again() {
        for kind in [Kind::AccessDenied, Kind::ObjectChanged, Kind::OriginAnswer] {
            let error = Error::new(kind, "no");
            assert_eq!(Retry::new(POLICY).after(&error, true, 0.5), None);
        }
    }

    #[test]
    fn a_wait_that_is_asked_for_is_granted_within_reason() {
        let ask = |kind, seconds| {
            let error = Error::new(kind, "slow down");
            let error = error.with_retry_after(Duration::from_secs(seconds));
            Retry::new(POLICY).after(&error, false, 0.0)
        };
        for kind in [Kind::OriginThrottled, Kind::OriginUnreachable] {
            assert_eq!(ask(kind, 7), Some(Duration::from_secs(7)));
        }
        assert_eq!(ask(Kind::OriginThrottled, 86_400), Some(MAX_RESET));
        assert_eq!(ask(Kind::OriginUnreachable, 86_400), Some(MAX_RETRY_AFTER));
    }

    #[test]
    fn a_long_wait_of_a_throttled_origin_is_for_all_nodes() {
        for (kind, seconds, is_for_all) in [
            (Kind::OriginThrottled, 0, false),
            (Kind::OriginThrottled, 2, false),
            (Kind::OriginThrottled, 3, true),
            (Kind::OriginThrottled, 300, true),
            (Kind::OriginUnreachable, 300, false),
        ] {
            let error = Error::new(kind, "slow down");
            let error = error.with_retry_after(Duration::from_secs(seconds));
            assert_eq!(is_for_all_nodes(&error), is_for_all, "{kind:?} {seconds}");
        }
    }

    #[test]
    fn a_retry_after_header_is_a_number_of_seconds_and_has_a_limit() {
        for (header, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999", Some(30)),
            ("99999999999999999999999999", Some(30)),
            ("-5", None),
            ("+5", None),
            ("1e9", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after_of(header),
                seconds.map(Duration::from_secs),
                "{header:?}"
            );
        }
    }

    #[test]
    fn a_reset_is_never_met_too_early_and_little_too_late() {
        let second = Duration::from_secs(1);
        for (asked, random, expected) in [(3, 0.0, 500), (20, 1.0, 1500), (300, 1.0, 5500)] {
            let jitter = jitter_of(second * asked, random);
            assert_eq!(jitter, Duration::from_millis(expected), "{asked} {random}");
        }
    }

    proptest! {
        #[test]
        fn it_always_ends_and_never_waits_too_long(
            attempts in 1u32..100,
            random in 0.0f64..=1.0,
        ) {
            let policy = RetryPolicy { attempts, ..POLICY };
            let mut retry = Retry::new(policy);
            let mut tries = 1;
            while let Some(wait) = retry.after(&broken(), false, random) {
                prop_assert!(wait <= policy.longest);
                tries += 1;
            }
            prop_assert_eq!(tries, attempts);
        }
    }
}
