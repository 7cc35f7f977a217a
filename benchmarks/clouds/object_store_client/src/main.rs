//! Reads every object under a prefix of a store with `object_store`, in ranges, and drops the bytes,
//! as the example `read_origin` of xfd-dataplane-core does with xfd's own origins.
//!
//! `object-store-client s3|gcs|azure ENDPOINT BUCKET PREFIX KEY SECRET`; prints the bytes that came.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, Result, RetryConfig,
};

const PIECE: u64 = 8 * 1024 * 1024;
const AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let provider = rustls::crypto::ring::default_provider();
    provider
        .install_default()
        .expect("nobody else installs one");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, endpoint, bucket, prefix, key, secret] = arguments.as_slice() else {
        panic!("six arguments are needed");
    };
    let store = store(kind, endpoint, bucket, key, secret)?;
    let found: Vec<ObjectMeta> = store
        .list(Some(&Path::from(prefix.as_str())))
        .try_collect()
        .await?;
    let pieces = found.iter().flat_map(|found| {
        let starts = (0..found.size).step_by(PIECE as usize);
        starts.map(move |start| {
            let range = start..found.size.min(start + PIECE);
            (found.clone(), (found.size > PIECE).then_some(range))
        })
    });
    let read = stream::iter(pieces).map(|(found, range)| {
        let store = Arc::clone(&store);
        async move {
            let options = GetOptions {
                if_match: found.e_tag.clone(),
                range: range.map(GetRange::Bounded),
                ..GetOptions::default()
            };
            let mut body = store
                .get_opts(&found.location, options)
                .await?
                .into_stream();
            let mut came = 0;
            while let Some(bytes) = body.next().await {
                came += bytes?.len() as u64;
            }
            Ok::<u64, object_store::Error>(came)
        }
    });
    let came: Vec<u64> = read
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<u64>>()
        .await?;
    println!("{}", came.iter().sum::<u64>());
    Ok(())
}

fn store(
    kind: &str,
    endpoint: &str,
    bucket: &str,
    key: &str,
    secret: &str,
) -> Result<Arc<dyn ObjectStore>> {
    let retries = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let options = ClientOptions::new().with_allow_http(true);
    Ok(match kind {
        "gcs" => Arc::new(
            GoogleCloudStorageBuilder::new()
                .with_base_url(endpoint)
                .with_bucket_name(bucket)
                .with_skip_signature(true)
                .with_client_options(options)
                .with_retry(retries)
                .build()?,
        ),
        "azure" => Arc::new(
            MicrosoftAzureBuilder::new()
                .with_endpoint(endpoint.to_owned())
                .with_account(key)
                .with_access_key(secret)
                .with_container_name(bucket)
                .with_client_options(options)
                .with_retry(retries)
                .build()?,
        ),
        _ => Arc::new(
            AmazonS3Builder::new()
                .with_endpoint(endpoint)
                .with_bucket_name(bucket)
                .with_region("us-east-1")
                .with_access_key_id(key)
                .with_secret_access_key(secret)
                .with_client_options(options)
                .with_retry(retries)
                .build()?,
        ),
    })
}
