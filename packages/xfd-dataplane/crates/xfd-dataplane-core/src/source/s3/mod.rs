//! S3, and stores that speak its protocol.

mod checksum;
mod connect;
mod direct;
mod endpoint;
pub(super) mod errors;
mod getting;
mod keys;
mod listing;
mod page;
mod pages;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::checksum::find_checksum;
use self::connect::{Connection, connect};
use self::direct::Pattern;
use self::errors::error_of;
use super::client::ConnectOptions;
use super::pin::canonical;
use super::{Body, Get, Origin};
use crate::error::{Error, Kind, Result};
use crate::model::{FoundObject, S3Config};

/// One store with its credentials; other buckets than its own are read with the same ones.
#[derive(Debug)]
pub struct S3Origin {
    bucket: String,
    options: ConnectOptions,
    connection: Connection,
    /// By bucket, because each may lie in a region of its own.
    clients: RwLock<HashMap<String, Client>>,
    /// By bucket; None for one whose GETs all go through the SDK.
    patterns: RwLock<HashMap<String, Option<Arc<Pattern>>>>,
}

impl S3Origin {
    /// Reads the environment and the profile files; sends nothing yet.
    ///
    /// # Errors
    /// `InvalidRequest` for an endpoint or a certificate bundle that cannot be used.
    pub async fn connect(config: &S3Config, options: &ConnectOptions) -> Result<Self> {
        Ok(Self {
            bucket: config.bucket.clone(),
            options: *options,
            connection: connect(config, options).await?,
            clients: RwLock::default(),
            patterns: RwLock::default(),
        })
    }

    async fn client(&self, bucket: &str) -> Result<Client> {
        if let Some(client) = self.kept_client(bucket) {
            return Ok(client);
        }
        let region = match &self.connection.region {
            Some(region) => region.clone(),
            None => self.connection.find_region(bucket).await?,
        };
        Ok(self.keep_client(bucket, region))
    }

    fn kept_client(&self, bucket: &str) -> Option<Client> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.get(bucket).cloned()
    }

    fn keep_client(&self, bucket: &str, region: String) -> Client {
        let settings = self.connection.settings.clone();
        let client = Client::from_conf(settings.region(Region::new(region)).build());
        self.clients
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(bucket.to_owned(), client.clone());
        client
    }

    /// Sends a request, and once more where the store names another region for the bucket.
    async fn send<O, E, F>(
        &self,
        bucket: &str,
        pinned: bool,
        request: impl Fn(Client) -> F,
    ) -> Result<O>
    where
        F: Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let client = self.client(bucket).await?;
        let used = client.config().region().map(ToString::to_string);
        let error = match request(client).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let named = error
            .raw_response()
            .and_then(|response| response.headers().get("x-amz-bucket-region"))
            .filter(|region| used.as_deref() != Some(region));
        if let Some(region) = named {
            let client = self.keep_client(bucket, region.to_owned());
            return request(client)
                .await
                .map_err(|error| error_of(&error, pinned));
        }
        Err(error_of(&error, pinned))
    }

    fn bucket<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(&self.bucket)
    }

    async fn head_object(&self, bucket: &str, key: &str) -> Result<FoundObject> {
        let head = self
            .send(bucket, false, |client| {
                client
                    .head_object()
                    .bucket(bucket)
                    .key(key)
                    .checksum_mode(ChecksumMode::Enabled)
                    .send()
            })
            .await?;
        Ok(FoundObject {
            key: key.to_owned(),
            size: size_of(head.content_length())?,
            etag: head.e_tag().and_then(canonical),
            last_modified_ns: head.last_modified().and_then(nanoseconds),
            checksum: find_checksum(&head),
        })
    }
}

impl Origin for S3Origin {
    fn head<'a>(
        &'a self,
        bucket: Option<&'a str>,
        key: &'a str,
    ) -> BoxFuture<'a, Result<FoundObject>> {
        let bucket = self.bucket(bucket);
        self.head_object(bucket, key)
            .map(move |result| result.map_err(|error| error.with_object(uri(bucket, key))))
            .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: Option<&'a str>,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Vec<FoundObject>>> {
        let bucket = self.bucket(bucket);
        self.list_prefix(bucket, prefix)
            .map(move |result| result.map_err(|error| error.with_object(uri(bucket, prefix))))
            .boxed()
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Body>> {
        let bucket = self.bucket(get.bucket);
        async move {
            let object = uri(bucket, get.key);
            self.get_object(bucket, &get, object.clone())
                .await
                .map_err(|error| error.with_object(object))
        }
        .boxed()
    }
}

fn uri(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

fn size_of(length: Option<i64>) -> Result<u64> {
    length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| Error::new(Kind::OriginAnswer, "The origin does not tell the size"))
}

fn nanoseconds(time: &DateTime) -> Option<i64> {
    i64::try_from(time.as_nanos()).ok()
}
