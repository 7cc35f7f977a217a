//! The keys of a list, page by page: pure, and the same for every store.
//!
//! Keys lie under the prefix, and none comes twice. A list ends: no page is asked for twice, and
//! the number of pages, of keys, and of empty pages in a row is bounded.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// Most keys of a list: each takes some 300 bytes here, and its catalog more.
const MOST_KEYS: usize = 5_000_000;
/// Most pages of a list. A page has 1,000 keys at most, and may have fewer.
const MOST_PAGES: u32 = 100_000;
/// Most pages without a key in a row: stores send some where they pass over deleted versions.
const MOST_EMPTY_PAGES: u32 = 1_000;

/// A list so far. `T` is what a page is asked for by.
#[derive(Debug)]
pub(super) struct Listing<T> {
    /// What all keys begin with.
    prefix: String,
    found: Vec<FoundObject>,
    /// Of every page so far.
    used: HashSet<T>,
    /// Of every key, once the keys came in no order; a list in order cannot repeat one unseen.
    hashes: Option<HashSet<u64>>,
    pages: u32,
    empty_pages: u32,
}

impl<T: Clone + Eq + Hash> Listing<T> {
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

    /// The objects so far.
    pub(super) fn found(&self) -> &[FoundObject] {
        &self.found
    }

    /// Whether keys came in another order than that of their bytes.
    pub(super) fn is_unordered(&self) -> bool {
        self.hashes.is_some()
    }

    /// Takes in the objects of a page.
    ///
    /// # Errors
    /// `OriginAnswer` for a key of another prefix, or one that was there before.
    pub(super) fn take(&mut self, page: impl IntoIterator<Item = FoundObject>) -> Result<()> {
        let before = self.found.len();
        for found in page {
            self.keep(found)?;
        }
        self.pages += 1;
        self.empty_pages = match self.found.len() == before {
            true => self.empty_pages + 1,
            false => 0,
        };
        Ok(())
    }

    /// Notes how the next page is asked for.
    ///
    /// # Errors
    /// `OriginAnswer` if the list does not end.
    pub(super) fn go_on(&mut self, next: &T) -> Result<()> {
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
        Ok(())
    }

    /// All of them, in the order of their keys.
    pub(super) fn finish(self) -> Vec<FoundObject> {
        let mut found = self.found;
        // Some stores list in an order of their own.
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
}

/// What all keys under a prefix of whole segments begin with.
pub(super) fn folder_of(prefix: &str) -> String {
    match prefix {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    }
}

fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Kind::OriginAnswer, what)
}
