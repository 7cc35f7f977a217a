//! How long a redirect's address is used. Pure.
//!
//! A signed address names its end: `Expires` (CloudFront, and S3 and Google in their older forms),
//! `X-Amz-Date` with `X-Amz-Expires` and the same of Google, `Policy` (CloudFront) or `se` (Azure).
//! The earliest counts, by the clock of the server that redirects. It is used until shortly before:
//! a request takes a while to arrive.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use url::Url;

use crate::decides::retry::seconds_of;

/// Of an address that names no end.
const USUAL: Duration = Duration::from_secs(60);
/// Longest: rights may be withdrawn meanwhile.
const LONGEST: Duration = Duration::from_secs(3600);
/// Longest time before its end at which an address is given up.
const MARGIN: Duration = Duration::from_secs(60);

/// How long the address of a redirect with these headers is used; `now` by our own clock.
pub(super) fn lifetime(url: &Url, headers: &Headers, now: SystemTime) -> Duration {
    let date = headers.get("date").and_then(parse_http_date);
    let now = date.unwrap_or_else(|| {
        let since = now.duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    });
    let signed = end_of(url).map(|end| Duration::from_secs(end.saturating_sub(now)));
    let fresh = headers.get("cache-control").and_then(max_age);
    let Some(lifetime) = signed.into_iter().chain(fresh).min() else {
        return USUAL;
    };
    let lifetime = lifetime.min(LONGEST);
    lifetime - MARGIN.min(lifetime / 10)
}

/// The end that a signed address names, in seconds since 1970.
fn end_of(url: &Url) -> Option<u64> {
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        let pair = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        pair.map(|(_, value)| value.into_owned())
    };
    let seconds = |name| {
        value(name)
            .and_then(|it| seconds_of(&it))
            .map(|it| it.as_secs())
    };
    let by_date = |date, expires| {
        let date = value(date)?;
        parse_basic_date(&date)?.checked_add(seconds(expires)?)
    };
    [
        seconds("Expires"),
        by_date("X-Amz-Date", "X-Amz-Expires"),
        by_date("X-Goog-Date", "X-Goog-Expires"),
        value("Policy").and_then(|policy| end_of_policy(&policy)),
        value("se").and_then(|end| parse_date(&end, Format::DateTime)),
    ]
    .into_iter()
    .flatten()
    .min()
}

fn parse_http_date(date: &str) -> Option<u64> {
    parse_date(date, Format::HttpDate)
}

fn parse_date(date: &str, format: Format) -> Option<u64> {
    let date = DateTime::from_str(date, format).ok()?;
    u64::try_from(date.secs()).ok()
}

/// `20250131T235959Z`.
fn parse_basic_date(date: &str) -> Option<u64> {
    let part = |range| date.get::<std::ops::Range<usize>>(range);
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?,
    );
    parse_date(&written, Format::DateTime)
}

/// A policy of CloudFront is JSON in base64, with three characters of its own.
fn end_of_policy(policy: &str) -> Option<u64> {
    let replaced = |letter| match letter {
        '-' => '+',
        '_' => '=',
        '~' => '/',
        other => other,
    };
    let policy: String = policy.chars().map(replaced).collect();
    let policy = aws_smithy_types::base64::decode(policy).ok()?;
    let policy: serde_json::Value = serde_json::from_slice(&policy).ok()?;
    let statements = policy.get("Statement")?.as_array()?.iter();
    let ends = statements.filter_map(|statement| {
        let end = statement.pointer("/Condition/DateLessThan/AWS:EpochTime")?;
        end.as_u64()
    });
    ends.min()
}

/// RFC 9111, 5.2.2.1.
fn max_age(cache_control: &str) -> Option<Duration> {
    let mut directives = cache_control.split(',').map(str::trim);
    directives.find_map(|it| seconds_of(it.strip_prefix("max-age=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05, 10:00.
    const NOW: u64 = 1_767_607_200;

    fn seconds(query: &str, headers: &[(&'static str, &'static str)]) -> u64 {
        let url = Url::parse(&format!("https://host/x?{query}")).unwrap();
        let mut map = Headers::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        lifetime(&url, &map, now).as_secs()
    }

    #[test]
    fn a_signed_address_is_used_until_shortly_before_its_end() {
        let policy = |end: u64| {
            let text = format!(
                r#"{{"Statement":[{{"Condition":{{"DateLessThan":{{"AWS:EpochTime":{end}}}}},"Resource":"x"}}]}}"#
            );
            let text = aws_smithy_types::base64::encode(text);
            let text = text.replace('+', "-").replace('=', "_").replace('/', "~");
            format!("Policy={text}&Signature=x")
        };
        let amazon = "X-Amz-Date=20260105T095000Z&X-Amz-Expires=1000";
        for (query, headers, expected) in [
            (String::new(), &[][..], 60),
            (format!("Expires={}", NOW + 100), &[], 90),
            (format!("Expires={}", NOW + 2000), &[], 1940),
            (format!("Expires={}", NOW + 99_999), &[], 3540),
            (format!("Expires={}", NOW - 5), &[], 0),
            ("Expires=soon".to_owned(), &[], 60),
            (amazon.to_owned(), &[], 360),
            (amazon.replace("Amz", "Goog"), &[], 360),
            (amazon.replace("20260105T", "2026"), &[], 60),
            (policy(NOW + 200), &[], 180),
            ("Policy=!!!".to_owned(), &[], 60),
            ("se=2026-01-05T10%3A01%3A40Z&sig=x".to_owned(), &[], 90),
            (format!("{amazon}&Expires={}", NOW + 100), &[], 90),
            (
                String::new(),
                &[("cache-control", "private, max-age=50")],
                45,
            ),
            (String::new(), &[("cache-control", "no-store")], 60),
            (
                format!("Expires={}", NOW + 100),
                &[("cache-control", "max-age=50")],
                45,
            ),
            // Our clock is wrong by five minutes.
            (
                format!("Expires={}", NOW + 400),
                &[("date", "Mon, 05 Jan 2026 10:05:00 GMT")],
                90,
            ),
        ] {
            assert_eq!(seconds(&query, headers), expected, "{query} {headers:?}");
        }
    }
}
