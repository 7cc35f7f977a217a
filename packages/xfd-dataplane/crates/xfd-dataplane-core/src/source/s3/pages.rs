//! From page to page of a list, until it is whole: pure, so that every way in which a store can
//! break one off early or never end it is a row of a test.
//!
//! A list is whole when its last page says that it is the last, and says so in a way that can be
//! right. Everything else is an error:
//!
//! * The rules of every list hold ([`super::super::listing`]).
//! * A store that answers in version 1 of the API is listed in version 1: by the last key.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::super::listing::Listing;
use super::super::pin::canonical;
use super::page::Page;
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// How the next page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    /// The first one, in version 2.
    #[default]
    First,
    /// By the token of the page before.
    Token(String),
    /// In version 1, by the last key of the page before.
    Marker(String),
}

/// The pages of a list so far.
#[derive(Debug)]
pub(super) struct Pages(Listing<Ask>);

impl Pages {
    /// Of the keys that begin with `prefix`.
    pub(super) fn new(prefix: &str) -> Self {
        Self(Listing::new(prefix))
    }

    /// Takes in the page that `asked` brought; returns how to ask for the next, or None at the end.
    ///
    /// # Errors
    /// `OriginAnswer` if it cannot be known that the list is whole.
    pub(super) fn take(&mut self, asked: &Ask, page: &Page) -> Result<Option<Ask>> {
        check_count(page)?;
        let objects = page.objects.iter();
        let found: Result<Vec<_>> = objects.map(|it| listed(it, page.is_encoded())).collect();
        self.0.take(found?)?;
        let next = self.next_of(asked, page)?;
        if let Some(next) = &next {
            self.0.go_on(next)?;
        }
        Ok(next)
    }

    /// All of them, in the order of their keys.
    pub(super) fn finish(self) -> Vec<FoundObject> {
        self.0.finish()
    }

    fn next_of(&self, asked: &Ask, page: &Page) -> Result<Option<Ask>> {
        let token = page.field("NextContinuationToken");
        let is_by_marker = matches!(asked, Ask::Marker(_)) || !page.is_version_2();
        let is_truncated = match page.field("IsTruncated").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("true") => true,
            Some(word) if word.eq_ignore_ascii_case("false") => false,
            Some(other) => {
                let what = format!("The origin's list is {other:?} where it may be cut off or not");
                return Err(wrong(what));
            }
            None if token.is_some() => true,
            None => {
                return Err(wrong(
                    "The origin's list does not say whether it is whole (IsTruncated)",
                ));
            }
        };
        match token {
            // A last page that leads on cannot be right; one more page shows which of the two is
            // right.
            Some(token) if is_truncated || !page.objects.is_empty() => {
                return Ok(Some(Ask::Token(token.to_owned())));
            }
            _ if !is_truncated => return Ok(None),
            _ => {}
        }
        if !is_by_marker {
            return Err(wrong(
                "The origin's list goes on, and it does not say how (NextContinuationToken)",
            ));
        }
        let named = match page.field("NextMarker") {
            Some(marker) if page.is_encoded() => Some(decoded(marker)?),
            marker => marker.map(str::to_owned),
        };
        let marker = named.or_else(|| {
            let last = self.0.found().last().filter(|_| !page.objects.is_empty());
            last.map(|last| last.key.clone())
        });
        match marker {
            // In another order, the last key says nothing of what comes after it.
            Some(_) if self.0.is_unordered() => Err(wrong(
                "The origin lists keys in no order, and goes on by the last one",
            )),
            Some(marker) => Ok(Some(Ask::Marker(marker))),
            None => Err(wrong(
                "The origin's list goes on, and it does not say how (NextMarker)",
            )),
        }
    }
}

/// Compares what the page has with what it says that it has.
fn check_count(page: &Page) -> Result<()> {
    if page.groups > 0 {
        return Err(wrong(
            "The origin lists groups of keys (CommonPrefixes), which nobody asked for",
        ));
    }
    let Some(count) = page.field("KeyCount") else {
        return Ok(());
    };
    // Some stores count too few. Too many means that the rest was lost.
    match count.trim().parse::<usize>() {
        Ok(count) if count <= page.objects.len() => Ok(()),
        Ok(count) => Err(wrong(format!(
            "A page of the origin's list has {} keys and says that it has {count}",
            page.objects.len()
        ))),
        Err(_) => Err(wrong(format!(
            "The origin's KeyCount {count:?} is no number"
        ))),
    }
}

fn listed(
    object: &std::collections::HashMap<String, String>,
    is_encoded: bool,
) -> Result<FoundObject> {
    let Some(key) = object.get("Key").filter(|key| !key.is_empty()) else {
        return Err(wrong("The origin lists an object without a key"));
    };
    let key = match is_encoded {
        true => decoded(key)?,
        false => key.clone(),
    };
    let size = object.get("Size").map(|size| size.trim());
    let Some(size) = size.and_then(|size| size.parse().ok()) else {
        let what = match size {
            None => "The origin's list does not say the object's size".to_owned(),
            Some(size) => format!("The origin's list has an object of the size {size:?}"),
        };
        return Err(wrong(what).with_object(key));
    };
    let time = object.get("LastModified");
    let time = time.and_then(|time| DateTime::from_str(time.trim(), Format::DateTime).ok());
    // A list does not say how an object is encrypted, so its ETag cannot be taken for an MD5.
    Ok(FoundObject {
        key,
        size,
        etag: object.get("ETag").and_then(|etag| canonical(etag)),
        last_modified_ns: time.as_ref().and_then(super::nanoseconds),
        checksum: None,
        refused: None,
        location: None,
    })
}

/// `encoding-type=url` is that of HTML forms, where a plus is a space.
fn decoded(key: &str) -> Result<String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| {
        wrong(format!(
            "The origin lists the key {key:?}, which is not UTF-8"
        ))
    });
    decoded.map(Into::into)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Kind::OriginAnswer, what)
}

#[cfg(test)]
mod tests;
