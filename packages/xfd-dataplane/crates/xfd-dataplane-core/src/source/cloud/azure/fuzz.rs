//! Lists and headers of Blob Storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use aws_smithy_runtime_api::http::Headers;

use super::super::checksums::of_azure;
use super::super::transport::time_of;
use super::page::{Page, reason_of};
use crate::source::fuzz_checks::{check_checksum, check_found, check_refusal};

/// A page has as many blobs as a second reader of XML finds in it, or is refused.
pub(crate) fn list(data: &[u8]) {
    let (_, message) = reason_of(data);
    assert!(message.is_none_or(|it| !it.contains('\n')));
    match Page::read(data) {
        Err(error) => check_refusal(&error, data),
        Ok(page) => {
            check_found(&page.objects);
            let text = std::str::from_utf8(data).expect("what is read is UTF-8");
            if let Ok(document) = roxmltree::Document::parse(text) {
                let named = |node: &roxmltree::Node<'_, '_>, name| node.tag_name().name() == name;
                let root = document.root_element();
                let lists = root.children().filter(|it| named(it, "Blobs"));
                let blobs = lists.flat_map(|it| it.children());
                let blobs = blobs.filter(|it| named(it, "Blob")).count();
                assert_eq!(page.objects.len(), blobs);
            }
        }
    }
}

/// Checksum and time of an answer are such.
pub(in crate::source) fn headers(headers: &Headers) {
    of_azure(headers).iter().for_each(check_checksum);
    time_of(headers);
}
