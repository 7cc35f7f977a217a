//! Which buckets' GETs are sent without the SDK's whole operation ([`super::direct`]).
//!
//! ```text
//!   first GET built ──▶ Tried ──▶ Proven      a GET through the SDK was answered
//!                         │          │
//!                         ▼          ▼        a GET in the pattern was refused
//!                       Refused    Never ◀──  the store redirects the bucket's requests
//!                         │
//!                         └─────▶ Proven      the SDK found the bucket's region
//! ```
//!
//! The pattern is used from the moment the first GET is built. If it waited for the first answer,
//! the 256 GETs that a prefix of small objects starts with would all go through the SDK: 0.15 s of
//! processor time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::direct::Pattern;

/// By bucket.
#[derive(Debug, Default)]
pub(super) struct Shortcuts(RwLock<HashMap<String, Shortcut>>);

#[derive(Clone, Debug)]
enum Shortcut {
    /// The pattern of a GET that has not been answered yet.
    Tried(Arc<Pattern>),
    Proven(Arc<Pattern>),
    /// The tried pattern was refused; the next GET that the SDK gets through gives another one.
    Refused,
    Never,
}

impl Shortcuts {
    /// The pattern to send a GET in, if there is one.
    pub(super) fn of(&self, bucket: &str) -> Option<Arc<Pattern>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(bucket) {
            Some(Shortcut::Tried(pattern) | Shortcut::Proven(pattern)) => Some(pattern.clone()),
            Some(Shortcut::Refused | Shortcut::Never) | None => None,
        }
    }

    /// The first GET of a bucket was built.
    pub(super) fn try_out(&self, bucket: &str, pattern: impl FnOnce() -> Option<Pattern>) {
        let is_first = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            !known.contains_key(bucket)
        };
        if is_first && let Some(pattern) = pattern() {
            let tried = Shortcut::Tried(Arc::new(pattern));
            self.write().entry(bucket.to_owned()).or_insert(tried);
        }
    }

    /// A GET through the SDK was answered with the object's bytes.
    pub(super) fn prove(&self, bucket: &str, pattern: impl FnOnce() -> Option<Pattern>) {
        let is_settled = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            matches!(
                known.get(bucket),
                Some(Shortcut::Proven(_) | Shortcut::Never)
            )
        };
        if !is_settled {
            let proven = pattern().map_or(Shortcut::Never, |it| Shortcut::Proven(Arc::new(it)));
            self.write().insert(bucket.to_owned(), proven);
        }
    }

    /// A GET in this pattern was refused in a way that the SDK may deal with.
    pub(super) fn refuse(&self, bucket: &str, refused: &Arc<Pattern>) {
        if let Some(known) = self.write().get_mut(bucket) {
            match known {
                Shortcut::Tried(pattern) if Arc::ptr_eq(pattern, refused) => {
                    *known = Shortcut::Refused;
                }
                Shortcut::Proven(pattern) if Arc::ptr_eq(pattern, refused) => {
                    *known = Shortcut::Never;
                }
                _ => {}
            }
        }
    }

    /// The bucket's requests lead to another address.
    pub(super) fn give_up(&self, bucket: &str) {
        self.write().insert(bucket.to_owned(), Shortcut::Never);
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Shortcut>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(region: &str) -> Option<Pattern> {
        Pattern::of("http://h/b/k", "b", "k", region)
    }

    #[test]
    fn a_pattern_is_tried_at_once_and_kept_when_it_is_proven() {
        let shortcuts = Shortcuts::default();
        assert!(shortcuts.of("b").is_none());
        shortcuts.try_out("b", || pattern("one"));
        let tried = shortcuts.of("b").unwrap();
        shortcuts.try_out("b", || pattern("two"));
        assert_eq!(*shortcuts.of("b").unwrap(), *tried);
        shortcuts.prove("b", || pattern("one"));
        // A late refusal of the one that was tried says nothing about its successor.
        shortcuts.refuse("b", &tried);
        let proven = shortcuts.of("b").unwrap();
        shortcuts.refuse("b", &proven);
        assert!(shortcuts.of("b").is_none());
        shortcuts.prove("b", || pattern("one"));
        assert!(shortcuts.of("b").is_none(), "it was refused once proven");
    }

    #[test]
    fn after_a_refusal_the_sdk_gives_another_pattern() {
        let shortcuts = Shortcuts::default();
        shortcuts.try_out("b", || pattern("one"));
        shortcuts.refuse("b", &shortcuts.of("b").unwrap());
        assert!(shortcuts.of("b").is_none());
        shortcuts.try_out("b", || pattern("one"));
        assert!(shortcuts.of("b").is_none());
        shortcuts.prove("b", || pattern("two"));
        assert_eq!(*shortcuts.of("b").unwrap(), pattern("two").unwrap());
    }

    #[test]
    fn a_bucket_that_is_elsewhere_has_none() {
        let shortcuts = Shortcuts::default();
        shortcuts.try_out("b", || pattern("one"));
        shortcuts.give_up("b");
        shortcuts.prove("b", || pattern("one"));
        assert!(shortcuts.of("b").is_none());
        shortcuts.prove("none", || None);
        assert!(shortcuts.of("none").is_none());
    }
}
