//! What the variables `HF_*` of this node say, as `huggingface_hub` reads them.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::web::bearer;
use crate::error::{Error, Kind, Result};
use crate::model::Secret;

const ENDPOINT: &str = "https://huggingface.co";

type Variable = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The variables that concern the hub, and the home directory. It has no `Debug`.
#[derive(Clone)]
pub(super) struct Environment {
    variable: Arc<Variable>,
    home: Option<PathBuf>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self {
            variable: Arc::new(|name| std::env::var(name).ok()),
            home: std::env::home_dir(),
        }
    }

    /// # Errors
    /// `InvalidRequest` on a node that is set to be offline.
    pub(super) fn check_online(&self) -> Result<()> {
        let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
        // As `huggingface_hub` does: the first that is not empty decides.
        let first = offline.into_iter().find(|name| self.given(name).is_some());
        match first.filter(|name| self.is_true(name)) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                Kind::InvalidRequest,
                format!("The node may not ask the hub: {name} is set"),
            )
            .with_remedy(format!("Unset {name} on the node that downloads"))),
        }
    }

    pub(super) fn endpoint(&self) -> String {
        self.given("HF_ENDPOINT")
            .unwrap_or_else(|| ENDPOINT.to_owned())
    }

    /// The value of the Authorization header; None for a user who is not logged in.
    ///
    /// # Errors
    /// `Credentials` for a file that cannot be read, and a token that cannot be sent.
    pub(super) fn token(&self) -> Result<Option<Secret>> {
        if self.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(None);
        }
        for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let Some(value) = self.given(name) {
                return match cleaned(&value) {
                    Some(token) => bearer(&token, name).map(Some),
                    None => self.token_of_file(),
                };
            }
        }
        self.token_of_file()
    }

    fn token_of_file(&self) -> Result<Option<Secret>> {
        let Some(path) = self.token_path() else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let what = format!("The file of the hub's token is not read: {error}");
                return Err(Error::new(Kind::Credentials, what)
                    .with_path(path)
                    .with_remedy("Log in again with `hf auth login`, or set HF_TOKEN"));
            }
        };
        let token = cleaned(&text).map(|token| bearer(&token, "The file of the hub's token"));
        let token = token.transpose();
        token.map_err(|error| error.with_path(path))
    }

    fn token_path(&self) -> Option<PathBuf> {
        if let Some(path) = self.given("HF_TOKEN_PATH") {
            return Some(self.expanded(&path));
        }
        let home = match (self.given("HF_HOME"), self.given("XDG_CACHE_HOME")) {
            (Some(home), _) => self.expanded(&home),
            (None, Some(cache)) => self.expanded(&cache).join("huggingface"),
            (None, None) => self.home.as_ref()?.join(".cache/huggingface"),
        };
        Some(home.join("token"))
    }

    /// With `~` and variables replaced; one that is not set stays as it is written.
    fn expanded(&self, path: &str) -> PathBuf {
        let mut left = path;
        let mut text = String::new();
        while let Some((before, after)) = left.split_once('$') {
            text.push_str(before);
            let (name, rest) = match after.strip_prefix('{').and_then(|it| it.split_once('}')) {
                Some(named) => named,
                None => {
                    let end =
                        after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
            match (self.variable)(name).filter(|_| !name.is_empty()) {
                Some(value) => text.push_str(&value),
                None => text.push_str(&left[before.len()..left.len() - rest.len()]),
            }
            left = rest;
        }
        text.push_str(left);
        match (text.strip_prefix('~'), &self.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(below), Some(home)) if below.starts_with('/') => home.join(&below[1..]),
            _ => PathBuf::from(text),
        }
    }

    fn given(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        let value = self.given(name).unwrap_or_default().to_uppercase();
        matches!(value.as_str(), "1" | "ON" | "YES" | "TRUE")
    }
}

/// A token without line breaks and blanks around it; None for nothing.
fn cleaned(text: &str) -> Option<String> {
    let text = text.replace(['\r', '\n'], "");
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)], home: &str) -> Environment {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(own).collect();
        Environment {
            variable: Arc::new(move |name| {
                let mut found = variables.iter().filter(|(known, _)| known == name);
                found.next().map(|(_, value)| value.clone())
            }),
            home: Some(home.into()),
        }
    }

    #[test]
    fn the_token_file_is_where_huggingface_hub_puts_it() {
        for (variables, path) in [
            (&[][..], "/me/.cache/huggingface/token"),
            (&[("HF_HOME", "")], "/me/.cache/huggingface/token"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/token"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/token"),
            (&[("HF_HOME", "~/h")], "/me/h/token"),
            (&[("HF_HOME", "~")], "/me/token"),
            (&[("HF_HOME", "~other/h")], "~other/h/token"),
            (
                &[("HF_HOME", "$A/${B}_$C"), ("A", "/a"), ("B", "b")],
                "/a/b_$C/token",
            ),
            (&[("HF_HOME", "/a$/b${A"), ("A", "x")], "/a$/b${A/token"),
            (&[("HF_TOKEN_PATH", "/t"), ("HF_HOME", "/h")], "/t"),
        ] {
            let found = environment(variables, "/me").token_path();
            assert_eq!(found, Some(path.into()), "{variables:?}");
        }
    }

    #[test]
    fn the_token_is_that_of_the_variable_or_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("token"), " hf_file \r\n").unwrap();
        let file = ("HF_HOME", home);
        for (variables, token) in [
            (&[][..], None),
            (&[file], Some("Bearer hf_file")),
            (&[file, ("HF_TOKEN", "hf_it\n")], Some("Bearer hf_it")),
            (&[file, ("HF_TOKEN", "")], Some("Bearer hf_file")),
            (&[file, ("HF_TOKEN", " ")], Some("Bearer hf_file")),
            (
                &[file, ("HUGGING_FACE_HUB_TOKEN", "hf_old")],
                Some("Bearer hf_old"),
            ),
            (&[file, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes")], None),
            (
                &[file, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")],
                Some("Bearer hf_file"),
            ),
        ] {
            let found = environment(variables, "/nowhere").token().unwrap();
            assert_eq!(
                found,
                token.map(|it| Secret(it.to_owned())),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn a_token_that_cannot_be_read_or_sent_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let error = environment(&[("HF_TOKEN_PATH", home)], home)
            .token()
            .unwrap_err();
        assert_eq!(error.kind, Kind::Credentials);
        assert_eq!(error.path.as_deref(), Some(folder.path()));
        let error = environment(&[("HF_TOKEN", "hidden é")], home)
            .token()
            .unwrap_err();
        assert!(error.what.starts_with("HF_TOKEN"), "{error}");
        assert!(!format!("{error:?}").contains("hidden"));
    }

    #[test]
    fn a_node_may_be_offline_and_have_a_mirror() {
        for (variables, is_online) in [
            (&[][..], true),
            (&[("HF_HUB_OFFLINE", "1")], false),
            (&[("HF_HUB_OFFLINE", "true")], false),
            (
                &[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")],
                true,
            ),
            (&[("TRANSFORMERS_OFFLINE", "on")], false),
        ] {
            let checked = environment(variables, "/me").check_online();
            assert_eq!(checked.is_ok(), is_online, "{variables:?}");
        }
        assert_eq!(environment(&[], "/me").endpoint(), ENDPOINT);
        let mirror = environment(&[("HF_ENDPOINT", "https://mirror/")], "/me");
        assert_eq!(mirror.endpoint(), "https://mirror/");
    }
}
