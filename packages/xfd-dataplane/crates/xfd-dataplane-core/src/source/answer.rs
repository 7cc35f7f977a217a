//! What an HTTP answer means, for S3 and plain web servers alike: which bytes it carries, and which
//! error its status is. Pure, apart from the date in a Retry-After header.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::error::{Error, Kind, Result};

/// Where the wanted bytes lie in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes before them.
    pub skip: u64,
    /// Their number; None for everything up to the end, of unknown length.
    pub take: Option<u64>,
    /// Whether the body has to end with them.
    pub is_all: bool,
}

/// Finds the wanted bytes, from what was asked and what the headers say.
///
/// A server may ignore a Range header (RFC 9110, 14.2) and send all of the object; the range is
/// then cut out of it. A 206 has to carry exactly the range asked for.
///
/// # Errors
/// `OriginAnswer` where the answer cannot hold the range.
pub(super) fn find_window(
    asked: Option<&Range<u64>>,
    content_range: Option<&str>,
    content_length: Option<u64>,
) -> Result<Window> {
    let Some(asked) = asked else {
        if let Some(range) = content_range {
            return Err(unasked(range));
        }
        return Ok(Window {
            skip: 0,
            take: content_length,
            is_all: true,
        });
    };
    let wanted = asked.end - asked.start;
    if let Some(header) = content_range {
        let (sent, _) = parse_content_range(header)?;
        if sent != *asked {
            return Err(Error::new(
                Kind::OriginAnswer,
                format!(
                    "The origin sent bytes {} to {} where {} to {} were asked for",
                    sent.start, sent.end, asked.start, asked.end
                ),
            ));
        }
        if content_length.is_some_and(|length| length != wanted) {
            return Err(Error::new(
                Kind::OriginAnswer,
                "The origin's Content-Length and Content-Range differ",
            ));
        }
        return Ok(Window {
            skip: 0,
            take: Some(wanted),
            is_all: true,
        });
    }
    if content_length.is_some_and(|length| length < asked.end) {
        return Err(Error::new(
            Kind::OriginAnswer,
            format!(
                "The object ends before byte {}, which was asked for",
                asked.end
            ),
        ));
    }
    Ok(Window {
        skip: asked.start,
        take: Some(wanted),
        is_all: asked.start == 0 && content_length == Some(wanted),
    })
}

fn unasked(range: &str) -> Error {
    Error::new(
        Kind::OriginAnswer,
        format!("The origin sent the range {range:?} where all was asked for"),
    )
}

/// Reads `bytes 0-9/100`; the whole size is None where it is `*`.
///
/// # Errors
/// `OriginAnswer` for anything else.
pub(super) fn parse_content_range(header: &str) -> Result<(Range<u64>, Option<u64>)> {
    let parse = || {
        let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = first.trim().parse().ok()?..last.trim().parse::<u64>().ok()?.checked_add(1)?;
        if size == "*" {
            return Some((range, None));
        }
        Some((range, Some(size.trim().parse().ok()?)))
    };
    parse().ok_or_else(|| {
        Error::new(
            Kind::OriginAnswer,
            format!("The Content-Range {header:?} cannot be read"),
        )
    })
}

/// The Range header of a range that is not empty.
pub(super) fn range_header(range: Option<&Range<u64>>) -> Option<String> {
    range
        .filter(|range| !range.is_empty())
        .map(|range| format!("bytes={}-{}", range.start, range.end - 1))
}

/// An answer that is not a success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusal<'a> {
    /// HTTP status.
    pub status: u16,
    /// The error code of S3, where the body has one.
    pub code: Option<&'a str>,
    /// The origin's own words.
    pub message: Option<&'a str>,
    /// Value of the Retry-After header.
    pub retry_after: Option<&'a str>,
    /// Whether the request was pinned to an ETag.
    pub pinned: bool,
}

