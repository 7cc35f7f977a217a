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
    Local { directory: PathBuf },
    Http { base_url: Secret },
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
}

/// `xfd_api.profiles.ObjectStoreConfigByProfile`, as a list because None is a name too.
pub type Stores = Vec<(Option<String>, StoreConfig)>;
