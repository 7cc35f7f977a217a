//! The URL of a key on a web server, and of the place a redirect names. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{Error, Kind, Result};

/// All but the unreserved characters and the slash (RFC 3986, 2.3 and 3.3).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A server's base URL in its parts. Name, password and query may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// Scheme, host and port, without a slash at the end.
    pub place: String,
    path: String,
    query: Option<String>,
    /// Value of the Authorization header, where the URL has a name and a password.
    pub authorization: Option<String>,
}

impl BaseUrl {
    /// # Errors
    /// `InvalidRequest` for what is no URL of a web server.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let invalid = || Error::new(Kind::InvalidRequest, "The base URL cannot be read");
        let (scheme, rest) = url.split_once("://").ok_or_else(invalid)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if !matches!(scheme, "http" | "https") || host.is_empty() {
            return Err(invalid());
        }
        Ok(Self {
            place: format!("{scheme}://{host}"),
            path: path.trim_end_matches('/').to_owned(),
            query,
            authorization: user.map(basic),
        })
    }

    /// The URL of a key below the base.
    pub(super) fn join(&self, key: &str) -> String {
        let Self { place, path, .. } = self;
        let key = utf8_percent_encode(key, IN_PATH);
        match &self.query {
            Some(query) => format!("{place}{path}/{key}?{query}"),
            None => format!("{place}{path}/{key}"),
        }
    }
}

/// RFC 7617, 2.
fn basic(user: &str) -> String {
    let plain: Vec<u8> = percent_decode_str(user).collect();
    format!("Basic {}", aws_smithy_types::base64::encode(plain))
}

/// Scheme, host and port of an absolute URL.
pub(super) fn place_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']);
    &url[..end.map_or(url.len(), |end| start + end)]
}

/// Where a Location header leads from a URL (RFC 9110, 10.2.2).
pub(super) fn follow(from: &str, location: &str) -> String {
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.to_owned();
    }
    let place = place_of(from);
    if let Some(other) = location.strip_prefix("//") {
        let scheme = place.split("://").next().unwrap_or("https");
        return format!("{scheme}://{other}");
    }
    if location.starts_with('/') {
        return format!("{place}{location}");
    }
    let path = from.split('?').next().unwrap_or(from);
    match path[place.len()..].rfind('/') {
        Some(at) => format!("{}/{location}", &path[..place.len() + at]),
        None => format!("{place}/{location}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lands_below_the_base_with_its_query() {
        let base = BaseUrl::parse("https://user:p%40ss@host:8443/models/?token=a%2Bb");
        let base = base.unwrap();
        assert_eq!(
            base.join("a b/c+d%é"),
            "https://host:8443/models/a%20b/c%2Bd%25%C3%A9?token=a%2Bb"
        );
        assert_eq!(base.authorization.as_deref(), Some("Basic dXNlcjpwQHNz"));
        assert!(BaseUrl::parse("ftp://host/").is_err());
        assert!(BaseUrl::parse("https:///path").is_err());
    }

    #[test]
    fn a_redirect_is_absolute_or_relative() {
        let from = "http://one:80/dir/file?q";
        assert_eq!(follow(from, "https://two/x#part"), "https://two/x");
        assert_eq!(follow(from, "//two/x"), "http://two/x");
        assert_eq!(follow(from, "/x?y"), "http://one:80/x?y");
        assert_eq!(follow(from, "x"), "http://one:80/dir/x");
        assert_eq!(follow("http://one", "x"), "http://one/x");
    }
}
