//! What the hub answers, and what names a file of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where something does not hold"
)]

use std::time::Duration;

use url::Url;

use super::super::refusal::Refusal;
use super::address::{endpoint_of, file_of};
use super::lifetime::lifetime;
use super::refusal::{refused, refused_behind};
use crate::source::fuzz_checks::{headers_of, lines, now};

/// Bucket, key, location, endpoint, address of a redirect and headers, a line each. A file's URL is
/// below its repository at the endpoint, and an address is used for an hour at most.
pub(crate) fn hub(data: &[u8]) {
    let lines = lines(data);
    let line = |at: usize| lines.get(at).map(String::as_str).unwrap_or_default();
    let headers = headers_of(lines.get(5..).unwrap_or_default());
    let Ok(endpoint) = endpoint_of(line(3)).or_else(|_| endpoint_of("https://hub")) else {
        panic!("an endpoint is one");
    };
    let location = Some(line(2)).filter(|it| !it.is_empty());
    if let Ok(file) = file_of(Some(line(0)), line(1), location) {
        let url = file.url(&endpoint);
        assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url), "sent as it is");
        assert_eq!(url.origin(), endpoint.origin());
        let folder = endpoint.path().trim_end_matches('/');
        let below = url.path().strip_prefix(folder).expect("below the endpoint");
        let parts: Vec<_> = below.split('/').skip(1).collect();
        assert!(
            parts.iter().all(|part| !matches!(*part, "" | "." | "..")),
            "{url}"
        );
        let repository = file.repository.split('/').count();
        assert_eq!(parts.get(repository), Some(&"resolve"), "{url}");
        let decoded = |part: &str| {
            let decoded = percent_encoding::percent_decode_str(part).decode_utf8();
            decoded.expect("UTF-8").into_owned()
        };
        let parts: Vec<String> = parts.into_iter().map(decoded).collect();
        assert_eq!(parts[..repository].join("/"), file.repository);
        assert_eq!(parts[repository + 1], file.revision);
        assert_eq!(parts[repository + 2..].join("/"), file.path);
        for status in [401, 403, 404, 429, 500] {
            let refusal = Refusal {
                status,
                ..Refusal::default()
            };
            let error = refused(refusal, &headers, &file, &endpoint);
            assert!(!error.what.is_empty());
            refused_behind(refusal, &file, &endpoint);
        }
    }
    if let Ok(address) = Url::parse(line(4)) {
        assert!(lifetime(&address, &headers, now()) <= Duration::from_secs(3600));
    }
}
