//! Whether bytes are to gather at a connection before they are read.
//!
//! A link that is shared or slow brings a packet or two at a time. Read as they come, each costs a
//! wake-up of the thread, a system call to read and one to write, and the same again at every node
//! that they are relayed to, in packets that are no larger. A stream that is known to be slow is
//! therefore read once in each [`TICK`]. A relay is late by that time once, whatever the chunk's
//! size.

use std::time::Duration;

/// A stream that brings less than this in a tick gathers.
const SLOW_BYTES: u64 = 128 * 1024;

/// What follows a request and is smaller never gathers.
pub const PIECE_BYTES: u64 = 64 * 1024;

/// Between two reads of a slow stream. It is what each hop of a relay may add to the end of a
/// distribution.
pub const TICK: Duration = Duration::from_millis(32);

/// The pace of one connection. Times are since any fixed moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the window began in which the rate is measured, if a byte has come since the request.
    window_began: Option<Duration>,
    /// What came after that.
    bytes: u64,
    since_request: u64,
    is_slow: bool,
}

impl Pace {
    /// Something was asked for.
    pub fn asked(&mut self) {
        *self = Self::default();
    }

    /// Bytes were read. Whether the next ones are to gather.
    pub fn came(&mut self, bytes: u64, now: Duration) -> bool {
        self.since_request += bytes;
        let Some(began) = self.window_began else {
            self.window_began = Some(now);
            return false;
        };
        self.bytes += bytes;
        let took = now.saturating_sub(began);
        if took >= TICK {
            let ticks = took.as_secs_f64() / TICK.as_secs_f64();
            self.is_slow = (self.bytes as f64) < SLOW_BYTES as f64 * ticks;
            self.window_began = Some(now);
            self.bytes = 0;
        }
        self.is_slow && self.since_request >= PIECE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Of `times` reads of so many bytes, how many are followed by gathering.
    fn gathered(times: u32, bytes: u64, each: Duration) -> usize {
        let mut pace = Pace::default();
        pace.asked();
        let reads = (0..times).map(|place| pace.came(bytes, each * place));
        reads.filter(|gathers| *gathers).count()
    }

    #[test]
    fn a_slow_stream_gathers_and_a_fast_one_does_not() {
        // 580 kB/s, by packets and by ticks.
        assert_eq!(gathered(100, 2896, 5 * MS), 100 - 22);
        assert_eq!(gathered(100, 9280, TICK), 100 - 7);
        // 5.8 MB/s and 1 GB/s.
        assert_eq!(gathered(1000, 2896, MS / 2), 0);
        assert_eq!(gathered(1000, 256 * 1024, MS / 4), 0);
    }

    #[test]
    fn a_small_answer_never_gathers() {
        let mut pace = Pace::default();
        for place in 0..50 {
            pace.asked();
            for packet in 0..10 {
                assert!(!pace.came(1448, MS * (place * 200 + packet * 20)));
            }
        }
    }

    #[test]
    fn the_time_before_the_first_byte_says_nothing_of_the_rate() {
        let mut pace = Pace::default();
        pace.asked();
        assert!(!pace.came(500, 3_600_000 * MS));
        assert!(!pace.came(256 * 1024, 3_600_001 * MS));
        assert!(!pace.came(256 * 1024, 3_600_033 * MS));
    }

    #[test]
    fn a_stream_that_quickens_is_read_as_it_comes_again() {
        let mut pace = Pace::default();
        for place in 0..20 {
            pace.came(8192, TICK * place);
        }
        assert!(pace.came(8192, TICK * 20));
        assert!(!pace.came(128 * 1024, TICK * 21));
    }
}
