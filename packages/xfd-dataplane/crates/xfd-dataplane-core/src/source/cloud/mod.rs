//! Google Cloud Storage and Azure Blob Storage.
//!
//! The crate `object_store` finds and renews credentials, and signs. Requests are made, sent and
//! judged here, with the same connections, trust and rules as those of the other origins: its own
//! client refuses a whole list for one key with `//`, and its errors have no Retry-After
//! (docs/decisions/0038).

mod address;
pub(super) mod azure;
mod checksums;
mod credentials;
pub(super) mod gcs;
mod store;
mod transport;

pub use self::azure::AzureOrigin;
pub use self::gcs::GcsOrigin;
