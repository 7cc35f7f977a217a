//! Lists and headers of S3.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use aws_smithy_runtime_api::http::Headers;

use super::checksum::find_checksum;
use super::errors::error_of_refusal;
use super::page::Page;
use super::pages::{Ask, Pages};
use crate::source::fuzz_checks::{check_checksum, check_found, check_refusal, text_of};
use crate::source::refusal::Refusal;

/// A page has the fields that a second reader of XML finds in it, and is taken as a whole or
/// refused. No part of one is taken for a page.
pub(crate) fn list(data: &[u8]) {
    drop(error_of_refusal(Refusal::default(), data));
    let Ok(page) = Page::read(data) else {
        return;
    };
    let text = std::str::from_utf8(data).expect("what is read is UTF-8");
    // A line's end in a text is a line feed for XML. A store that writes a carriage return into a key
    // means one.
    let is_plain = !text.contains('\r');
    if let Some(document) = roxmltree::Document::parse(text).ok().filter(|_| is_plain) {
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "ListBucketResult");
        let contents = root.children().filter(|it| it.has_tag_name_of("Contents"));
        let contents: Vec<_> = contents.collect();
        assert_eq!(contents.len(), page.objects.len());
        for (theirs, ours) in contents.iter().zip(&page.objects) {
            for name in ["Key", "Size", "ETag", "LastModified"] {
                let last = theirs.children().rfind(|it| it.has_tag_name_of(name));
                if let Some(theirs) = last.map(text_of) {
                    let theirs = theirs.as_deref();
                    assert!(theirs.is_none() || theirs == ours.get(name).map(String::as_str));
                }
            }
        }
        // Of a page that breaks off somewhere, nothing is taken.
        let whole = text.trim_end().len();
        let end = text[..whole].rfind("</").unwrap_or_default();
        for cut in [end, whole - 1]
            .into_iter()
            .filter(|at| text.is_char_boundary(*at))
        {
            let is_epilogue = text[cut..].contains("<!--") || text[cut..].contains("<?");
            assert!(is_epilogue || Page::read(&data[..cut]).is_err(), "{cut}");
        }
    }
    let mut pages = Pages::new("");
    match pages.take(&Ask::First, &page) {
        Err(error) => check_refusal(&error, data),
        Ok(next) => {
            let found = pages.finish();
            assert_eq!(found.len(), page.objects.len());
            check_found(&found);
            assert!(found.is_sorted_by(|one, two| one.key < two.key));
            if next.is_none() {
                let word = page.field("IsTruncated").unwrap_or_default().trim();
                assert!(
                    word.eq_ignore_ascii_case("false"),
                    "it ends where it says so"
                );
            }
        }
    }
}

trait Named {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl Named for roxmltree::Node<'_, '_> {
    /// In whatever namespace.
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// Checksums of an answer are such.
pub(in crate::source) fn headers(headers: &Headers) {
    find_checksum(headers).iter().for_each(check_checksum);
}
