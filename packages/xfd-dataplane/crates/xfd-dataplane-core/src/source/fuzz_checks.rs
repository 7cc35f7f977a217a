//! What the targets of all origins check.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::http::Headers;

use super::pin::canonical;
use crate::error::{Error, Kind};
use crate::model::{Checksum, FoundObject};

/// Lines of text; what is no UTF-8 is replaced.
pub(super) fn lines(data: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(data);
    text.split('\n').map(str::to_owned).collect()
}

/// The headers of lines `name: value`, as an HTTP client would have read them.
pub(super) fn headers_of(lines: &[String]) -> Headers {
    let mut headers = Headers::new();
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            headers
                .try_append(name.to_owned(), value.trim().to_owned())
                .ok();
        }
    }
    headers
}

/// Nothing but what the origin answered is wrong, and the error has bounds.
pub(super) fn check_refusal(error: &Error, data: &[u8]) {
    assert_eq!(error.kind, Kind::OriginAnswer, "{error}");
    assert!(error.what.len() <= 10 * data.len() + 400, "a long error");
}

/// Objects that are taken from a list name themselves and their version.
pub(super) fn check_found(found: &[FoundObject]) {
    for object in found {
        assert!(!object.key.is_empty());
        if let Some(etag) = &object.etag {
            assert_eq!(canonical(etag).as_ref(), Some(etag), "one form");
        }
        object.checksum.iter().for_each(check_checksum);
    }
}

/// Hexadecimal, as long as its algorithm has it.
pub(super) fn check_checksum(checksum: &Checksum) {
    let length = match checksum.algorithm.name() {
        "crc32" | "crc32c" => 8,
        "crc64nvme" => 16,
        "md5" => 32,
        "git-sha1" => 40,
        _ => 64,
    };
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    assert!(checksum.value.len() == length && checksum.value.bytes().all(is_hex));
}

/// The text of an element as a second reader of XML has it; None where it has other elements in it.
pub(super) fn text_of(node: roxmltree::Node<'_, '_>) -> Option<String> {
    let is_leaf = !node.children().any(|child| child.is_element());
    let texts = node.children().filter(roxmltree::Node::is_text);
    is_leaf.then(|| texts.filter_map(|it| it.text()).collect())
}

/// A moment that never changes, for what asks for the time.
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}
