//! The object stores that a node may connect to.

use std::path::PathBuf;

use super::secret::Secret;

/// `xfd_api.stores.AddressingStyle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub enum AddressingStyle {
    Auto,
    Path,
    Virtual,
}

/// `xfd_api.stores.ObjectStoreConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub enum StoreConfig {
    S3(S3Config),
    Gcs(GcsConfig),
    Azure(AzureConfig),
    Local { directory: PathBuf },
    Http(HttpConfig),
    Hub(HubConfig),
}

/// `ObjectStoreConfig.make_for_s3`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct S3Config {
    pub bucket: String,
    pub endpoint: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Secret>,
    pub session_token: Option<Secret>,
    pub region: Option<String>,
    pub addressing_style: AddressingStyle,
    pub anonymous: bool,
    pub request_payer: Option<String>,
    pub sse_customer_key: Option<Secret>,
}

/// `ObjectStoreConfig.make_for_http`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct HttpConfig {
    pub base_url: Secret,
    pub http: Option<HttpAccess>,
}

impl HttpConfig {
    /// A server that needs no headers and no credentials but those of its URL.
    #[must_use]
    pub fn of(base_url: &str) -> Self {
        Self {
            base_url: Secret(base_url.to_owned()),
            http: None,
        }
    }
}

/// `xfd_api.store_access.HttpAccess`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct HttpAccess {
    pub headers: Vec<(String, Secret)>,
    pub bearer: Option<Secret>,
    pub netrc: bool,
}

/// `ObjectStoreConfig.make_for_hub`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct HubConfig {
    pub endpoint: Option<String>,
    pub hub: Option<HubAccess>,
}

/// `xfd_api.store_access.HubAccess`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct HubAccess {
    pub token: Option<Secret>,
}

/// `ObjectStoreConfig.make_for_gcs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct GcsConfig {
    pub bucket: String,
    pub endpoint: Option<String>,
    pub anonymous: bool,
    pub gcs: Option<GcsAccess>,
}

/// `xfd_api.store_access.GcsAccess`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct GcsAccess {
    pub service_account: Option<Secret>,
    pub bearer: Option<Secret>,
}

/// `ObjectStoreConfig.make_for_azure`; the bucket is a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct AzureConfig {
    pub bucket: String,
    pub endpoint: Option<String>,
    pub anonymous: bool,
    pub azure: Option<AzureAccess>,
}

/// `xfd_api.store_access.AzureAccess`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct AzureAccess {
    pub account: Option<String>,
    pub account_key: Option<Secret>,
    pub sas_token: Option<Secret>,
    pub client_id: Option<String>,
    pub tenant_id: Option<String>,
    pub client_secret: Option<Secret>,
}

/// `xfd_api.profiles.ObjectStoreConfigByProfile`, as a list because None is a name too.
pub type Stores = Vec<(Option<String>, StoreConfig)>;
