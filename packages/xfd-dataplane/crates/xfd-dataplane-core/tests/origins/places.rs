//! The stores that the conformance suite runs on, each with a way to write to it.

use std::sync::Arc;
use std::time::Duration;

use crate::support::faulty::FaultyOrigin;
use crate::support::memory::MemoryOrigin;
use aws_sdk_s3::Client;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use xfd_dataplane_core::error::Result;
use xfd_dataplane_core::model::{
    AddressingStyle, AzureAccess, AzureConfig, FoundObject, GcsConfig, HttpConfig, HubConfig,
    S3Config, Secret, StoreConfig,
};
use xfd_dataplane_core::source::{Body, ConnectOptions, Get, Origin, connect};

use crate::support::hub::{self, HubServer};
use crate::support::raw::{Answer, RawServer};
use crate::support::web::{Abilities, WebServer};
use crate::support::{azurite, gcs, rclone, s3, s3s, weed};

/// An origin and its store.
pub struct Place {
    pub origin: Arc<dyn Origin>,
    pub can_list: bool,
    /// Whether its objects have a time, as those of the hub do not.
    pub has_times: bool,
    /// Whether its lists have ETags, as those of S3 do and those of s3s-fs do not.
    pub lists_etags: bool,
    store: Store,
}

enum Store {
    Memory(Arc<MemoryOrigin>),
    Directory(TempDir),
    Web(WebServer),
    Hub(HubServer),
    S3(Client),
    Gcs(&'static str),
    Azure(&'static str),
}

impl Place {
    pub async fn put(&self, key: &str, bytes: &[u8]) {
        match &self.store {
            Store::Memory(memory) => {
                memory.put(key, bytes.to_vec());
            }
            Store::Directory(directory) => {
                let path = directory.path().join(key);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // Another file, as publishers of models replace one.
                let new = path.with_file_name(".new");
                std::fs::write(&new, bytes).unwrap();
                std::fs::rename(new, path).unwrap();
            }
            Store::Web(server) => server.put(key, bytes),
            Store::Hub(server) => {
                server.put(key, bytes);
            }
            Store::S3(client) => s3::put(client, weed::BUCKET, key, bytes).await,
            Store::Gcs(endpoint) => gcs::put(endpoint, key, bytes).await,
            Store::Azure(endpoint) => azurite::put(endpoint, key, bytes).await,
        }
    }
}

pub async fn memory() -> Option<Place> {
    let memory = Arc::new(MemoryOrigin::new());
    Some(Place {
        origin: memory.clone(),
        can_list: true,
        has_times: true,
        lists_etags: true,
        store: Store::Memory(memory),
    })
}

/// Without a fault in its script, it is the origin that it wraps.
pub async fn faulty() -> Option<Place> {
    let memory = Arc::new(MemoryOrigin::new());
    Some(Place {
        origin: Arc::new(FaultyOrigin::new(memory.clone())),
        can_list: true,
        has_times: true,
        lists_etags: true,
        store: Store::Memory(memory),
    })
}

pub async fn directory() -> Option<Place> {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig::Local {
        directory: directory.path().to_owned(),
    };
    Some(Place {
        origin: origin_of(&config).await,
        can_list: true,
        has_times: true,
        lists_etags: true,
        store: Store::Directory(directory),
    })
}

pub async fn web() -> Option<Place> {
    Some(web_with(Abilities::ALL).await)
}

pub async fn simple_web() -> Option<Place> {
    Some(web_with(Abilities::FEW).await)
}

async fn web_with(abilities: Abilities) -> Place {
    let server = WebServer::start(abilities, |_| None).await;
    let config = StoreConfig::Http(HttpConfig::of(&server.url));
    Place {
        origin: origin_of(&config).await,
        can_list: false,
        has_times: true,
        lists_etags: false,
        store: Store::Web(server),
    }
}

/// Of one repository, which stands for the store's own bucket.
pub async fn hub() -> Option<Place> {
    let server = HubServer::start().await;
    let config = StoreConfig::Hub(HubConfig {
        endpoint: Some(server.url.clone()),
        hub: None,
    });
    Some(Place {
        origin: Arc::new(InRepository(origin_of(&config).await)),
        can_list: false,
        has_times: false,
        lists_etags: false,
        store: Store::Hub(server),
    })
}

#[derive(Debug)]
struct InRepository(Arc<dyn Origin>);

impl Origin for InRepository {
    fn head<'a>(
        &'a self,
        _bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        self.0.head(Some(hub::BUCKET), key)
    }

    fn list<'a>(
        &'a self,
        _bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        self.0.list(Some(hub::BUCKET), prefix)
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let bucket = Some(hub::BUCKET);
        self.0.get(Get { bucket, ..get })
    }
}

pub async fn seaweed() -> Option<Place> {
    let weed = tokio::task::spawn_blocking(weed::weed).await.unwrap()?;
    let config = StoreConfig::S3(weed_config(&weed.endpoint));
    Some(Place {
        origin: origin_of(&config).await,
        can_list: true,
        has_times: true,
        lists_etags: true,
        store: Store::S3(s3::client(
            &weed.endpoint,
            weed::ACCESS_KEY,
            weed::SECRET_KEY,
        )),
    })
}

