//! What only a real S3 server can refuse.

use std::time::Duration;

use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{ChecksumAlgorithm, S3Config, Secret, StoreConfig};
use xfd_dataplane_core::source::{ConnectOptions, Get, connect};

use crate::places::{bytes_of, get, origin_of, pattern, weed_config};
use crate::support::web::{Abilities, WebServer, status};
use crate::support::{ports, s3, weed};

/// Errors of HEAD, list and GET of one object, in this order.
async fn refusals(config: S3Config) -> Vec<Error> {
    let origin = origin_of(&StoreConfig::S3(config)).await;
    let body = origin.get(get("any/object", None, None)).await;
    vec![
        origin.head(None, "any/object").await.unwrap_err(),
        origin.list(None, "any").await.unwrap_err(),
        bytes_of(body).await.unwrap_err(),
    ]
}

async fn weed() -> Option<&'static weed::Weed> {
    tokio::task::spawn_blocking(weed::weed).await.unwrap()
}

#[tokio::test]
async fn wrong_keys_are_refused_and_never_shown() {
    let Some(weed) = weed().await else { return };
    let right = weed_config(&weed.endpoint);
    let configs = [
        S3Config {
            secret_access_key: Some(Secret("not-the-secret".to_owned())),
            ..right.clone()
        },
        S3Config {
            access_key_id: Some("nobody".to_owned()),
            secret_access_key: Some(Secret("not-the-secret".to_owned())),
            ..right.clone()
        },
        S3Config {
            access_key_id: Some(weed::LIMITED_KEY.to_owned()),
            secret_access_key: Some(Secret(weed::LIMITED_SECRET.to_owned())),
            ..right
        },
    ];
    for config in configs {
        let secret = config.secret_access_key.clone().unwrap().0;
        for error in refusals(config).await {
            assert_eq!(error.kind, Kind::AccessDenied, "{error}");
            assert!(!format!("{error:?}").contains(&secret));
            assert!(error.object.unwrap().starts_with("s3://closed/any"));
        }
    }
}

#[tokio::test]
async fn anonymous_readers_get_what_is_open() {
    let Some(weed) = weed().await else { return };
    let client = s3::client(&weed.endpoint, weed::ACCESS_KEY, weed::SECRET_KEY);
    s3::put(&client, weed::OPEN_BUCKET, "any/object", b"for all").await;
    let config = S3Config {
        access_key_id: None,
        secret_access_key: None,
        anonymous: true,
        ..weed_config(&weed.endpoint)
    };
    for error in refusals(config.clone()).await {
        assert_eq!(error.kind, Kind::AccessDenied, "{error}");
    }
    let origin = origin_of(&StoreConfig::S3(config)).await;
    let open = Get {
        bucket: Some(weed::OPEN_BUCKET),
        ..get("any/object", Some(0..3), None)
    };
    assert_eq!(bytes_of(origin.get(open).await).await, Ok(b"for".to_vec()));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_found() {
    let Some(weed) = weed().await else { return };
    let config = S3Config {
        bucket: "no-such-bucket".to_owned(),
        ..weed_config(&weed.endpoint)
    };
    for error in refusals(config).await {
        assert_eq!(error.kind, Kind::ObjectNotFound, "{error}");
    }
}

#[tokio::test]
async fn the_store_s_checksum_is_found() {
    let Some(weed) = weed().await else { return };
    let client = s3::client(&weed.endpoint, weed::ACCESS_KEY, weed::SECRET_KEY);
    let origin = origin_of(&StoreConfig::S3(weed_config(&weed.endpoint))).await;
    let found = async |key: &str| {
        let checksum = origin.head(None, key).await.unwrap().checksum;
        checksum.map(|checksum| (checksum.algorithm, checksum.value))
    };

    s3::put(&client, weed::BUCKET, "sum/md5", b"123456789").await;
    let md5 = "25f9e794323b453885f5181f1b624d0b".to_owned();
    assert_eq!(found("sum/md5").await, Some((ChecksumAlgorithm::Md5, md5)));

    use aws_sdk_s3::types::ChecksumAlgorithm as Sent;
    for (key, sent, algorithm, value) in [
        (
            "sum/crc64",
            Sent::Crc64Nvme,
            ChecksumAlgorithm::Crc64Nvme,
            "ae8b14860a799888",
        ),
        (
            "sum/crc32c",
            Sent::Crc32C,
            ChecksumAlgorithm::Crc32c,
            "e3069283",
        ),
        (
            "sum/crc32",
            Sent::Crc32,
            ChecksumAlgorithm::Crc32,
            "cbf43926",
        ),
    ] {
        client
            .put_object()
            .bucket(weed::BUCKET)
            .key(key)
            .checksum_algorithm(sent)
            .body(b"123456789".to_vec().into())
            .send()
            .await
            .unwrap();
        let expected = Some((algorithm, value.to_owned()));
        assert_eq!(found(key).await, expected);
        // A whole answer has it as well; that of a range does not.
        for (range, reported) in [(None, expected), (Some(2..4), None)] {
            let body = origin.get(get(key, range, None)).await.unwrap();
            let checksum = body.checksum.clone();
            assert_eq!(
                checksum.map(|it| (it.algorithm, it.value)),
                reported,
                "{key}"
            );
        }
    }

    // The ETag of an object in parts is no MD5 of its bytes.
    let parts = [pattern(5 << 20), pattern(10)];
    s3::put_in_parts(&client, weed::BUCKET, "sum/parts", &parts).await;
    assert_eq!(found("sum/parts").await, None);
    let body = origin.get(get("sum/parts", None, None)).await;
    assert!(bytes_of(body).await.unwrap() == parts.concat());
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_unreachable() {
    let [port] = ports::free_ports();
    for endpoint in [
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}"),
        "http://no-such-host.invalid".to_owned(),
    ] {
        for error in refusals(weed_config(&endpoint)).await {
            assert_eq!(error.kind, Kind::OriginUnreachable, "{error}");
            assert!(error.is_transient());
        }
    }
}

#[tokio::test]
async fn a_silent_endpoint_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let options = ConnectOptions {
        read_timeout: Duration::from_millis(100),
        ..ConnectOptions::default()
    };
    let config = StoreConfig::S3(weed_config(&endpoint));
    let origin = connect(&config, &options).await.unwrap();
    let error = origin.head(None, "any/object").await.unwrap_err();
    assert_eq!(error.kind, Kind::OriginTimeout, "{error}");
}

