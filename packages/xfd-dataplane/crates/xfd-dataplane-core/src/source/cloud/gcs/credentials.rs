//! Who reads from Google Cloud Storage: what the store's description gives, else the application
//! default credentials of the node.
//!
//! `object_store` knows service accounts, users of the gcloud command, and the metadata server,
//! which gives the identity of a machine or of a pod (workload identity of GKE). Other files, such
//! as those of workload identity federation, are refused by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;
use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::super::credentials::{Connector, ask, missing, retries, variable};
use super::super::transport::Transport;
use crate::error::{Error, Result};
use crate::model::{GcsAccess, GcsConfig};

const REMEDY: &str = "Give a service account, a bearer token or anonymous=True in make_for_gcs, or \
    set up application default credentials on the node";
const FILE: &str = "application_default_credentials.json";

/// Found at the first request, and renewed before they expire.
#[derive(Debug)]
pub(super) struct Credentials {
    /// None for an anonymous store.
    access: Option<GcsAccess>,
    connector: Connector,
    provider: OnceCell<GcpCredentialProvider>,
}

impl Credentials {
    pub(super) fn new(config: &GcsConfig, is_emulator: bool, transport: &Transport) -> Self {
        let access = config.gcs.clone().unwrap_or_default();
        let is_given = access.bearer.is_some() || access.service_account.is_some();
        let is_anonymous = config.anonymous || (is_emulator && !is_given);
        Self {
            access: (!is_anonymous).then_some(access),
            connector: Connector {
                connector: transport.connector.clone(),
                read_timeout: transport.read_timeout,
            },
            provider: OnceCell::new(),
        }
    }

    /// The Authorization header of a request; None for an anonymous store.
    ///
    /// # Errors
    /// `Credentials`.
    pub(super) async fn bearer(&self) -> Result<Option<HeaderValue>> {
        let Some(access) = &self.access else {
            return Ok(None);
        };
        let find = || async { self.find(access) };
        let provider = self.provider.get_or_try_init(find).await;
        let given = match provider {
            Ok(provider) => ask(provider.as_ref()).await,
            Err(error) => Err(error),
        };
        let given = given.map_err(|error| error.with_remedy(REMEDY))?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", given.bearer.trim()))
            .map_err(|_| missing("the bearer token is not one").with_remedy(REMEDY))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    fn find(&self, access: &GcsAccess) -> Result<GcpCredentialProvider> {
        if let Some(bearer) = &access.bearer {
            return Ok(Arc::new(StaticCredentialProvider::new(GcpCredential {
                bearer: bearer.0.clone(),
            })));
        }
        // The name of a bucket is needed to build, and never asked for.
        let builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name("unused")
            .with_retry(retries())
            .with_http_connector(self.connector.clone());
        let given = access.service_account.as_ref().map(|it| it.0.as_str());
        let text = match given {
            Some(json) if json.trim_start().starts_with('{') => Some(json.to_owned()),
            Some(path) => Some(read(Path::new(path))?),
            None => default_file().map(|path| read(&path)).transpose()?,
        };
        let builder = match text.as_deref().map(kind_of).transpose()? {
            None => builder,
            Some(Kind::ServiceAccount) => {
                builder.with_service_account_key(text.unwrap_or_default())
            }
            // It is read from its file only.
            Some(Kind::User) => match given {
                Some(path) if !path.trim_start().starts_with('{') => {
                    builder.with_application_credentials(path)
                }
                Some(_) => return Err(missing("service_account is that of a user; give its path")),
                None => {
                    let path = default_file().unwrap_or_default();
                    builder.with_application_credentials(path.to_string_lossy())
                }
            },
        };
        let built = builder.build().map_err(|_| {
            // Its words may have parts of the key.
            missing("the private key of the service account cannot be read")
        })?;
        Ok(Arc::clone(built.credentials()))
    }
}

/// What a file of credentials is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ServiceAccount,
    User,
}

/// Reads the kind of a file of credentials, and that it has what this kind needs.
fn kind_of(text: &str) -> Result<Kind> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(missing("the file of credentials is no JSON object"));
    };
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    let (kind, needed) = match field("type").unwrap_or("service_account") {
        "service_account" => (
            Kind::ServiceAccount,
            ["client_email", "private_key", "private_key_id"],
        ),
        "authorized_user" => (Kind::User, ["client_id", "client_secret", "refresh_token"]),
        other => {
            return Err(missing(&format!(
                "credentials of the type {other:?} are not known: only service_account, \
                 authorized_user and the metadata server are"
            )));
        }
    };
    match needed.into_iter().find(|name| field(name).is_none()) {
        Some(absent) => Err(missing(&format!("the file of credentials has no {absent}"))),
        None => Ok(kind),
    }
}

/// Where the application default credentials lie; None where there are none in a file.
fn default_file() -> Option<PathBuf> {
    if let Some(named) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
        return Some(named.into());
    }
    let folder = match variable("CLOUDSDK_CONFIG") {
        Some(folder) => folder.into(),
        None => std::env::home_dir()?.join(".config/gcloud"),
    };
    Some(folder.join(FILE)).filter(|path| path.exists())
}

fn read(path: &Path) -> Result<String> {
    let refused = |error: std::io::Error| -> Error {
        missing(&format!("their file cannot be read: {error}")).with_path(path)
    };
    std::fs::read_to_string(path).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_credentials_is_known_by_its_type() {
        let account = r#""client_email": "a@b", "private_key": "k", "private_key_id": "i""#;
        let user = r#""client_id": "i", "client_secret": "s", "refresh_token": "t""#;
        for (text, expected) in [
            (format!("{{{account}}}"), Ok(Kind::ServiceAccount)),
            (
                format!(r#"{{"type": "service_account", {account}}}"#),
                Ok(Kind::ServiceAccount),
            ),
            (
                format!(r#"{{"type": "authorized_user", {user}}}"#),
                Ok(Kind::User),
            ),
            (
                format!(r#"{{"type": "authorized_user", {account}}}"#),
                Err("client_id"),
            ),
            (
                r#"{"type": "service_account"}"#.to_owned(),
                Err("client_email"),
            ),
            (
                r#"{"type": "external_account"}"#.to_owned(),
                Err("external_account"),
            ),
            ("[]".to_owned(), Err("no JSON object")),
            (r#""secret words""#.to_owned(), Err("no JSON object")),
        ] {
            match (kind_of(&text), expected) {
                (Ok(kind), Ok(expected)) => assert_eq!(kind, expected),
                (Err(error), Err(words)) => {
                    assert!(error.what.contains(words), "{error}");
                    assert!(!error.what.contains("secret words"), "{error}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
