//! Addresses of stores, and what stands in them. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Kind, Result};

/// The unreserved characters (RFC 3986, 2.3) stand for themselves.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same, of a path whose slashes stay.
pub(super) const ESCAPED_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// A value of a query, or a segment of a path.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// An endpoint without the slash at its end.
///
/// # Errors
/// `InvalidRequest` for what is no address of a web server.
pub(super) fn base_of(endpoint: &str) -> Result<String> {
    let endpoint = endpoint.trim();
    let url = url::Url::parse(endpoint).ok();
    let is_web = url.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    match is_web {
        true => Ok(endpoint.trim_end_matches('/').to_owned()),
        false => Err(
            Error::new(Kind::InvalidRequest, "The store's endpoint cannot be read")
                .with_remedy("Write it as https://host, or http://host:port/path"),
        ),
    }
}
