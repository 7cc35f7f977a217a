//! S3, and stores that speak its protocol.

mod additions;
mod checksum;
mod clock;
mod connect;
mod customer_key;
mod direct;
mod endpoint;
pub(super) mod errors;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
mod getting;
mod keys;
mod listing;
mod page;
mod pages;
mod shortcuts;
mod success;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use url::Url;

use self::additions::{Additions, split_version};
use self::checksum::find_checksum;
use self::connect::{Connection, connect};
use self::customer_key::{CustomerKey, WithoutEcho};
use self::errors::{NO_REASON, error_of};
use self::shortcuts::Shortcuts;
use self::success::Success;
use super::connect_options::ConnectOptions;
use super::origin::{Body, Get, Origin};
use super::pin;
use super::pin::canonical;
use super::redirect::follow;
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
    shortcuts: Arc<Shortcuts>,
    /// Buckets whose store cannot hold a GET to an ETag.
    unconditional: RwLock<HashSet<String>>,
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
            shortcuts: Arc::default(),
            unconditional: RwLock::default(),
        })
    }

    async fn client(&self, bucket: &str) -> Result<Client> {
        if let Some(client) = self.kept_client(bucket) {
            return Ok(client);
        }
        let region = match &self.connection.region {
            Some(region) => region.clone(),
            None => {
                let (name, _) = split_version(bucket);
                self.connection.find_region(name).await?
            }
        };
        Ok(self.keep_client(bucket, region))
    }

    fn kept_client(&self, bucket: &str) -> Option<Client> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.get(bucket).cloned()
    }

    fn keep_client(&self, bucket: &str, region: String) -> Client {
        let additions = Additions {
            payer: self.connection.payer.clone(),
            version: split_version(bucket).1.map(str::to_owned),
            address: None,
        };
        let settings = self.connection.settings.clone();
        let mut settings = settings.interceptor(additions).interceptor(Success);
        if bucket.starts_with("arn:") {
            // An access point is a part of the host's name.
            settings = settings.force_path_style(false);
        }
        let settings = settings.interceptor(WithoutEcho);
        let client = Client::from_conf(settings.region(Region::new(region)).build());
        self.clients
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(bucket.to_owned(), client.clone());
        client
    }

    /// Sends a request, and once more where the store names another region for the bucket, or
    /// another address of its own.
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
        let error = match request(client.clone()).await {
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
        let Some(location) = error.raw_response().and_then(location_of) else {
            return Err(error_of(&error, pinned));
        };
        self.shortcuts.give_up(bucket);
        // A client of this one request: only the address differs, and what is signed for it.
        let additions = Additions {
            payer: self.connection.payer.clone(),
            version: None,
            address: Some(self.redirected(location)?),
        };
        let settings = client.config().to_builder().interceptor(additions);
        request(Client::from_conf(settings.build()))
            .await
            .map_err(|error| error_of(&error, pinned))
    }

    /// The address of a Location header, where keys may be sent to it: the store's own host, or AWS
    /// where the store is AWS.
    fn redirected(&self, location: &str) -> Result<String> {
        let own = self.connection.endpoint.as_deref();
        let base = Url::parse(own.unwrap_or("https://s3.amazonaws.com"));
        let base = base.map_err(|_| Error::new(Kind::Internal, "The endpoint is no URL"))?;
        let to = follow(&base, location)?;
        let (from_host, host) = (base.host_str().unwrap_or_default(), to.host_str());
        let host = host.unwrap_or_default();
        let is_aws = |host: &str| {
            [".amazonaws.com", ".amazonaws.com.cn"]
                .iter()
                .any(|domain| host.ends_with(domain))
        };
        // A bucket in the host's name is below the endpoint's.
        let is_own = host == from_host || host.ends_with(&format!(".{from_host}"));
        if (is_own && to.port() == base.port()) || (is_aws(from_host) && is_aws(host)) {
            return Ok(to.into());
        }
        let what = format!("The store redirects to {host}, where its keys are not to be sent");
        Err(Error::new(Kind::OriginAnswer, what)
            .with_remedy("Name that server as the endpoint yourself, if it is meant"))
    }

    async fn get_pinned(&self, bucket: &str, get: &Get<'_>, object: &str) -> Result<Body> {
        let compares = self.knows_no_conditions(bucket);
        let held = pin::hold(get.etag, compares, |etag| async move {
            let get = Get {
                etag: etag.as_deref(),
                ..get.clone()
            };
            self.get_object(bucket, &get, object.to_owned()).await
        });
        let (body, has_compared) = held.await?;
        if has_compared && !compares {
            let buckets = self.unconditional.write();
            let mut buckets = buckets.unwrap_or_else(PoisonError::into_inner);
            buckets.insert(bucket.to_owned());
        }
        Ok(body)
    }

    fn customer_key(&self, part: impl Fn(&CustomerKey) -> &str) -> Option<String> {
        self.connection
            .customer_key
            .as_ref()
            .map(|key| part(key).to_owned())
    }

    fn key_algorithm(&self) -> Option<String> {
        self.customer_key(|_| CustomerKey::ALGORITHM)
    }

    /// An error of a HEAD or a GET.
    fn explained(&self, error: Error, object: String) -> Error {
        let has_key = self.connection.customer_key.is_some();
        customer_key::explained(error, has_key).with_object(object)
    }

    fn knows_no_conditions(&self, bucket: &str) -> bool {
        let buckets = self.unconditional.read();
        buckets
            .unwrap_or_else(PoisonError::into_inner)
            .contains(bucket)
    }

    fn bucket<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(&self.bucket)
    }

    async fn head_object(&self, bucket: &str, key: &str) -> Result<FoundObject> {
        let head = self
            .send(bucket, false, |client| {
                client
                    .head_object()
                    .bucket(split_version(bucket).0)
                    .key(key)
                    .checksum_mode(ChecksumMode::Enabled)
                    .set_sse_customer_algorithm(self.key_algorithm())
                    .set_sse_customer_key(self.customer_key(CustomerKey::key))
                    .set_sse_customer_key_md5(self.customer_key(CustomerKey::md5))
                    .send()
            })
            .await;
        let head = match head {
            Ok(head) => head,
            // An answer to HEAD has no body. That to a GET says why.
            Err(error) if error.what == NO_REASON => {
                let get = Get {
                    range: Some(0..1),
                    ..Get::of(key)
                };
                let got = self.get_object(bucket, &get, String::new()).await;
                return Err(got.err().unwrap_or(error));
            }
            Err(error) => return Err(error),
        };
        Ok(FoundObject {
            key: key.to_owned(),
            size: size_of(head.content_length())?,
            etag: head.e_tag().and_then(canonical),
            last_modified_ns: head.last_modified().and_then(nanoseconds),
            checksum: find_checksum(&head),
            refused: None,
            location: None,
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
            .map(move |result| result.map_err(|error| self.explained(error, uri(bucket, key))))
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
            self.get_pinned(bucket, &get, &object)
                .await
                .map_err(|error| self.explained(error, object))
        }
        .boxed()
    }
}

fn uri(bucket: &str, key: &str) -> String {
    match split_version(bucket) {
        (name, Some(version)) => format!("s3://{name}/{key}?versionId={version}"),
        (name, None) => format!("s3://{name}/{key}"),
    }
}

fn location_of(response: &HttpResponse) -> Option<&str> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers().get("location").filter(|_| is_redirect)
}

fn size_of(length: Option<i64>) -> Result<u64> {
    length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| Error::new(Kind::OriginAnswer, "The origin does not say the size"))
}

fn nanoseconds(time: &DateTime) -> Option<i64> {
    i64::try_from(time.as_nanos()).ok()
}
