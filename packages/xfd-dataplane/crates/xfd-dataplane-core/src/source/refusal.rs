//! Which error an HTTP answer without success is, for S3 and plain web servers alike. Pure.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::origin::Get;
use super::rate_limit::asked_rest;
use crate::error::{Error, Kind};

/// An answer that is not a success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusal<'a> {
    /// HTTP status.
    pub status: u16,
    /// The error code of S3, Google or Azure, where the answer has one.
    pub code: Option<&'a str>,
    /// The origin's own words.
    pub message: Option<&'a str>,
    /// How long it asks to be left alone.
    pub asked_rest: Option<Duration>,
    /// Value of the Content-Range header, which has the object's size if a range of it was
    /// refused (RFC 9110, 15.5.17).
    pub content_range: Option<&'a str>,
    /// Whether the request was pinned to an ETag.
    pub pinned: bool,
    /// The object's size as it was found, where that is known.
    pub found: Option<u64>,
}

impl<'a> Refusal<'a> {
    /// What the head of an answer says.
    pub(super) fn of(response: &'a HttpResponse) -> Self {
        let headers = response.headers();
        let status = response.status().as_u16();
        Self {
            status,
            asked_rest: asked_rest(status, headers),
            content_range: headers.get("content-range"),
            ..Self::default()
        }
    }

    /// What the head of an answer to a GET says, or to another request.
    pub(super) fn of_get(response: &'a HttpResponse, get: Option<&Get<'_>>) -> Self {
        Self {
            pinned: get.is_some_and(|get| get.etag.is_some()),
            found: get.and_then(|get| get.size),
            ..Self::of(response)
        }
    }

    /// The error that this answer is. Codes as in the S3 API reference, "Error responses", and what
    /// Google and Azure answer with a status that says something else.
    pub(super) fn to_error(self) -> Error {
        let error = Error::new(self.kind(), self.text());
        match self.asked_rest {
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
            (
                Some(
                    "SlowDown"
                    | "TooManyRequests"
                    | "RequestLimitExceeded"
                    | "rateLimitExceeded"
                    | "userRateLimitExceeded",
                ),
                _,
            )
            | (_, 429 | 503) => Kind::OriginThrottled,
            (Some("RequestTimeout"), _) | (_, 408 | 504) => Kind::OriginTimeout,
            (
                Some(
                    "AccessDenied"
                    | "InvalidAccessKeyId"
                    | "InvalidToken"
                    | "SignatureDoesNotMatch"
                    | "RequestTimeTooSkewed"
                    | "AuthorizationHeaderMalformed"
                    | "AllAccessDisabled"
                    | "InvalidAuthenticationInfo"
                    | "PublicAccessNotPermitted",
                ),
                _,
            )
            | (_, 401 | 403) => Kind::AccessDenied,
            (_, 412) => Kind::ObjectChanged,
            (_, 416) => match self.sizes() {
                Some((now, found)) if now != found => Kind::ObjectChanged,
                None if self.pinned => Kind::ObjectChanged,
                _ => Kind::OriginAnswer,
            },
            // A store that cannot do it now cannot do it later.
            (Some("NotImplemented"), _) | (_, 501 | 505) => Kind::OriginAnswer,
            (_, 500..) => Kind::OriginUnreachable,
            _ => Kind::OriginAnswer,
        }
    }

    /// The object's size now, and as it was found.
    fn sizes(self) -> Option<(u64, u64)> {
        let now = self.content_range?.strip_prefix("bytes */")?;
        Some((now.trim().parse().ok()?, self.found?))
    }

    fn text(self) -> String {
        let mut text = format!("The origin answered with status {}", self.status);
        if let Some(code) = self.code {
            text = format!("{text} {code}");
        }
        if let (416, Some((now, found))) = (self.status, self.sizes()) {
            text = format!("{text}: the object has {now} bytes, and was found with {found}");
        }
        match self.message.map(|words| words.trim().trim_end_matches('.')) {
            Some(words) if !words.is_empty() => format!("{text}: {words}"),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(kind(403, Some("rateLimitExceeded")), Kind::OriginThrottled);
        assert_eq!(kind(403, Some("forbidden")), Kind::AccessDenied);
        assert_eq!(
            kind(409, Some("PublicAccessNotPermitted")),
            Kind::AccessDenied
        );
        assert_eq!(kind(409, Some("BlobArchived")), Kind::OriginAnswer);
        assert_eq!(kind(503, Some("ServerBusy")), Kind::OriginThrottled);
    }

    #[test]
    fn a_range_that_is_gone_means_that_a_pinned_object_changed() {
        let refusal = Refusal {
            status: 416,
            pinned: true,
            ..Refusal::default()
        };
        assert_eq!(refusal.to_error().kind, Kind::ObjectChanged);
        for (now, kind) in [(4, Kind::ObjectChanged), (18, Kind::OriginAnswer)] {
            let refusal = Refusal {
                content_range: Some(&format!("bytes */{now}")),
                found: Some(18),
                ..refusal
            };
            let error = refusal.to_error();
            assert_eq!(error.kind, kind);
            let sizes = format!("has {now} bytes, and was found with 18");
            assert!(error.what.contains(&sizes), "{error}");
        }
    }
}
