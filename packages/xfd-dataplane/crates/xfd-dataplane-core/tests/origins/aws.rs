//! AWS itself, where a bucket of it is named; read only.

use xfd_dataplane_core::model::{S3Config, StoreConfig};

use crate::places::{bytes_of, get, origin_of, weed_config};

/// Names a bucket with a small object in it, which the credential chain of this machine may list
/// and read.
const BUCKET: &str = "XFD_TEST_AWS_BUCKET";

#[tokio::test]
async fn a_bucket_is_found_listed_and_read() {
    let Ok(bucket) = std::env::var(BUCKET) else {
        eprintln!("skipped: no bucket of AWS (set {BUCKET})");
        return;
    };
    let config = S3Config {
        bucket,
        endpoint: None,
        access_key_id: None,
        secret_access_key: None,
        ..weed_config("")
    };
    let origin = origin_of(&StoreConfig::S3(config)).await;
    let listed = origin.list(None, "").await.unwrap();
    let smallest = listed.iter().filter(|found| found.size > 1);
    let smallest = smallest.min_by_key(|found| found.size).unwrap();
    let found = origin.head(None, &smallest.key).await.unwrap();
    assert_eq!((found.size, &found.etag), (smallest.size, &smallest.etag));
    let range = Some(1..found.size);
    let body = origin.get(get(&found.key, range, found.etag.as_deref()));
    let read = bytes_of(body.await).await.unwrap();
    assert_eq!(read.len() as u64, found.size - 1);
}
