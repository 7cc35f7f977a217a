//! What holds an object to one version: its ETag, else its time. Pure.
//!
//! An ETag is kept in one form whatever a store's lists and answers write: in quotes, `W/` before
//! those of a weak one. Two are the same where what stands between the quotes is, and letters of
//! hexadecimal digits are compared without regard to case.

use crate::error::{Error, Kind, Result};

/// Marks a pin that is a Last-Modified date, for a server that gives no ETag. A real ETag starts
/// with a quote or with `W/`.
const BY_TIME: &str = "last-modified=";

/// An ETag in the form that is kept; None for an empty one, which names no version.
pub(super) fn canonical(etag: &str) -> Option<String> {
    let etag = etag.trim();
    let (mark, opaque) = match etag.get(..2) {
        Some("W/" | "w/") => ("W/", &etag[2..]),
        _ => ("", etag),
    };
    let opaque = opaque.trim_matches('"');
    (!opaque.is_empty()).then(|| format!("{mark}\"{opaque}\""))
}

/// The pin of an answer with these headers.
pub(super) fn pin_of(etag: Option<&str>, last_modified: Option<&str>) -> Option<String> {
    etag.and_then(canonical)
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
        None => check_pin(pin, etag),
    }
}

/// Compares the ETag that was asked for with the one that came.
///
/// # Errors
/// `ObjectChanged` where both are known and differ.
pub(super) fn check_pin(pinned: Option<&str>, answered: Option<&str>) -> Result<()> {
    match (pinned.and_then(canonical), answered.and_then(canonical)) {
        (Some(pinned), Some(answered)) if !is_same(&pinned, &answered) => Err(Error::new(
            Kind::ObjectChanged,
            format!("The object's ETag was {pinned} and is {answered}"),
        )),
        _ => Ok(()),
    }
}

/// A GET that is held to a pin by the origin, or by comparison where the origin cannot: some know
/// no If-Match (501), and some compare what stands in it with an ETag that they write in another
/// way.
///
/// `get` sends one GET with the pin that it is given; `compares` says that comparing is known to be
/// the only way. Returns whether it was.
///
/// # Errors
/// Those of the GET.
pub(super) async fn hold<T, F>(
    pin: Option<&str>,
    compares: bool,
    get: impl Fn(Option<String>) -> F,
) -> Result<(T, bool)>
where
    F: Future<Output = Result<T>>,
{
    let own = pin.map(str::to_owned);
    // A weak ETag is not sent, and is compared all the same.
    let weak = match pin.and_then(precondition) {
        Some(("if-match", etag)) => format!("W/{etag}"),
        _ => return Ok((get(own).await?, compares)),
    };
    if compares {
        return Ok((get(Some(weak)).await?, true));
    }
    let refused = match get(own).await {
        Ok(got) => return Ok((got, false)),
        Err(error) if matches!(error.kind, Kind::ObjectChanged | Kind::OriginAnswer) => error,
        Err(error) => return Err(error),
    };
    match get(Some(weak)).await {
        Ok(got) => Ok((got, true)),
        Err(_) => Err(refused),
    }
}

/// A server may weaken an ETag between two answers, when it starts to compress.
fn is_same(one: &str, two: &str) -> bool {
    let opaque = |etag| str::trim_start_matches(etag, "W/").trim_matches('"');
    let (one, two) = (opaque(one), opaque(two));
    let is_digest = |etag: &str| {
        etag.bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    one == two || (is_digest(one) && one.eq_ignore_ascii_case(two))
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
        assert_eq!(pin_of(Some("\"\""), None), None);
        assert_eq!(pin_of(None, None), None);
    }

    #[test]
    fn a_weak_etag_is_compared_and_not_sent() {
        assert_eq!(precondition("W/\"a\""), None);
        assert!(check(Some("W/\"a\""), Some("\"a\""), None).is_ok());
        assert!(check(Some("W/\"a\""), Some("\"b\""), None).is_err());
        assert!(check(Some("\"a\""), Some("W/\"a\""), None).is_ok());
    }

    #[test]
    fn an_etag_has_one_form_and_an_empty_one_is_none() {
        for (written, kept) in [
            ("\"ab\"", Some("\"ab\"")),
            ("ab", Some("\"ab\"")),
            (" \"ab", Some("\"ab\"")),
            ("w/\"ab\"", Some("W/\"ab\"")),
            ("W/ab", Some("W/\"ab\"")),
            ("", None),
            (" ", None),
            ("\"\"", None),
            ("W/\"\"", None),
            ("é", Some("\"é\"")),
        ] {
            assert_eq!(canonical(written).as_deref(), kept, "{written:?}");
        }
    }

    #[test]
    fn etags_that_mean_the_same_are_the_same() {
        for (one, two, is_same) in [
            ("\"ab12-3\"", "ab12-3", true),
            ("\"AB12\"", "\"ab12\"", true),
            ("W/\"AB12\"", "ab12", true),
            // Digits of another alphabet than the hexadecimal one may differ in case alone.
            ("\"xYz\"", "\"xyz\"", false),
            ("\"ab12\"", "\"ab13\"", false),
            ("\"ab12\"", "", true),
        ] {
            assert_eq!(
                check_pin(Some(one), Some(two)).is_ok(),
                is_same,
                "{one} {two}"
            );
        }
    }
}
