//! Whether a stream is left behind by those beside it.
//!
//! Streams that share a link do not share it equally, and now and then one gets next to nothing
//! for many seconds. Everybody who is to have its chunk from here waits for it, and another
//! connection would most likely have its part of the link. So what is left of such a body is asked
//! for once more, from the byte that it has reached.
//!
//! A stream is compared with what is usual: the median of the seconds per byte of streams that came
//! to their end, followed by steps of one size.

use std::time::Duration;

/// No stream is left behind before.
pub const LEAST: Duration = Duration::from_millis(1500);

/// How often one chunk is asked for again: where the origin or the link became slow as a whole, that
/// is all that a wrong verdict costs.
pub const MOST: u32 = 2;

/// How many times slower than usual a stream is that was left behind.
const SLOWER: f64 = 3.0;

/// How far the median moves with each stream.
const STEP: f64 = 1.1;

/// What streams take usually.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usual {
    /// 0 until one came to its end.
    seconds_per_byte: f64,
}

impl Usual {
    /// A stream came to its end.
    pub fn ended(&mut self, bytes: u64, took: Duration) {
        let pace = took.as_secs_f64() / (bytes.max(1) as f64);
        self.seconds_per_byte = match self.seconds_per_byte {
            0.0 => pace,
            usual if pace > usual => usual * STEP,
            usual => usual / STEP,
        };
    }

    /// Whether a stream that brought so many bytes in so long was left behind.
    #[must_use]
    pub fn is_behind(&self, bytes: u64, took: Duration) -> bool {
        let usually = self.seconds_per_byte * (bytes.max(1) as f64);
        usually > 0.0 && took >= LEAST && took.as_secs_f64() > SLOWER * usually
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn usual(seconds_per_mib: f64) -> Usual {
        let mut usual = Usual::default();
        usual.ended(MIB, Duration::from_secs_f64(seconds_per_mib));
        usual
    }

    #[test]
    fn nothing_is_behind_before_anything_is_known() {
        assert!(!Usual::default().is_behind(1, Duration::from_secs(60)));
    }

    #[test]
    fn a_stream_is_behind_that_is_much_slower_than_usual_for_long() {
        let usual = usual(1.0);
        assert!(usual.is_behind(MIB, Duration::from_secs_f64(3.1)));
        assert!(!usual.is_behind(MIB, Duration::from_secs_f64(2.9)));
        assert!(usual.is_behind(0, LEAST));
        assert!(!usual.is_behind(0, LEAST - Duration::from_millis(1)));
    }

    #[test]
    fn the_usual_follows_the_median() {
        let mut usual = usual(1.0);
        for _ in 0..50 {
            for seconds in [0.1, 0.2, 4.0, 4.2, 60.0] {
                usual.ended(MIB, Duration::from_secs_f64(seconds));
            }
        }
        assert!(!usual.is_behind(MIB, Duration::from_secs(8)));
        assert!(usual.is_behind(MIB, Duration::from_secs(20)));
    }
}
