//! Documents of the JSON API: an object, a page of a list, an error. Pure.

use aws_smithy_types::date_time::Format;
use serde::Deserialize;

use super::super::checksums::better;
use super::super::transport::{Reason, nanoseconds};
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub objects: Vec<FoundObject>,
    /// What the next page is asked for by; None at the end.
    pub next: Option<String>,
}

/// An object resource (JSON API reference, "Objects"). Numbers are strings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    size: String,
    generation: String,
    time_created: Option<String>,
    md5_hash: Option<String>,
    crc32c: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Items {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
    /// Of what is no list, whatever its status says.
    error: Option<serde::de::IgnoredAny>,
}

impl Page {
    /// # Errors
    /// `OriginAnswer` for what is no list.
    pub(super) fn read(document: &[u8]) -> Result<Self> {
        let page: Items = serde_json::from_slice(document).map_err(|error| unreadable(&error))?;
        if page.error.is_some() {
            let what = "The origin answered a list with an error, and a status of success";
            return Err(Error::new(Kind::OriginAnswer, what));
        }
        Ok(Self {
            objects: page.items.into_iter().map(found).collect::<Result<_>>()?,
            next: page.next_page_token.filter(|token| !token.is_empty()),
        })
    }
}

/// # Errors
/// `OriginAnswer` for what is no object.
pub(super) fn item_of(document: &[u8]) -> Result<FoundObject> {
    let item = serde_json::from_slice(document).map_err(|error| unreadable(&error))?;
    found(item)
}

fn found(item: Item) -> Result<FoundObject> {
    if item.name.is_empty() {
        let what = "The origin lists an object without a name";
        return Err(Error::new(Kind::OriginAnswer, what));
    }
    let wrong = |what: String| Error::new(Kind::OriginAnswer, what).with_object(&item.name);
    let Ok(size) = item.size.parse() else {
        return Err(wrong(format!("The object has the size {:?}", item.size)));
    };
    if item.generation.parse::<u64>().is_err() {
        let generation = &item.generation;
        return Err(wrong(format!(
            "The object has the generation {generation:?}"
        )));
    }
    let time = item.time_created.as_deref();
    Ok(FoundObject {
        size,
        etag: Some(format!("\"{}\"", item.generation)),
        last_modified_ns: time.and_then(|time| nanoseconds(time, Format::DateTimeWithOffset)),
        checksum: better(item.crc32c.as_deref(), item.md5_hash.as_deref()),
        refused: None,
        location: None,
        key: item.name,
    })
}

fn unreadable(error: &serde_json::Error) -> Error {
    let what = format!("The origin's answer cannot be read: {error}");
    Error::new(Kind::OriginAnswer, what)
}

/// What an answer without success says: JSON where metadata was asked for, text where bytes were.
pub(super) fn reason_of(body: &[u8]) -> Reason {
    #[derive(Deserialize)]
    struct Document {
        error: Failure,
    }
    #[derive(Deserialize)]
    struct Failure {
        message: Option<String>,
        #[serde(default)]
        errors: Vec<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        reason: Option<String>,
    }
    if let Ok(Document { error }) = serde_json::from_slice(body) {
        let reason = error.errors.into_iter().find_map(|detail| detail.reason);
        return (reason, error.message);
    }
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let is_words = !text.is_empty() && text.len() <= 300 && !text.starts_with(['<', '{']);
    (None, is_words.then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_objects_and_how_to_go_on() {
        let page = Page::read(
            br#"{"kind": "storage#objects", "nextPageToken": "t", "items": [
                {"name": "a//b", "size": "5", "generation": "17",
                 "timeCreated": "2024-01-02T03:04:05.678Z", "crc32c": "mnG7TA=="}]}"#,
        );
        let page = page.unwrap();
        assert_eq!(page.next.as_deref(), Some("t"));
        let found = &page.objects[0];
        assert_eq!((found.key.as_str(), found.size), ("a//b", 5));
        assert_eq!(found.etag.as_deref(), Some("\"17\""));
        assert_eq!(found.last_modified_ns, Some(1_704_164_645_678_000_000));
        assert_eq!(found.checksum.as_ref().unwrap().value, "9a71bb4c");
        assert!(Page::read(b"{}").unwrap().objects.is_empty());
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let whole = br#"{"items": [{"name": "a", "size": "5", "generation": "17"}]}"#;
        assert!(Page::read(whole).is_ok());
        for cut in 0..whole.len() {
            assert!(Page::read(&whole[..cut]).is_err(), "{cut}");
        }
        for body in [
            "[]",
            "<html/>",
            r#"{"error": {"code": 503, "message": "try later"}}"#,
            r#"{"items": [{"name": "a", "size": "5"}]}"#,
            r#"{"items": [{"name": "a", "generation": "17"}]}"#,
            r#"{"items": [{"size": "5", "generation": "17"}]}"#,
            r#"{"items": [{"name": "", "size": "5", "generation": "17"}]}"#,
            r#"{"items": [{"name": "a", "size": "many", "generation": "17"}]}"#,
            r#"{"items": [{"name": "a", "size": "5", "generation": "1&b=2"}]}"#,
        ] {
            let error = Page::read(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind, Kind::OriginAnswer, "{body}");
        }
    }

    #[test]
    fn an_error_says_why_in_json_or_in_words() {
        let document =
            br#"{"error": {"code": 404, "message": "The specified bucket does not exist.",
            "errors": [{"domain": "global", "reason": "notFound"}]}}"#;
        for (body, code, message) in [
            (
                &document[..],
                Some("notFound"),
                Some("The specified bucket does not exist."),
            ),
            (b"No such object: b/k\n", None, Some("No such object: b/k")),
            (b"<html>gateway</html>", None, None),
            (b"", None, None),
        ] {
            let (found, words) = reason_of(body);
            assert_eq!((found.as_deref(), words.as_deref()), (code, message));
        }
    }
}