pub async fn rclone() -> Option<Place> {
    let endpoint = tokio::task::spawn_blocking(rclone::rclone).await.unwrap()?;
    let config = S3Config {
        bucket: rclone::BUCKET.to_owned(),
        access_key_id: Some(rclone::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret(rclone::SECRET_KEY.to_owned())),
        ..weed_config(endpoint)
    };
    Some(Place {
        origin: origin_of(&StoreConfig::S3(config)).await,
        can_list: true,
        has_times: true,
        lists_etags: true,
        store: Store::S3(s3::client(endpoint, rclone::ACCESS_KEY, rclone::SECRET_KEY)),
    })
}

pub async fn s3s_fs() -> Option<Place> {
    let endpoint = tokio::task::spawn_blocking(s3s::s3s).await.unwrap()?;
    let config = S3Config {
        bucket: s3s::BUCKET.to_owned(),
        access_key_id: Some(s3s::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret(s3s::SECRET_KEY.to_owned())),
        ..weed_config(endpoint)
    };
    Some(Place {
        origin: origin_of(&StoreConfig::S3(config)).await,
        can_list: true,
        has_times: true,
        lists_etags: false,
        store: Store::S3(s3::client(endpoint, s3s::ACCESS_KEY, s3s::SECRET_KEY)),
    })
}

pub async fn google() -> Option<Place> {
    let endpoint = tokio::task::spawn_blocking(gcs::gcs).await.unwrap()?;
    Some(Place {
        origin: origin_of(&StoreConfig::Gcs(gcs_config(endpoint))).await,
        can_list: true,
        lists_etags: true,
        has_times: true,
        store: Store::Gcs(endpoint),
    })
}

pub async fn azure() -> Option<Place> {
    let endpoint = tokio::task::spawn_blocking(azurite::azurite)
        .await
        .unwrap()?;
    Some(Place {
        origin: origin_of(&StoreConfig::Azure(azure_config(endpoint))).await,
        can_list: true,
        lists_etags: true,
        has_times: true,
        store: Store::Azure(endpoint),
    })
}

/// A bucket that is read without credentials.
pub fn gcs_config(endpoint: &str) -> GcsConfig {
    GcsConfig {
        bucket: gcs::BUCKET.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        anonymous: true,
        gcs: None,
    }
}

/// The container, with the account's key.
pub fn azure_config(endpoint: &str) -> AzureConfig {
    AzureConfig {
        bucket: azurite::CONTAINER.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        anonymous: false,
        azure: Some(AzureAccess {
            account: Some(azurite::ACCOUNT.to_owned()),
            account_key: Some(Secret(azurite::KEY.to_owned())),
            ..AzureAccess::default()
        }),
    }
}

/// The closed bucket, with the right keys.
pub fn weed_config(endpoint: &str) -> S3Config {
    S3Config {
        bucket: weed::BUCKET.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        access_key_id: Some(weed::ACCESS_KEY.to_owned()),
        secret_access_key: Some(Secret(weed::SECRET_KEY.to_owned())),
        session_token: None,
        region: None,
        addressing_style: AddressingStyle::Auto,
        anonymous: false,
        request_payer: None,
        sse_customer_key: None,
    }
}

pub async fn origin_of(config: &StoreConfig) -> Arc<dyn Origin> {
    connect(config, &ConnectOptions::default()).await.unwrap()
}

/// A GET of the store's own bucket.
pub fn get<'a>(
    key: &'a str,
    range: Option<std::ops::Range<u64>>,
    etag: Option<&'a str>,
) -> Get<'a> {
    Get {
        bucket: None,
        key,
        location: None,
        range,
        etag,
        size: None,
    }
}

/// All bytes of an answer.
pub async fn bytes_of(body: Result<Body>) -> Result<Vec<u8>> {
    let pieces: Vec<bytes::Bytes> = body?.try_collect().await?;
    Ok(pieces.concat())
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}

/// A server that answers `first` for the key of that name, and `answer` for all else.
pub async fn answering(first: Answer, answer: Answer) -> RawServer {
    RawServer::start(move |request| match request.contains("/first") {
        true => first.clone(),
        false => answer.clone(),
    })
    .await
}

/// An S3 store at this server that is read without keys.
pub fn anonymous(server: &RawServer) -> StoreConfig {
    StoreConfig::S3(S3Config {
        anonymous: true,
        access_key_id: None,
        secret_access_key: None,
        ..weed_config(&server.url)
    })
}

/// Connects with this much patience for each step.
pub async fn connect_within(config: &StoreConfig, patience: Duration) -> Arc<dyn Origin> {
    let options = ConnectOptions {
        connect_timeout: patience,
        read_timeout: patience,
    };
    connect(config, &options).await.unwrap()
}
