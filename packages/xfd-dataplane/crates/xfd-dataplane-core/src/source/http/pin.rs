//! What holds a web server's object to one version: its ETag, else its time. Pure.

use crate::error::Result;
use crate::source::check_pin;

/// Marks a pin that is a Last-Modified date, for a server that gives no ETag. A real ETag starts
/// with a quote or with `W/`.
const BY_TIME: &str = "last-modified=";

/// The pin of an answer with these headers.
pub(super) fn pin_of(etag: Option<&str>, last_modified: Option<&str>) -> Option<String> {
    etag.map(str::to_owned)
        .or_else(|| last_modified.map(|date| format!("{BY_TIME}{date}")))
}

/// The header that makes a request fail once the object is another one.
///
/// A weak ETag never matches in If-Match (RFC 9110, 13.1.1): the answer is compared instead.
pub(super) fn precondition(pin: &str) -> Option<(&'static str, &str)> {
    if let Some(date) = pin.strip_prefix(BY_TIME) {
        return Some(("if-unmodified-since", date));
    }
    (!pin.starts_with("W/")).then_some(("if-match", pin))
}

/// Compares a pin with an answer's headers: not every server looks at preconditions.
///
/// # Errors
/// `ObjectChanged`.
pub(super) fn check(
    pin: Option<&str>,
    etag: Option<&str>,
    last_modified: Option<&str>,
) -> Result<()> {
    match pin.and_then(|pin| pin.strip_prefix(BY_TIME)) {
        Some(date) => check_pin(Some(date), last_modified),
        None => check_pin(pin.map(opaque), etag.map(opaque)),
    }
}

/// A server may weaken an ETag between two answers, when it starts to compress.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_preferred_and_a_date_does() {
        assert_eq!(
            pin_of(Some("\"a\""), Some("date")).as_deref(),
            Some("\"a\"")
        );
        let by_time = pin_of(None, Some("date")).unwrap();
        assert_eq!(
            precondition(&by_time),
            Some(("if-unmodified-since", "date"))
        );
        assert!(check(Some(&by_time), Some("\"new\""), Some("date")).is_ok());
        assert!(check(Some(&by_time), None, Some("later")).is_err());
        assert_eq!(pin_of(None, None), None);
    }

    #[test]
    fn a_weak_etag_is_compared_and_not_sent() {
        assert_eq!(precondition("W/\"a\""), None);
        assert!(check(Some("W/\"a\""), Some("\"a\""), None).is_ok());
        assert!(check(Some("W/\"a\""), Some("W/\"b\""), None).is_err());
    }
}
