//! Lists and headers of Google Cloud Storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use aws_smithy_runtime_api::http::Headers;

use super::super::checksums::of_google;
use super::items::{Page, item_of, reason_of};
use crate::source::fuzz_checks::{check_checksum, check_found, check_refusal};

/// A page has the names that a second look at its JSON finds, or is refused.
pub(crate) fn list(data: &[u8]) {
    reason_of(data);
    if let Ok(object) = item_of(data) {
        check_found(&[object]);
    }
    match Page::read(data) {
        Err(error) => check_refusal(&error, data),
        Ok(page) => {
            check_found(&page.objects);
            // What nobody reads may be no UTF-8.
            let Ok(document) = serde_json::from_slice::<serde_json::Value>(data) else {
                return;
            };
            let items = document["items"].as_array().cloned().unwrap_or_default();
            assert_eq!(items.len(), page.objects.len());
            for (item, object) in items.iter().zip(&page.objects) {
                assert_eq!(item["name"].as_str(), Some(object.key.as_str()));
                let size = item["size"].as_str().and_then(|size| size.parse().ok());
                assert_eq!(size, Some(object.size));
            }
        }
    }
}

/// Checksums of an answer are such.
pub(in crate::source) fn headers(headers: &Headers) {
    of_google(headers).iter().for_each(check_checksum);
}
