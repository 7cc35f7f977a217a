//! The URL of a key on a web server. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::error::{Error, Kind, Result};

/// All but the unreserved characters and the slash (RFC 3986, 2.3 and 3.3).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A server's base URL. Name, password and query may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// Without name and password.
    pub url: Url,
    /// Value of the Authorization header, where the URL has a name and a password.
    pub authorization: Option<String>,
}

impl BaseUrl {
    /// # Errors
    /// `InvalidRequest` for what is no URL of a web server.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = |_| Error::new(Kind::InvalidRequest, "The base URL cannot be read");
        let mut url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || !url.has_host() || text.contains(":///") {
            return Err(invalid(String::new()));
        }
        let authorization = basic(&url);
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| invalid(String::new()))?;
        url.set_fragment(None);
        Ok(Self { url, authorization })
    }

    /// The URL of a key below the base.
    pub(super) fn join(&self, key: &str) -> Url {
        let mut url = self.url.clone();
        let folder = self.url.path().trim_end_matches('/');
        url.set_path(&format!("{folder}/{}", utf8_percent_encode(key, IN_PATH)));
        url
    }

    /// The header's value for a request to this URL: no other place gets it.
    pub(super) fn authorization_at(&self, url: &Url) -> Option<&str> {
        let is_own = url.origin() == self.url.origin();
        self.authorization.as_deref().filter(|_| is_own)
    }
}

/// RFC 7617, 2.
fn basic(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut plain: Vec<u8> = percent_decode_str(url.username()).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", aws_smithy_types::base64::encode(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lands_below_the_base_with_its_query() {
        for (base, key, url) in [
            (
                "https://user:p%40ss@host:8443/models/?token=a%2Bb",
                "a b/c+d%é",
                "https://host:8443/models/a%20b/c%2Bd%25%C3%A9?token=a%2Bb",
            ),
            ("HTTPS://Host", "k", "https://host/k"),
            ("https://host?token", "k", "https://host/k?token"),
            ("https://host/a%20b", "k", "https://host/a%20b/k"),
            ("http://host:80/#part", "k?#\\", "http://host/k%3F%23%5C"),
            ("http://[::1]:9000", "a//b", "http://[::1]:9000/a//b"),
        ] {
            assert_eq!(BaseUrl::parse(base).unwrap().join(key).as_str(), url);
        }
        for base in ["ftp://host/", "https:///path", "host/path", "", "https://"] {
            assert!(BaseUrl::parse(base).is_err(), "{base}");
        }
    }

    #[test]
    fn a_password_goes_to_its_own_place() {
        let base = BaseUrl::parse("HTTPS://user:p%40ss@host/").unwrap();
        assert!(!base.url.as_str().contains("p%40ss"));
        for (url, is_own) in [
            ("https://host/other", true),
            ("https://host:443/other", true),
            ("https://host:8443/", false),
            ("http://host/", false),
            ("https://host.example/", false),
        ] {
            let url = Url::parse(url).unwrap();
            let given = base.authorization_at(&url);
            assert_eq!(given, is_own.then_some("Basic dXNlcjpwQHNz"), "{url}");
        }
    }
}
