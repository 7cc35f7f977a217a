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
    /// The name that the URL has, if it has one.
    pub user: Option<Vec<u8>>,
    /// The password that the URL has, if it has one.
    pub password: Option<Vec<u8>>,
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
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let user = Some(url.username()).filter(|name| !name.is_empty());
        let (user, password) = (user.map(decoded), url.password().map(decoded));
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| invalid(String::new()))?;
        url.set_fragment(None);
        Ok(Self {
            url,
            user,
            password,
        })
    }

    /// The URL of a key below the base.
    pub(super) fn join(&self, key: &str) -> Url {
        let mut url = self.url.clone();
        let folder = self.url.path().trim_end_matches('/');
        url.set_path(&format!("{folder}/{}", utf8_percent_encode(key, IN_PATH)));
        url
    }
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
    fn a_name_and_a_password_are_taken_out_of_the_url() {
        for (url, user, password) in [
            ("HTTPS://user:p%40ss@host/", Some("user"), Some("p@ss")),
            ("https://user@host/", Some("user"), None),
            ("https://:pass@host/", None, Some("pass")),
            ("https://host/", None, None),
        ] {
            let base = BaseUrl::parse(url).unwrap();
            assert_eq!(base.url.as_str(), "https://host/");
            assert_eq!(base.user.as_deref(), user.map(str::as_bytes), "{url}");
            assert_eq!(base.password.as_deref(), password.map(str::as_bytes));
        }
    }
}
