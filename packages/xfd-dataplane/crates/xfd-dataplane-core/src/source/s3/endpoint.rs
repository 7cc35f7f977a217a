//! Where a store is: the order in which boto3 looks for its endpoint, and what an endpoint may be.
//!
//! The argument; `AWS_ENDPOINT_URL_S3`; `AWS_ENDPOINT_URL`; `endpoint_url` under `s3` in the
//! `[services]` section that the profile names; `endpoint_url` of the profile. All but the first
//! are passed over where `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` says so, or the profile does. Keys
//! must not go to AWS because an endpoint was overlooked, so what cannot be understood is an error.

use std::path::PathBuf;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::model::AddressingStyle;

const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// What the profile's files say.
pub(super) struct Profile(std::result::Result<ProfileSet, String>);

impl Profile {
    /// Reads the files that `AWS_CONFIG_FILE` and the like name.
    pub(super) async fn load() -> Self {
        let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
        let set = aws_config::profile::load(&fs, &env, &files, None).await;
        Self(set.map_err(|error| super::super::text::text_of(&error)))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let set = self.0.as_ref().ok()?;
        set.get(name).filter(|value| !value.is_empty())
    }

    /// The profile's choice of the bucket's place, under `s3`.
    pub(super) fn addressing_style(&self) -> AddressingStyle {
        let lines = self.get("s3").unwrap_or_default().lines();
        let mut pairs = lines.filter_map(|line| line.split_once('='));
        let style = pairs.find(|(name, _)| name.trim() == "addressing_style");
        match style.map(|(_, style)| style.trim()) {
            Some("path") => AddressingStyle::Path,
            Some("virtual") => AddressingStyle::Virtual,
            _ => AddressingStyle::Auto,
        }
    }

    fn endpoint(&self) -> Result<Option<String>> {
        let set = match &self.0 {
            Ok(set) => set,
            Err(error) => {
                let what = format!("The AWS configuration cannot be read: {error}");
                return Err(Error::new(Kind::InvalidRequest, what)
                    .with_remedy("Correct the file, or name the endpoint yourself"));
            }
        };
        if let Some(section) = self.get("services") {
            let key = PropertiesKey::builder()
                .section_key("services")
                .section_name(section)
                .property_name("s3")
                .sub_property_name("endpoint_url")
                .build();
            let value = key.ok().and_then(|key| set.other_sections().get(&key));
            if let Some(value) = value {
                return Ok(Some(value.to_owned()));
            }
            if !has_services(section) {
                let what = format!("The AWS profile names services {section:?}, which are nowhere");
                return Err(Error::new(Kind::InvalidRequest, what)
                    .with_remedy("Correct the AWS configuration, or name the endpoint yourself"));
            }
        }
        Ok(self.get("endpoint_url").map(str::to_owned))
    }
}

/// Whether the configuration has a section `[services NAME]`, which the library distinguishes from one that
/// has something alone.
fn has_services(name: &str) -> bool {
    let path = set_variable("AWS_CONFIG_FILE").map(PathBuf::from);
    let path = path.or_else(|| Some(std::env::home_dir()?.join(".aws/config")));
    let text = path.and_then(|path| std::fs::read_to_string(path).ok());
    // What cannot be read here was read by the library, and is its to judge.
    text.is_none_or(|text| {
        text.lines().any(|line| {
            let section = line.trim().strip_prefix('[');
            let section = section.and_then(|rest| rest.split_once(']'));
            section.is_some_and(|(words, _)| words.split_whitespace().eq(["services", name]))
        })
    })
}

/// The endpoint to be used, checked; None for AWS.
///
/// # Errors
/// `InvalidRequest` for an endpoint that is no URL of a server.
pub(super) fn find(given: Option<&str>, profile: &Profile) -> Result<Option<String>> {
    if let Some(given) = given {
        return check(given, "the argument").map(Some);
    }
    let is_ignored = set_variable(IGNORE)
        .or_else(|| {
            let said = profile.get("ignore_configured_endpoint_urls");
            said.map(str::to_owned)
        })
        .is_some_and(|said| said.trim().eq_ignore_ascii_case("true"));
    if is_ignored {
        return Ok(None);
    }
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
        if let Some(value) = set_variable(name) {
            return check(&value, name).map(Some);
        }
    }
    let value = profile.endpoint()?;
    value
        .map(|value| check(&value, "endpoint_url of the AWS profile"))
        .transpose()
}

/// Holds an endpoint to what one is: `http://` or `https://`, a host, perhaps a port and a path.
fn check(endpoint: &str, of: &str) -> Result<String> {
    let refused = |why: &str| {
        // A password that stands in it is not to be shown.
        let what = format!("The endpoint {why} ({of})");
        Err(Error::new(Kind::InvalidRequest, what)
            .with_remedy("Write it as https://host, http://host:9000 or https://host/path"))
    };
    let endpoint = endpoint.trim();
    let has_scheme = ["http://", "https://"].iter().any(|scheme| {
        let start = endpoint.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !has_scheme {
        return refused("begins with neither http:// nor https://");
    }
    let Ok(url) = Url::parse(endpoint) else {
        return refused("cannot be read as a URL");
    };
    if url.host().is_none() {
        return refused("names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("holds a name or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("has a query");
    }
    // The SDK appends the bucket's name to the path.
    let kept = url.as_str().trim_end_matches('/');
    let slash = if url.path().trim_matches('/').is_empty() {
        ""
    } else {
        "/"
    };
    Ok(format!("{kept}{slash}"))
}

/// An environment variable that is set and not empty.
pub(super) fn set_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_url_of_a_server() {
        for (given, kept) in [
            ("http://store:9000", Some("http://store:9000")),
            ("http://store:9000/", Some("http://store:9000")),
            ("HTTPS://Store/base//", Some("https://store/base/")),
            (" http://[::1]:9000/base ", Some("http://[::1]:9000/base/")),
            ("store:9000", None),
            ("store.example", None),
            ("127.0.0.1:9000", None),
            ("//store:9000", None),
            ("s3://store", None),
            ("http://", None),
            ("http:///base", Some("http://base")),
            ("http://store:99999", None),
            ("https://user:hidden@store", None),
            ("https://store/?x=hidden", None),
            ("", None),
        ] {
            match check(given, "a test") {
                Ok(endpoint) => assert_eq!(Some(endpoint.as_str()), kept, "{given}"),
                Err(error) => {
                    assert_eq!(kept, None, "{given}: {error}");
                    assert_eq!(error.kind, Kind::InvalidRequest);
                    assert!(!error.what.contains("hidden"));
                }
            }
        }
    }
}
