//! Repositories, revisions and files of the hub, and their URLs. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::error::{Error, Kind, Result};

/// The branch that is meant where none is named.
const DEFAULT_REVISION: &str = "main";

/// All but the unreserved characters (RFC 3986, 2.3).
const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const IN_PATH: &AsciiSet = &IN_SEGMENT.remove(b'/');

/// A file of a repository at a revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// As in the hub's URLs: `ORG/NAME`, or `datasets/ORG/NAME`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// In the repository.
    pub path: String,
    /// Of this file alone.
    pub name: String,
}

impl File {
    pub(super) fn url(&self, endpoint: &Url) -> Url {
        let mut url = endpoint.clone();
        let folder = endpoint.path().trim_end_matches('/');
        let repository = utf8_percent_encode(&self.repository, IN_PATH);
        let revision = utf8_percent_encode(&self.revision, IN_SEGMENT);
        let path = utf8_percent_encode(&self.path, IN_PATH);
        url.set_path(&format!("{folder}/{repository}/resolve/{revision}/{path}"));
        url
    }
}

/// The file of a bucket and a key, or of a location `COMMIT/path`.
///
/// # Errors
/// `InvalidRequest` for what names no file of a repository.
pub(super) fn file_of(bucket: Option<&str>, key: &str, location: Option<&str>) -> Result<File> {
    let bucket = bucket.unwrap_or_default();
    let refused = |what: String| Err(Error::new(Kind::InvalidRequest, what).with_object(key));
    let (repository, revision) = bucket.split_once('@').unwrap_or((bucket, DEFAULT_REVISION));
    let (kind, id) = repository.split_once('/').unwrap_or_default();
    let repository = match kind {
        "models" => id,
        "datasets" | "spaces" => repository,
        _ => "",
    };
    if !is_plain_path(id) || id.matches('/').count() > 1 || repository.is_empty() {
        return refused(format!("{bucket:?} names no repository of the hub"));
    }
    let place = match location {
        None => Some((revision, key)),
        Some(location) => location.split_once('/'),
    };
    match place {
        Some((revision, path)) if is_plain_path(path) && is_plain_path(revision) => Ok(File {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            path: path.to_owned(),
            name: format!("{repository}@{revision}/{path}"),
        }),
        _ => refused("The hub has no file of such a name".to_owned()),
    }
}

/// Whether no part of it means another place than it says.
fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The URL of a hub, without a slash at its end.
///
/// # Errors
/// `InvalidRequest` for what is no URL of a web server, or has a password.
pub(super) fn endpoint_of(text: &str) -> Result<Url> {
    let refused = |what: &str| {
        let remedy = "Write it as https://host or https://host/path, in endpoint or HF_ENDPOINT";
        Err(Error::new(Kind::InvalidRequest, what).with_remedy(remedy))
    };
    let Ok(mut url) = Url::parse(text.trim()) else {
        return refused("The endpoint of the hub is no URL");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || text.contains(":///") {
        return refused("The endpoint of the hub is no URL of a web server");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return refused("The endpoint of the hub holds a name, a password or a query");
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_url() {
        let commit = "c0ffee/a b/é.bin";
        for (endpoint, bucket, key, location, url) in [
            (
                "https://hub",
                "models/org/name",
                "a/b.bin",
                None,
                "https://hub/org/name/resolve/main/a/b.bin",
            ),
            (
                "https://hub/",
                "models/gpt2@refs/pr/1",
                "x?y#z",
                None,
                "https://hub/gpt2/resolve/refs%2Fpr%2F1/x%3Fy%23z",
            ),
            (
                "http://mirror:81/hf/",
                "datasets/org/name@v1",
                "a b/é.bin",
                Some(commit),
                "http://mirror:81/hf/datasets/org/name/resolve/c0ffee/a%20b/%C3%A9.bin",
            ),
            (
                "https://hub",
                "spaces/org/name",
                "100%",
                None,
                "https://hub/spaces/org/name/resolve/main/100%25",
            ),
        ] {
            let file = file_of(Some(bucket), key, location).unwrap();
            let found = file.url(&endpoint_of(endpoint).unwrap());
            assert_eq!(found.as_str(), url);
        }
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for (bucket, key, location) in [
            (None, "a", None),
            (Some(""), "a", None),
            (Some("org/name"), "a", None),
            (Some("models/"), "a", None),
            (Some("models/a/b/c"), "a", None),
            (Some("models/../x"), "a", None),
            (Some("buckets/org/name"), "a", None),
            (Some("models/org/name@"), "a", None),
            (Some("models/org/name@a/../b"), "a", None),
            (Some("models/org/name"), "", None),
            (Some("models/org/name"), "a/../../b", None),
            (Some("models/org/name"), "a//b", None),
            (Some("models/org/name"), "a", Some("commit")),
            (Some("models/org/name"), "a", Some("commit/../../api")),
            (Some("models/org/name"), "a", Some("../a")),
        ] {
            let error = file_of(bucket, key, location).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidRequest, "{bucket:?} {key:?}");
        }
        for endpoint in ["", "hub", "ftp://hub", "https:///hub", "https://a:b@hub"] {
            let error = endpoint_of(endpoint).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidRequest, "{endpoint}");
        }
    }
}
