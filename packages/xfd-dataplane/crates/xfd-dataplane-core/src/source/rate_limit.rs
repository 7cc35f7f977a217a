//! How long an answer asks to be left alone. Pure, apart from the date in a Retry-After header.
//!
//! A 429 says it in `Retry-After` (RFC 9110, 10.2.3), in `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers: `"api";r=0;t=55`, which the Hugging Face hub sends) or in
//! `RateLimit-Reset`. The longest counts: what comes earlier is refused again. Other answers have
//! these two on every request, so for them only `Retry-After` counts.

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::decides::retry::{MAX_RESET, MAX_RETRY_AFTER, seconds_of};

/// The rest that an answer asks for, within reason.
pub(super) fn asked_rest(status: u16, headers: &Headers) -> Option<Duration> {
    let retry_after = headers.get("retry-after").and_then(parse_retry_after);
    if status != 429 {
        return retry_after.map(|rest| rest.min(MAX_RETRY_AFTER));
    }
    let window = headers.get("ratelimit").and_then(parse_window);
    let reset = headers.get("ratelimit-reset").and_then(seconds_of);
    let longest = [retry_after, window, reset].into_iter().flatten().max();
    longest.map(|rest| rest.min(MAX_RESET))
}

/// Seconds, or the time until a date.
fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Some(rest) = seconds_of(value) {
        return Some(rest);
    }
    let date = DateTime::from_str(value, Format::HttpDate).ok()?;
    let date = SystemTime::try_from(date).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The reset of the windows that are used up; None if there is none.
fn parse_window(value: &str) -> Option<Duration> {
    let exhausted = value.split(',').filter_map(|window| {
        let parameter = |name: &str| {
            let mut parameters = window.split(';').skip(1);
            parameters.find_map(|it| it.trim().strip_prefix(name)?.trim().strip_prefix('='))
        };
        (parameter("r")?.trim() == "0").then(|| seconds_of(parameter("t")?))?
    });
    exhausted.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(status: u16, headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut map = Headers::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        asked_rest(status, &map).map(|rest| rest.as_secs())
    }

    #[test]
    fn a_429_names_its_reset_in_one_of_several_ways() {
        for (headers, expected) in [
            (&[][..], None),
            (&[("ratelimit", "\"api\";r=0;t=55")], Some(55)),
            (&[("ratelimit", "\"api\"; r=0; t=55")], Some(55)),
            (&[("ratelimit", "\"api\";r=3;t=55")], None),
            (
                &[("ratelimit", "\"pages\";r=9;t=280, \"resolvers\";r=0;t=170")],
                Some(170),
            ),
            (&[("ratelimit", "\"api\";r=0")], None),
            (&[("ratelimit", "garbage")], None),
            (&[("ratelimit-reset", "44")], Some(44)),
            (
                &[("retry-after", "7"), ("ratelimit", "\"api\";r=0;t=300")],
                Some(300),
            ),
            (
                &[("retry-after", "301"), ("ratelimit", "\"api\";r=0;t=300")],
                Some(301),
            ),
            (
                &[("retry-after", "soon"), ("ratelimit-reset", "3")],
                Some(3),
            ),
            (&[("ratelimit", "\"api\";r=0;t=99999999")], Some(600)),
            (&[("retry-after", "99999999999999999999999")], Some(600)),
            (&[("ratelimit-reset", "-1")], None),
        ] {
            assert_eq!(rest(429, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn other_answers_ask_by_retry_after_alone_and_for_less() {
        assert_eq!(rest(503, &[("retry-after", "7")]), Some(7));
        assert_eq!(rest(503, &[("retry-after", "99")]), Some(30));
        assert_eq!(rest(503, &[("ratelimit", "\"api\";r=0;t=55")]), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, expected) in [
            ("7", Some(7)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
            ("Wed, 21 Oct 2099 07:28:00 GMT", Some(600)),
            ("soon", None),
            ("-5", None),
            ("", None),
            ("Wed, 99 Oct 2099 07:28:00 GMT", None),
        ] {
            assert_eq!(rest(429, &[("retry-after", value)]), expected, "{value:?}");
        }
    }
}
