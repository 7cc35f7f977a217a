//! Reads every object under a prefix of a store, in ranges, and drops the bytes: what an origin
//! costs without files, journals and checksums (docs/decisions/0038).
//!
//! `read_origin s3|gcs|azure ENDPOINT BUCKET PREFIX KEY SECRET`; prints the bytes that came.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{
    AddressingStyle, AzureAccess, AzureConfig, FoundObject, GcsConfig, S3Config, Secret,
    StoreConfig,
};
use xfd_dataplane_core::source::{ConnectOptions, Get, Origin, connect};

const PIECE: u64 = 8 * 1024 * 1024;
const AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, endpoint, bucket, prefix, key, secret] = arguments.as_slice() else {
        return Err(Error::new(Kind::InvalidRequest, "six arguments are needed"));
    };
    let config = config(kind, endpoint, bucket, key, secret);
    let origin = connect(&config, &ConnectOptions::default()).await?;
    let found = origin.list(None, prefix).await?;
    let pieces = stream::iter(found.iter().flat_map(pieces_of));
    let read = pieces.map(|(found, range)| {
        let origin = Arc::clone(&origin);
        async move { read(origin.as_ref(), found, range).await }
    });
    let came: Vec<u64> = read.buffer_unordered(AT_ONCE).try_collect().await?;
    println!("{}", came.iter().sum::<u64>());
    Ok(())
}

type Range = std::ops::Range<u64>;

/// The ranges of a large object; all of a small one at once.
fn pieces_of(found: &FoundObject) -> impl Iterator<Item = (&FoundObject, Option<Range>)> {
    let starts = (0..found.size).step_by(PIECE as usize);
    starts.map(move |start| {
        let range = start..found.size.min(start + PIECE);
        (found, (found.size > PIECE).then_some(range))
    })
}

async fn read(origin: &dyn Origin, found: &FoundObject, range: Option<Range>) -> Result<u64> {
    let get = Get {
        bucket: None,
        key: &found.key,
        location: None,
        range,
        etag: found.etag.as_deref(),
        size: Some(found.size),
    };
    let mut body = origin.get(get).await?;
    let mut came = 0;
    while let Some(bytes) = body.next().await {
        came += bytes?.len() as u64;
    }
    Ok(came)
}

fn config(kind: &str, endpoint: &str, bucket: &str, key: &str, secret: &str) -> StoreConfig {
    let (bucket, endpoint) = (bucket.to_owned(), Some(endpoint.to_owned()));
    match kind {
        "gcs" => StoreConfig::Gcs(GcsConfig {
            bucket,
            endpoint,
            anonymous: true,
            gcs: None,
        }),
        "azure" => StoreConfig::Azure(AzureConfig {
            bucket,
            endpoint,
            anonymous: false,
            azure: Some(AzureAccess {
                account: Some(key.to_owned()),
                account_key: Some(Secret(secret.to_owned())),
                ..AzureAccess::default()
            }),
        }),
        _ => StoreConfig::S3(S3Config {
            bucket,
            endpoint,
            access_key_id: Some(key.to_owned()),
            secret_access_key: Some(Secret(secret.to_owned())),
            session_token: None,
            region: None,
            addressing_style: AddressingStyle::Auto,
            anonymous: false,
            request_payer: None,
            sse_customer_key: None,
        }),
    }
}