#[tokio::test]
async fn a_throttling_store_says_for_how_long() {
    let server = WebServer::start(Abilities::ALL, |_| {
        let mut response = status(503);
        let headers = response.headers_mut();
        headers.insert("retry-after", "3".parse().unwrap());
        Some(response)
    })
    .await;
    for error in refusals(weed_config(&server.url)).await {
        assert_eq!(error.kind, Kind::OriginThrottled);
        assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    }
    // Nothing is retried in here.
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_bucket_is_followed_to_its_region() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let signed = request.headers().get("authorization")?.to_str().ok()?;
        if signed.contains("/eu-central-1/s3/") {
            return None;
        }
        let mut response = status(301);
        let region = "eu-central-1".parse().unwrap();
        response.headers_mut().insert("x-amz-bucket-region", region);
        Some(response)
    })
    .await;
    server.put("closed/any/object", b"elsewhere");
    let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
    for _ in 0..2 {
        let body = origin.get(get("any/object", None, None)).await;
        assert_eq!(bytes_of(body).await, Ok(b"elsewhere".to_vec()));
    }
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = WebServer::start(Abilities::ALL, |_| None).await;
    server.put("closed/object", &pattern(3_000_000));
    let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
    for range in [None, Some(0..1_000_000), Some(5..10), Some(0..0), None] {
        let body = origin.get(get("object", range.clone(), None)).await;
        let expected = range.map_or(3_000_000, |range| range.end - range.start);
        assert_eq!(bytes_of(body).await.unwrap().len() as u64, expected);
    }
    origin.head(None, "object").await.unwrap();
    // The one that was asked for nothing is given up with its unread body.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_session_token_is_sent_and_a_refusal_without_a_reason_is_explained() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let token = request.headers().get("x-amz-security-token");
        (token.is_none_or(|token| token != "fresh")).then(|| status(400))
    })
    .await;
    server.put("closed/object", b"bytes");
    let with = |token: &str| {
        StoreConfig::S3(S3Config {
            session_token: Some(Secret(token.to_owned())),
            ..weed_config(&server.url)
        })
    };
    let origin = origin_of(&with("fresh")).await;
    assert_eq!(origin.head(None, "object").await.unwrap().size, 5);
    let origin = origin_of(&with("stale")).await;
    let error = origin.head(None, "object").await.unwrap_err();
    assert_eq!(error.kind, Kind::AccessDenied);
    assert!(error.remedy.unwrap().contains("expired"));
}
