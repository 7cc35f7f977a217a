//! Whether a body flows, or drips: a server that sends a byte a second is never silent, and would
//! hold an order for ever.
//!
//! The floor is one of the whole node, shared by the bodies that it has open: what all of them get
//! together over a slow link is judged, and not how the link is shared. A node that gets less than
//! [`NODE_LEAST`] bytes a second is not on a slow link; nobody distributes files over such a one.
//! Only time in which the other side is waited for counts, so that a full disk queue or a rate of
//! our own never makes a body slow. A stream that is slow beside others is no case of this one, see
//! [`super::crawl`].

use std::time::Duration;

/// What all bodies of a node have to bring together, in bytes a second.
pub const NODE_LEAST: u64 = 2048;

/// What one body has to bring however many there are, in bytes a second.
pub const BODY_LEAST: u64 = 64;

/// What one of so many bodies has to bring, in bytes a second.
#[must_use]
pub fn least_of(bodies: u64) -> u64 {
    (NODE_LEAST / bodies.max(1)).max(BODY_LEAST)
}

/// Whether a try that brought so many bytes in so long, one of so many bodies, has brought the
/// download on. One that has not is a failure like one that brought nothing.
#[must_use]
pub fn is_progress(bytes: u64, took: Duration, bodies: u64) -> bool {
    // A connection that breaks after some bytes at once is none.
    let seconds = took.as_secs_f64().max(1.0);
    bytes as f64 >= least_of(bodies) as f64 * seconds
}

/// What a body brought in a window that was too slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drip {
    /// Bytes.
    pub bytes: u64,
    /// How long they took.
    pub took: Duration,
    /// What it would have had to be, in bytes a second.
    pub least: u64,
}

impl std::fmt::Display for Drip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "sent {} bytes in {:.1} s, where {} bytes a second are the least",
            self.bytes,
            self.took.as_secs_f64(),
            self.least
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
    /// The length of a window for bodies that may be silent for so long.
    #[must_use]
    pub fn window_of(silence: Duration) -> Duration {
        silence.mul_f64(1.5)
    }

    /// A body that begins now. A window has to be longer than the longest silence.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Takes in that bytes came which were waited for so long.
    ///
    /// # Errors
    /// At the end of a window in which too little came.
    pub fn came(&mut self, bytes: u64, waited: Duration, bodies: u64) -> Result<(), Drip> {
        self.bytes += bytes;
        self.waited += waited;
        if self.waited < self.window {
            return Ok(());
        }
        let least = least_of(bodies);
        let drip = Drip {
            bytes: self.bytes,
            took: self.waited,
            least,
        };
        *self = Self::new(self.window);
        match (drip.bytes as f64) < least as f64 * drip.took.as_secs_f64() {
            true => Err(drip),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    /// Whether a body of so many that brings so much each so often is ended within ten minutes.
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
            // A byte a second, and whatever one body alone cannot honestly be.
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
        assert_eq!((drip.bytes, drip.least), (30, 2048));
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
