//! The store's clock, by which requests are signed.
//!
//! S3 refuses what was signed more than 15 minutes before or after the time of its own clock (S3
//! API reference, `RequestTimeTooSkewed`). Nodes' clocks may be wrong, or be set in the middle of a
//! run. An answer says the store's time, so the request is signed by that when it is repeated, and
//! so are all that follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::error::{Error, Kind};

/// A refusal may be about the clock if it is as wrong as this. Stores allow 15 minutes, and some
/// less.
const WRONG: Duration = Duration::from_secs(240);

/// Clones share what they have learned.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreClock {
    /// Seconds that the store is ahead of this machine.
    ahead_s: Arc<AtomicI64>,
}

impl StoreClock {
    /// The time of the store, as far as it is known.
    pub(super) fn now(&self) -> SystemTime {
        shifted(SystemTime::now(), self.ahead_s.load(Ordering::Relaxed))
    }

    fn learn(&self, date: SystemTime) {
        let ahead_s = seconds_from(SystemTime::now(), date);
        self.ahead_s.store(ahead_s, Ordering::Relaxed);
    }
}

impl TimeSource for StoreClock {
    fn now(&self) -> SystemTime {
        Self::now(self)
    }
}

/// A connector that learns the store's time from refusals.
#[derive(Debug)]
pub(super) struct LearnsTime {
    pub connector: SharedHttpConnector,
    pub clock: StoreClock,
}

impl HttpConnector for LearnsTime {
    /// A refusal of a request that was signed at another time than the store's is an
    /// [`Error`] after which the request can be repeated: it is signed anew then.
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed_at = request.headers().get("x-amz-date").and_then(signing_time);
        let answer = self.connector.call(request);
        let clock = self.clock.clone();
        HttpConnectorFuture::new(async move {
            let response = answer.await?;
            let date = response.headers().get("date").and_then(http_date);
            if let (403, Some(signed_at), Some(date)) =
                (response.status().as_u16(), signed_at, date)
            {
                let ahead_s = seconds_from(signed_at, date);
                if ahead_s.unsigned_abs() >= WRONG.as_secs() {
                    clock.learn(date);
                    return Err(ConnectorError::io(wrong_clock(ahead_s).into()));
                }
            }
            Ok(response)
        })
    }
}

fn wrong_clock(ahead_s: i64) -> Error {
    let (by, way) = (
        ahead_s.unsigned_abs(),
        if ahead_s > 0 { "behind" } else { "ahead of" },
    );
    let what = format!(
        "The origin answered with status 403, and the node's clock is {by} s {way} the origin's"
    );
    Error::new(Kind::OriginUnreachable, what).with_remedy("Set the node's clock")
}

/// `20261129T120000Z`, as in an `x-amz-date` header.
fn signing_time(value: &str) -> Option<SystemTime> {
    let part = |from: usize, to: usize| value.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    time_of(&written, Format::DateTime)
}

fn http_date(value: &str) -> Option<SystemTime> {
    time_of(value, Format::HttpDate)
}

fn time_of(value: &str, format: Format) -> Option<SystemTime> {
    SystemTime::try_from(DateTime::from_str(value, format).ok()?).ok()
}

fn seconds_from(one: SystemTime, other: SystemTime) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match other.duration_since(one) {
        Ok(later) => seconds(later),
        Err(earlier) => -seconds(earlier.duration()),
    }
}

fn shifted(time: SystemTime, ahead_s: i64) -> SystemTime {
    let by = Duration::from_secs(ahead_s.unsigned_abs());
    let moved = match ahead_s {
        0.. => time.checked_add(by),
        _ => time.checked_sub(by),
    };
    moved.unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_and_an_answer_tell_the_same_time() {
        let signed = signing_time("20261129T233100Z");
        assert!(signed.is_some());
        assert_eq!(signed, http_date("Sun, 29 Nov 2026 23:31:00 GMT"));
        for broken in ["", "2026", "20261129T2331", "20261129 no time", "ééééééééé"] {
            assert_eq!(signing_time(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_time_is_shifted_as_far_as_two_clocks_are_apart() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        for ahead_s in [0, 3600, -3600] {
            let store = shifted(now, ahead_s);
            assert_eq!(seconds_from(now, store), ahead_s);
        }
        // Before all that the system can name.
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(10_000);
        assert_eq!(shifted(early, i64::MIN), early);
    }
}
