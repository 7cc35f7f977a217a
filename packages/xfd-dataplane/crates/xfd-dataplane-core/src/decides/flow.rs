//! Whether a body is too slow to wait for. A server that sends one byte a second never times out,
//! and would keep an order for ever.
//!
//! The lower limit is one of the whole node, divided among its open bodies: they are judged by what
//! the link carries in all, and not by how it is shared. Below [`MIN_NODE_BYTES_PER_S`] the cause
//! is not a slow link, since files are not distributed over such links.
//!
//! Time counts only while the node waits for the other side, so that a full disk queue or the
//! node's own rate limit never makes a body slow. [`super::stalled`] compares a stream with the
//! others.

use std::time::Duration;

/// What all bodies of a node have to bring together.
pub const MIN_NODE_BYTES_PER_S: u64 = 2048;

/// What one body has to bring, however many there are.
pub const MIN_BODY_BYTES_PER_S: u64 = 64;

/// What each of `bodies` has to bring, in bytes/s.
#[must_use]
pub fn min_bytes_per_s(bodies: u64) -> u64 {
    (MIN_NODE_BYTES_PER_S / bodies.max(1)).max(MIN_BODY_BYTES_PER_S)
}

/// Whether a try is progress that brought `bytes` in this time, as one of `bodies`. A try that is
/// not counts as if it had brought nothing.
#[must_use]
pub fn is_progress(bytes: u64, took: Duration, bodies: u64) -> bool {
    // A second at least, so that a few bytes before a broken connection are not progress.
    let seconds = took.as_secs_f64().max(1.0);
    bytes as f64 >= min_bytes_per_s(bodies) as f64 * seconds
}

/// What a body brought in a window that was too slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drip {
    /// Bytes.
    pub bytes: u64,
    /// How long they took.
    pub took: Duration,
    /// What was needed.
    pub min_bytes_per_s: u64,
}

impl std::fmt::Display for Drip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "sent {} bytes in {:.1} s, and {} bytes a second are the least",
            self.bytes,
            self.took.as_secs_f64(),
            self.min_bytes_per_s
        )
    }
}

/// One body, window by window.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Flow {
    /// The length of a window for bodies that may be silent for this time.
    #[must_use]
    pub fn window_of(silence: Duration) -> Duration {
        silence.mul_f64(1.5)
    }

    /// A body that starts now. A window has to be longer than the longest silence.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Bytes came after the node had waited for them.
    ///
    /// # Errors
    /// At the end of a window in which too few came.
    pub fn came(&mut self, bytes: u64, waited: Duration, bodies: u64) -> Result<(), Drip> {
        self.bytes += bytes;
        self.waited += waited;
        if self.waited < self.window {
            return Ok(());
        }
        let min_bytes_per_s = min_bytes_per_s(bodies);
        let drip = Drip {
            bytes: self.bytes,
            took: self.waited,
            min_bytes_per_s,
        };
        *self = Self::new(self.window);
        match (drip.bytes as f64) < min_bytes_per_s as f64 * drip.took.as_secs_f64() {
            true => Err(drip),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    /// Whether one of `bodies` that brings `bytes` each interval is ended within ten minutes.
    fn ends(bytes: u64, each: Duration, bodies: u64) -> bool {
        let mut flow = Flow::new(WINDOW);
        let pieces = 600_000 / each.as_millis().max(1);
        (0..pieces).any(|_| flow.came(bytes, each, bodies).is_err())
    }

    #[test]
    fn a_body_that_drips_ends_and_a_slow_one_does_not() {
        const S: Duration = Duration::from_secs(1);
        const MS: Duration = Duration::from_millis(1);
        for (bytes, each, bodies, is_ended) in [
            // A byte a second, and rates that are too low for one body alone.
            (1, S, 1, true),
            (1, S, 1000, true),
            (1000, S, 1, true),
            (19_000, 19 * S, 1, true),
            // A link of 100 kbit/s, alone and shared by many.
            (12_500, S, 1, false),
            (200, S, 64, false),
            (1, MS * 10, 1000, false),
            // Bursts with long silences between them.
            (100_000, 19 * S, 1, false),
            (1_000_000, 29 * S, 1, false),
        ] {
            assert_eq!(
                ends(bytes, each, bodies),
                is_ended,
                "{bytes} bytes each {each:?}, {bodies} bodies"
            );
        }
    }

    #[test]
    fn a_body_that_flowed_once_is_judged_by_what_it_does_now() {
        let mut flow = Flow::new(WINDOW);
        flow.came(100_000_000, Duration::from_secs(1), 1).unwrap();
        let drips = (0..60).find_map(|_| flow.came(1, Duration::from_secs(1), 1).err());
        let drip = drips.unwrap();
        assert_eq!((drip.bytes, drip.min_bytes_per_s), (30, 2048));
        let text = drip.to_string();
        assert!(text.contains("sent 30 bytes in 30.0 s"), "{text}");
    }

    #[test]
    fn progress_is_what_brings_the_download_on() {
        const S: Duration = Duration::from_secs(1);
        for (bytes, took, bodies, expected) in [
            (0, Duration::ZERO, 1, false),
            (1, Duration::ZERO, 1, false),
            (30, 30 * S, 1, false),
            (70_000, Duration::from_millis(1), 1, true),
            (64, S, 1000, true),
            (100_000, 30 * S, 1, true),
        ] {
            assert_eq!(
                is_progress(bytes, took, bodies),
                expected,
                "{bytes} in {took:?}"
            );
        }
    }
}
