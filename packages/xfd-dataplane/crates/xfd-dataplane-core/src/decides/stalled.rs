//! Whether a stream has stalled beside the others of its node.
//!
//! Streams that share a link do not share it equally, and now and then one gets next to nothing for
//! many seconds. All nodes that are to have its chunk from this one wait for it, while a new
//! connection would most likely get its part of the link. So the rest of a stalled body is
//! requested again, from the byte that it has reached.
//!
//! A stream is compared with the typical pace: the median of the seconds per byte of streams that
//! came to their end. The median is estimated in one number, which moves by a fixed factor up or
//! down with each stream.

use std::time::Duration;

/// A stream is not judged before the node has waited this long for it.
pub const EARLIEST_VERDICT: Duration = Duration::from_millis(1500);

/// A stream without a byte for this long is silent, and not merely slow. It has stalled if others
/// brought bytes meanwhile. On a busy host a stream may wait some seconds for its turn.
pub const SILENCE: Duration = Duration::from_secs(4);

/// How often one chunk is requested again. If the origin or the link became slow as a whole, this
/// is all that the wrong verdict costs.
pub const MAX_RESTARTS_PER_CHUNK: u32 = 2;

/// A stalled stream is this many times slower than the typical pace.
const STALLED_FACTOR: f64 = 3.0;

/// Factor by which the median moves with each stream.
const MEDIAN_STEP: f64 = 1.1;

/// What a byte typically takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TypicalPace {
    /// 0 until a stream came to its end.
    seconds_per_byte: f64,
}

impl TypicalPace {
    /// A stream came to its end.
    pub fn on_end(&mut self, bytes: u64, took: Duration) {
        let pace = took.as_secs_f64() / (bytes.max(1) as f64);
        self.seconds_per_byte = match self.seconds_per_byte {
            0.0 => pace,
            typical if pace > typical => typical * MEDIAN_STEP,
            typical => typical / MEDIAN_STEP,
        };
    }

    /// How long the node waits for a stream that has brought `bytes` so far, before it has stalled;
    /// None if nothing is known to compare it with.
    #[must_use]
    pub fn patience(&self, bytes: u64) -> Option<Duration> {
        let typical = self.seconds_per_byte * (bytes.max(1) as f64);
        let patience = Duration::try_from_secs_f64(STALLED_FACTOR * typical).ok();
        (typical > 0.0).then(|| patience.unwrap_or(Duration::MAX).max(EARLIEST_VERDICT))
    }

    /// Whether a stream that brought `bytes` has stalled, after the node waited this long for it.
    #[must_use]
    pub fn is_stalled(&self, bytes: u64, waited: Duration) -> bool {
        self.patience(bytes)
            .is_some_and(|patience| waited >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn typical(seconds_per_mib: f64) -> TypicalPace {
        let mut typical = TypicalPace::default();
        typical.on_end(MIB, Duration::from_secs_f64(seconds_per_mib));
        typical
    }

    #[test]
    fn nothing_is_stalled_before_anything_is_known() {
        assert_eq!(TypicalPace::default().patience(1), None);
    }

    #[test]
    fn a_stream_is_stalled_that_is_much_slower_than_typical_for_long() {
        let typical = typical(1.0);
        assert!(typical.is_stalled(MIB, Duration::from_secs_f64(3.1)));
        assert!(!typical.is_stalled(MIB, Duration::from_secs_f64(2.9)));
        assert!(typical.is_stalled(0, EARLIEST_VERDICT));
        assert!(!typical.is_stalled(0, EARLIEST_VERDICT - Duration::from_millis(1)));
    }

    #[test]
    fn the_typical_pace_follows_the_median() {
        let mut typical = typical(1.0);
        for _ in 0..50 {
            for seconds in [0.1, 0.2, 4.0, 4.2, 60.0] {
                typical.on_end(MIB, Duration::from_secs_f64(seconds));
            }
        }
        assert!(!typical.is_stalled(MIB, Duration::from_secs(8)));
        assert!(typical.is_stalled(MIB, Duration::from_secs(20)));
    }
}