impl Refusal<'_> {
    /// The error that this answer is. Codes as in the S3 API reference, "Error responses".
    pub(super) fn to_error(self) -> Error {
        let error = Error::new(self.kind(), self.text());
        match self.retry_after.and_then(parse_retry_after) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    fn kind(self) -> Kind {
        match (self.code, self.status) {
            (Some("NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "NotFound"), _)
            | (_, 404 | 410) => Kind::ObjectNotFound,
            (Some("ExpiredToken" | "TokenRefreshRequired"), _) => Kind::Credentials,
            (Some("InvalidObjectState"), _) => Kind::OriginAnswer,
            (Some("SlowDown" | "TooManyRequests" | "RequestLimitExceeded"), _) | (_, 429 | 503) => {
                Kind::OriginThrottled
            }
            (Some("RequestTimeout"), _) | (_, 408 | 504) => Kind::OriginTimeout,
            (
                Some(
                    "AccessDenied"
                    | "InvalidAccessKeyId"
                    | "InvalidToken"
                    | "SignatureDoesNotMatch"
                    | "RequestTimeTooSkewed"
                    | "AuthorizationHeaderMalformed"
                    | "AllAccessDisabled",
                ),
                _,
            )
            | (_, 401 | 403) => Kind::AccessDenied,
            (_, 412) => Kind::ObjectChanged,
            (_, 416) if self.pinned => Kind::ObjectChanged,
            // A store that cannot do it now cannot do it later.
            (Some("NotImplemented"), _) | (_, 501 | 505) => Kind::OriginAnswer,
            (_, 500..) => Kind::OriginUnreachable,
            _ => Kind::OriginAnswer,
        }
    }

    fn text(self) -> String {
        let mut text = format!("The origin answered with status {}", self.status);
        if let Some(code) = self.code {
            text = format!("{text} {code}");
        }
        match self.message.map(|words| words.trim().trim_end_matches('.')) {
            Some(words) if !words.is_empty() => format!("{text}: {words}"),
            _ => text,
        }
    }
}

/// Seconds, or the time until a date (RFC 9110, 10.2.3).
fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::from_str(value, Format::HttpDate).ok()?;
    let date = SystemTime::try_from(date).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_answer_is_taken_as_it_is() {
        let window = find_window(Some(&(10..20)), Some("bytes 10-19/100"), Some(10));
        assert_eq!(
            window,
            Ok(Window {
                skip: 0,
                take: Some(10),
                is_all: true
            })
        );
    }

    #[test]
    fn a_whole_answer_to_a_range_is_cut() {
        let window = find_window(Some(&(10..20)), None, Some(100));
        assert_eq!(
            window,
            Ok(Window {
                skip: 10,
                take: Some(10),
                is_all: false
            })
        );
    }

    #[test]
    fn an_answer_without_the_range_is_refused() {
        for (header, length) in [
            (Some("bytes 0-9/100"), Some(10)),
            (Some("bytes 10-19/100"), Some(9)),
            (Some("10-19"), None),
            (Some("bytes 10-18446744073709551615/*"), None),
            (None, Some(19)),
        ] {
            let error = find_window(Some(&(10..20)), header, length).map_err(|error| error.kind);
            assert_eq!(error, Err(Kind::OriginAnswer), "{header:?} {length:?}");
        }
        assert!(find_window(None, Some("bytes 0-9/100"), Some(10)).is_err());
    }

    #[test]
    fn statuses_and_codes_are_told_apart() {
        let kind = |status, code| {
            Refusal {
                status,
                code,
                ..Refusal::default()
            }
            .to_error()
            .kind
        };
        assert_eq!(kind(404, None), Kind::ObjectNotFound);
        assert_eq!(kind(404, Some("NoSuchBucket")), Kind::ObjectNotFound);
        assert_eq!(kind(403, None), Kind::AccessDenied);
        assert_eq!(kind(400, Some("InvalidAccessKeyId")), Kind::AccessDenied);
        assert_eq!(kind(400, Some("ExpiredToken")), Kind::Credentials);
        assert_eq!(kind(412, None), Kind::ObjectChanged);
        assert_eq!(kind(416, None), Kind::OriginAnswer);
        assert_eq!(kind(500, Some("InternalError")), Kind::OriginUnreachable);
        assert_eq!(kind(503, Some("SlowDown")), Kind::OriginThrottled);
        assert_eq!(kind(429, None), Kind::OriginThrottled);
        assert_eq!(kind(400, Some("RequestTimeout")), Kind::OriginTimeout);
        assert_eq!(kind(301, None), Kind::OriginAnswer);
    }

    #[test]
    fn a_range_that_is_gone_means_that_a_pinned_object_changed() {
        let refusal = Refusal {
            status: 416,
            pinned: true,
            ..Refusal::default()
        };
        assert_eq!(refusal.to_error().kind, Kind::ObjectChanged);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        let past = parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon"), None);
    }
}
