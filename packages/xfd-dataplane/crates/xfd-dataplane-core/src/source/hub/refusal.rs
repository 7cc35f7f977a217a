//! Which error a refusal of the hub is: it says why in headers of its own. Pure.

use aws_smithy_runtime_api::http::Headers;
use url::Url;

use super::super::refusal::Refusal;
use super::address::File;
use crate::error::{Error, Kind};

/// The error of an answer of the hub itself; the codes are those of
/// `huggingface_hub.utils.hf_raise_for_status`.
pub(super) fn refused(
    refusal: Refusal<'_>,
    headers: &Headers,
    file: &File,
    endpoint: &Url,
) -> Error {
    let repository = file.repository.as_str();
    let page = page_of(repository, endpoint);
    let words = headers.get("x-error-message").unwrap_or_default();
    let (kind, what, remedy) = match (headers.get("x-error-code"), refusal.status) {
        (Some("GatedRepo"), _) => (
            Kind::AccessDenied,
            format!("The repository {repository} is gated"),
            format!("Accept its licence at {page}, then set HF_TOKEN to a token of that account"),
        ),
        (Some("RepoNotFound"), _) => (
            Kind::ObjectNotFound,
            format!("The hub has no repository {repository}, or it is private"),
            "Check its name and type; if it is private, set HF_TOKEN on every node".to_owned(),
        ),
        (Some("RevisionNotFound"), _) => (
            Kind::ObjectNotFound,
            format!(
                "The repository {repository} has no revision {}",
                file.revision
            ),
            format!("See {page} for its branches and tags"),
        ),
        (Some("EntryNotFound"), _) | (None, 404) => (
            Kind::ObjectNotFound,
            format!(
                "The repository {repository} has no file {} at {}",
                file.path, file.revision
            ),
            format!("See {page}: the hub may list a file that it does not have"),
        ),
        _ if words.contains("Access to this resource is disabled") => (
            Kind::AccessDenied,
            format!("The hub has disabled the repository {repository}"),
            format!("See {page}"),
        ),
        (_, 401) => (
            Kind::AccessDenied,
            "The hub refuses the token, or asks for one".to_owned(),
            "Set HF_TOKEN to a valid token on every node, or log in with `hf auth login`"
                .to_owned(),
        ),
        (_, 403) => (
            Kind::AccessDenied,
            format!("The token may not read the repository {repository}"),
            format!("Give the token the right to read {page}, and set HF_TOKEN to it"),
        ),
        _ => {
            let message = Some(words).filter(|words| !words.is_empty());
            return Refusal { message, ..refusal }.to_error();
        }
    };
    Error::new(kind, what).with_remedy(remedy)
}

/// The error of an answer of the server that the hub redirects to. It knows no bucket and no key of
/// a user.
pub(super) fn refused_behind(refusal: Refusal<'_>, file: &File, endpoint: &Url) -> Error {
    let (path, repository) = (&file.path, file.repository.as_str());
    let page = page_of(repository, endpoint);
    let (kind, what, remedy) = match refusal.status {
        404 | 410 => (
            Kind::ObjectNotFound,
            format!("The hub lists {path} of {repository}, and its storage does not have it"),
            format!("Take another revision, or tell the owner of {page}"),
        ),
        401 | 403 => (
            Kind::AccessDenied,
            format!("The hub's storage refuses the address that the hub gave for {path}"),
            format!("Try again later, check the node's clock, or see {page}"),
        ),
        _ => return refusal.to_error(),
    };
    Error::new(kind, what).with_remedy(remedy)
}

fn page_of(repository: &str, endpoint: &Url) -> String {
    format!("{}/{repository}", endpoint.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::super::address::{endpoint_of, file_of};
    use super::*;

    #[test]
    fn the_hub_says_why_and_the_error_what_to_do() {
        let file = file_of(Some("models/org/name@v1"), "a.bin", None).unwrap();
        let endpoint = endpoint_of("https://hub/").unwrap();
        for (status, code, message, kind, what, remedy) in [
            (
                403,
                "GatedRepo",
                "",
                Kind::AccessDenied,
                "gated",
                "https://hub/org/name,",
            ),
            (
                401,
                "GatedRepo",
                "",
                Kind::AccessDenied,
                "org/name",
                "HF_TOKEN",
            ),
            (
                401,
                "RepoNotFound",
                "",
                Kind::ObjectNotFound,
                "org/name",
                "HF_TOKEN",
            ),
            (
                404,
                "RevisionNotFound",
                "",
                Kind::ObjectNotFound,
                "v1",
                "branches",
            ),
            (
                404,
                "EntryNotFound",
                "",
                Kind::ObjectNotFound,
                "a.bin",
                "https://hub/org/name",
            ),
            (404, "", "", Kind::ObjectNotFound, "a.bin", ""),
            (
                403,
                "",
                "Access to this resource is disabled.",
                Kind::AccessDenied,
                "disabled",
                "",
            ),
            (
                401,
                "",
                "Invalid credentials in Authorization header",
                Kind::AccessDenied,
                "token",
                "hf auth login",
            ),
            (403, "", "", Kind::AccessDenied, "org/name", "right to read"),
            (
                500,
                "",
                "Try later",
                Kind::OriginUnreachable,
                "Try later",
                "",
            ),
            (429, "", "", Kind::OriginThrottled, "429", ""),
        ] {
            let mut headers = Headers::new();
            for (name, value) in [("x-error-code", code), ("x-error-message", message)] {
                if !value.is_empty() {
                    headers.insert(name, value);
                }
            }
            let refusal = Refusal {
                status,
                ..Refusal::default()
            };
            let error = refused(refusal, &headers, &file, &endpoint);
            assert_eq!(error.kind, kind, "{status} {code}: {error}");
            assert!(error.what.contains(what), "{status} {code}: {error}");
            let given = error.remedy.unwrap_or_default();
            assert!(given.contains(remedy), "{status} {code}: {given}");
        }
    }

    #[test]
    fn the_storage_behind_the_hub_has_its_own_words() {
        let file = file_of(Some("models/org/name@v1"), "a.bin", None).unwrap();
        let endpoint = endpoint_of("https://hub/").unwrap();
        let error = |status| {
            let refusal = Refusal {
                status,
                ..Refusal::default()
            };
            refused_behind(refusal, &file, &endpoint)
        };
        assert_eq!(error(404).kind, Kind::ObjectNotFound);
        assert!(error(404).what.contains("a.bin of org/name"));
        for status in [401, 403] {
            assert_eq!(error(status).kind, Kind::AccessDenied);
            assert!(error(status).what.contains("storage refuses the address"));
            let remedy = error(status).remedy.unwrap_or_default();
            assert!(remedy.contains("https://hub/org/name"), "{remedy}");
        }
        assert_eq!(error(503).remedy, None);
    }
}
