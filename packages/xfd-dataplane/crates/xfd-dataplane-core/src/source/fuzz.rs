//! What stores and web servers answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::net::IpAddr;
use std::ops::Range;

use url::{Host, Url};

pub(crate) use super::cloud::azure::fuzz::list as azure_list;
pub(crate) use super::cloud::gcs::fuzz::list as google_list;
pub(crate) use super::hub::fuzz::hub;
pub(crate) use super::s3::fuzz::list as s3_list;
pub(crate) use super::web::fuzz::netrc;

use super::answer::{Asked, Head, parse_content_range, range_header};
use super::fuzz_checks::{check_refusal, headers_of, lines};
use super::pin::{canonical, check_pin, pin_of, precondition};
use super::rate_limit::asked_rest;
use super::redirect::{Zone, follow, zone_of};
use crate::decides::retry::{MAX_RESET, MAX_RETRY_AFTER};

/// Four lines (what was asked for, status, and headers) give a window inside of what was asked for,
/// or a refusal.
pub(crate) fn answer(data: &[u8]) {
    let lines = lines(data);
    let number = |at: usize| -> Option<u64> { lines.get(at)?.trim().parse().ok() };
    let status = number(0)
        .and_then(|it| u16::try_from(it).ok())
        .unwrap_or(206);
    let range = number(1).zip(number(2)).map(|(start, end)| start..end);
    let range = range.filter(|it| it.start < it.end);
    let size = number(3);
    // Nobody asks for what lies behind the object.
    if range
        .as_ref()
        .is_some_and(|it| size.is_some_and(|size| size < it.end))
    {
        return;
    }
    let headers = headers_of(lines.get(4..).unwrap_or_default());
    let asked = Asked {
        range: range.as_ref(),
        size,
    };
    match Head::of(status, &headers).and_then(|head| head.window(asked)) {
        Err(error) => check_refusal(&error, data),
        Ok(window) => {
            assert!(status == 200 || status == 206);
            let length = range.as_ref().map(|it| it.end - it.start);
            match (&range, window.take) {
                (Some(range), take) => {
                    assert_eq!(take, length);
                    assert!(window.skip == 0 || window.skip == range.start);
                    let whole = headers.get("content-range").is_none();
                    assert_eq!(window.skip, if whole { range.start } else { 0 });
                }
                (None, take) => {
                    assert_eq!(window.skip, 0);
                    assert!(size.is_none() || take == size);
                }
            }
        }
    }
    for header in headers.get_all("content-range") {
        check_content_range(header, &lines);
    }
    if let Some(range) = &range {
        let header = range_header(Some(range)).unwrap();
        let sent = format!("bytes {}/*", &header["bytes=".len()..]);
        assert_eq!(parse_content_range(&sent).unwrap(), (range.clone(), None));
    }
}

/// Written again, a header that was read says the same.
fn check_content_range(header: &str, lines: &[String]) {
    let Ok((Range { start, end }, size)) = parse_content_range(header) else {
        return;
    };
    assert!(end > 0, "{lines:?}");
    let size_text = size.map_or("*".to_owned(), |size| size.to_string());
    let written = format!("bytes {start}-{}/{size_text}", end - 1);
    assert_eq!(parse_content_range(&written).unwrap(), (start..end, size));
}

/// What the headers of an answer say of its version, its checksum and its rest.
pub(crate) fn headers(data: &[u8]) {
    let lines = lines(data);
    let headers = headers_of(&lines);
    for status in [429, 503] {
        let most = if status == 429 {
            MAX_RESET
        } else {
            MAX_RETRY_AFTER
        };
        assert!(asked_rest(status, &headers).unwrap_or_default() <= most);
    }
    let (etag, time) = (headers.get("etag"), headers.get("last-modified"));
    if let Some(pin) = pin_of(etag, time) {
        assert!(super::pin::check(Some(&pin), etag, time).is_ok(), "{pin}");
        if let Some((name, value)) = precondition(&pin) {
            assert!(http::HeaderValue::from_str(value).is_ok(), "{name}");
        }
    }
    if let Some(etag) = etag.and_then(canonical) {
        assert_eq!(canonical(&etag).as_ref(), Some(&etag), "one form");
        assert!(check_pin(Some(&etag), Some(&etag)).is_ok());
    }
    super::s3::fuzz::headers(&headers);
    super::cloud::azure::fuzz::headers(&headers);
    super::cloud::gcs::fuzz::headers(&headers);
}

/// A redirect never leads from https to http, keeps no password, and the zone of an address is that
/// of every way to write it.
pub(crate) fn redirect(data: &[u8]) {
    let lines = lines(data);
    let mut lines = lines.iter();
    let base = lines.next().and_then(|line| Url::parse(line).ok());
    let base = base.filter(|it| matches!(it.scheme(), "http" | "https"));
    let base = base.unwrap_or_else(|| Url::parse("https://host/a/b?c").unwrap());
    let location = lines.next().map(String::as_str).unwrap_or_default();
    match follow(&base, location) {
        Err(error) => check_refusal(&error, data),
        Ok(to) => {
            assert!(matches!(to.scheme(), "http" | "https") && to.has_host());
            assert!(base.scheme() == "http" || to.scheme() == "https");
            assert!(to.username().is_empty() && to.password().is_none());
            assert!(to.fragment().is_none());
            assert_eq!(Url::parse(to.as_str()).as_ref(), Ok(&to), "sent as it is");
            check_zone(&to);
        }
    }
}

/// What the system connects to under an address decides its zone.
fn check_zone(to: &Url) {
    let address: IpAddr = match to.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return,
    };
    let zone = zone_of(address);
    assert_eq!(zone, zone_of(address.to_canonical()));
    let is_inside = match address.to_canonical() {
        IpAddr::V4(it) => {
            it.is_private() || it.is_loopback() || it.is_link_local() || it.is_unspecified()
        }
        IpAddr::V6(it) => {
            it.is_loopback()
                || it.is_unspecified()
                || it.is_unique_local()
                || it.is_unicast_link_local()
        }
    };
    assert!(!is_inside || zone != Zone::Public, "{address}");
}
