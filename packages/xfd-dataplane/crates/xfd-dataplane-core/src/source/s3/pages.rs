//! From page to page of a list, until it is whole: pure, so that every way in which a store can
//! break one off early or never end it is a row of a test.
//!
//! A list is whole when its last page says that it is the last, and says so in a way that can be
//! right. Everything else is an error:
//!
//! * Each page is asked for by a token or a marker that was not used before, so pages that lead to
//!   each other end. The number of pages, of keys, and of empty pages in a row is bounded.
//! * Keys lie under the prefix, and none comes twice.
//! * A store that answers in version 1 of the API is listed in version 1: by the last key.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::super::pin::canonical;
use super::page::Page;
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// Most keys of a list: each takes some 300 bytes here, and its catalog more.
const MOST_KEYS: usize = 5_000_000;
/// Most pages of a list. A page has 1,000 keys at most, and may have fewer.
const MOST_PAGES: u32 = 100_000;
/// Most pages without a key in a row: S3 sends some where it passes over deleted versions.
const MOST_EMPTY_PAGES: u32 = 1_000;

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
pub(super) struct Pages {
    /// What all keys begin with.
    prefix: String,
    found: Vec<FoundObject>,
    /// Of every token and marker so far.
    used: HashSet<Ask>,
    /// Of every key, once the keys came in no order; a list in order cannot repeat one unseen.
    hashes: Option<HashSet<u64>>,
    pages: u32,
    empty_pages: u32,
}

impl Pages {
    /// Of the keys that begin with `prefix`.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            found: Vec::new(),
            used: HashSet::new(),
            hashes: None,
            pages: 0,
            empty_pages: 0,
        }
    }

    /// Takes in the page that `asked` brought; returns how to ask for the next, or None at the end.
    ///
    /// # Errors
    /// `OriginAnswer` if it cannot be known that the list is whole.
    pub(super) fn take(&mut self, asked: &Ask, page: &Page) -> Result<Option<Ask>> {
        self.pages += 1;
        self.empty_pages = match page.objects.is_empty() {
            true => self.empty_pages + 1,
            false => 0,
        };
        check_count(page)?;
        for object in &page.objects {
            let found = listed(object, page.is_encoded())?;
            self.keep(found)?;
        }
        let next = self.next_of(asked, page)?;
        let Some(next) = next else { return Ok(None) };
        if !self.used.insert(next.clone()) {
            return Err(wrong(
                "The origin gives the same page of a list again and again",
            ));
        }
        let is_too_long = self.pages >= MOST_PAGES || self.found.len() > MOST_KEYS;
        if is_too_long || self.empty_pages > MOST_EMPTY_PAGES {
            let (keys, pages) = (self.found.len(), self.pages);
            let what = format!(
                "The origin's list does not end: {keys} keys in {pages} pages, the last {} of them \
                 empty",
                self.empty_pages
            );
            return Err(wrong(what).with_remedy("Ask for a longer prefix"));
        }
        Ok(Some(next))
    }

    /// All of them, in the order of their keys.
    pub(super) fn finish(self) -> Vec<FoundObject> {
        let mut found = self.found;
        // Directory buckets list in an order of their own.
        if self.hashes.is_some() {
            found.sort_by(|one, two| one.key.cmp(&two.key));
        }
        found
    }

    fn keep(&mut self, found: FoundObject) -> Result<()> {
        if !found.key.starts_with(&self.prefix) {
            let what = format!(
                "The origin lists the key {:?}, which is not under the prefix {:?}",
                found.key, self.prefix
            );
            return Err(wrong(what));
        }
        let last = self.found.last();
        if self.hashes.is_none() && last.is_some_and(|last| last.key >= found.key) {
            self.hashes = Some(self.found.iter().map(|each| hash_of(&each.key)).collect());
        }
        if let Some(hashes) = &mut self.hashes
            && !hashes.insert(hash_of(&found.key))
        {
            let what = format!("The origin lists the key {:?} twice", found.key);
            return Err(wrong(what));
        }
        self.found.push(found);
        Ok(())
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
            let last = self.found.last().filter(|_| !page.objects.is_empty());
            last.map(|last| last.key.clone())
        });
        match marker {
            // In another order, the last key says nothing of what comes after it.
            Some(_) if self.hashes.is_some() => Err(wrong(
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

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Kind::OriginAnswer, what)
}

#[cfg(test)]
mod tests;
