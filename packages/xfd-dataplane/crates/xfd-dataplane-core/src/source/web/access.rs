//! The headers that a user adds to each request. Pure.

use http::{HeaderName, HeaderValue};

use crate::error::{Error, Kind, Result};
use crate::model::Secret;

/// Headers that say how a request is sent, what it asks for, or where it goes. They are xfd's own:
/// another value would break the transfer, or lead it elsewhere.
const OWN: [&str; 22] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Names in lower case with their values. The values are secrets, so it has no `Debug`.
#[derive(Default)]
pub(in crate::source) struct Headers(Vec<(String, Secret)>);

impl Headers {
    /// Checks what a user wrote.
    ///
    /// # Errors
    /// `InvalidRequest`, with the header's name and never its value.
    pub(in crate::source) fn of(given: &[(String, Secret)]) -> Result<Self> {
        let mut headers = Self::default();
        for (name, value) in given {
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                let what = format!("The header name {name:?} holds characters that none may have");
                return Err(refused(what, "Write it as letters, digits and hyphens"));
            };
            let name = parsed.as_str().to_owned();
            if OWN.contains(&name.as_str()) {
                let what = format!("The header {name} is given, which xfd sets itself");
                return Err(refused(what, "Drop it from the store's headers"));
            }
            if headers.has(&name) {
                let what = format!("The header {name} is given twice");
                return Err(refused(what, "Give each header once, in any case"));
            }
            let value = value.0.trim_matches([' ', '\t']);
            if !can_be_sent(value) {
                let what = format!("The value of the header {name} cannot be sent");
                let remedy = "Use printable ASCII characters without a line break";
                return Err(refused(what, remedy));
            }
            headers.0.push((name, Secret(value.to_owned())));
        }
        Ok(headers)
    }

    /// Whether one of them has this name, in lower case.
    pub(in crate::source) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.0.as_str()))
    }
}

/// Whether a value may stand in a header (RFC 9110, 5.5), without the obsolete characters.
pub(super) fn can_be_sent(value: &str) -> bool {
    value.is_ascii() && HeaderValue::from_str(value).is_ok()
}

fn refused(what: String, remedy: &str) -> Error {
    Error::new(Kind::InvalidRequest, what).with_remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> Result<Headers> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret((*value).to_owned()));
        Headers::of(&given.iter().map(pair).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_kept_in_lower_case_and_values_without_their_blanks() {
        let headers = of(&[("X-Api-Key", " a key\t"), ("Cookie", "")]).unwrap();
        let pairs: Vec<_> = headers.pairs().collect();
        assert_eq!(pairs, [("x-api-key", "a key"), ("cookie", "")]);
        assert!(headers.has("cookie") && !headers.has("authorization"));
    }

    #[test]
    fn what_cannot_or_must_not_be_sent_is_refused_by_name_and_without_its_value() {
        for (given, words) in [
            (&[("", "hidden")][..], "header name"),
            (&[("a b", "hidden")], "a b"),
            (&[("a:", "hidden")], "a:"),
            (&[("x\r\nhost", "hidden")], "header name"),
            (&[("é", "hidden")], "header name"),
            (&[("Host", "hidden")], "host"),
            (&[("RANGE", "hidden")], "range"),
            (&[("content-length", "hidden")], "content-length"),
            (&[("Transfer-Encoding", "hidden")], "transfer-encoding"),
            (&[("If-Match", "hidden")], "if-match"),
            (&[("Proxy-Authorization", "hidden")], "proxy-authorization"),
            (&[("x-a", "hidden"), ("X-A", "hidden")], "twice"),
            (&[("x-a", "hidden\r\nx-b: c")], "x-a"),
            (&[("x-a", "hidden\n")], "x-a"),
            (&[("x-a", "hidden\0")], "x-a"),
            (&[("x-a", "hidden é")], "x-a"),
        ] {
            let Err(error) = of(given) else {
                panic!("{given:?} is taken");
            };
            assert_eq!(error.kind, Kind::InvalidRequest, "{given:?}");
            assert!(error.what.contains(words), "{given:?}: {error}");
            assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
        }
    }
}
