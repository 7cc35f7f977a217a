//! Google and Azure: keys, refusals and lists in their own forms.

use std::sync::Arc;
use std::time::Duration;

use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{
    AzureAccess, AzureConfig, ChecksumAlgorithm, GcsAccess, GcsConfig, Secret, StoreConfig,
};
use xfd_dataplane_core::source::Origin;

use crate::places::{self, Place, azure_config, bytes_of, gcs_config, get, origin_of};
use crate::support::raw::{RawServer, Step};
use crate::support::{azurite, gcs};

/// Keys that other clients change on their way.
const ODD: [&str; 10] = [
    "/leading",
    "strange//double",
    "strange/a%2Fb",
    "strange/colon:semi;",
    "strange/hash#mark",
    "strange/plus+and space",
    "strange/question?mark=1&2",
    "strange/trailing.",
    "strange/zwölf/日本語",
    "strange/~tilde",
];

async fn reads_as_listed(place: &Place, keys: &[&str]) {
    for key in keys {
        place.put(key, key.as_bytes()).await;
    }
    let listed = place.origin.list(None, "").await.unwrap();
    for key in keys {
        let listed = listed.iter().find(|found| found.key == *key);
        let listed = listed.unwrap_or_else(|| panic!("{key} is not listed"));
        let found = place.origin.head(None, key).await.unwrap();
        assert_eq!(found.etag, listed.etag, "{key}");
        assert_eq!(found.last_modified_ns, listed.last_modified_ns, "{key}");
        let body = place.origin.get(get(key, None, listed.etag.as_deref()));
        let bytes = bytes_of(body.await).await.unwrap();
        assert_eq!(bytes, key.as_bytes(), "{key}");
    }
}

#[tokio::test]
async fn keys_of_google_are_read_as_they_are_listed() {
    let Some(place) = places::google().await else {
        return;
    };
    reads_as_listed(&place, &ODD).await;
    reads_as_listed(&place, &["dots/./a", "dots/../b", "dots/.", "back\\slash"]).await;
}

#[tokio::test]
async fn keys_of_azure_are_read_as_they_are_listed_or_refused_by_name() {
    let Some(place) = places::azure().await else {
        return;
    };
    reads_as_listed(&place, &ODD).await;
    for key in ["dots/./a", "dots/../b", "back\\slash"] {
        let error = place.origin.head(None, key).await.unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest);
        let body = place.origin.get(get(key, None, None)).await;
        let error = bytes_of(body).await.unwrap_err();
        assert!(error.object.unwrap().ends_with(key));
    }
}

#[tokio::test]
async fn markers_of_folders_are_objects_with_a_slash_at_their_end() {
    for place in [places::google().await, places::azure().await] {
        let Some(place) = place else { continue };
        place.put("marked/folder/", b"").await;
        place.put("marked/folder/a", b"a").await;
        let listed = place.origin.list(None, "marked").await.unwrap();
        let keys: Vec<_> = listed.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(keys, ["marked/folder/", "marked/folder/a"]);
    }
}

#[tokio::test]
async fn checksums_come_with_lists_heads_and_whole_bodies() {
    for (place, algorithm, value) in [
        (
            places::google().await,
            ChecksumAlgorithm::Crc32c,
            "9a71bb4c",
        ),
        (
            places::azure().await,
            ChecksumAlgorithm::Md5,
            "5d41402abc4b2a76b9719d911017c592",
        ),
    ] {
        let Some(place) = place else { continue };
        place.put("summed/object", b"hello").await;
        let mut sums = vec![
            place
                .origin
                .head(None, "summed/object")
                .await
                .unwrap()
                .checksum,
            place.origin.list(None, "summed").await.unwrap()[0]
                .checksum
                .clone(),
        ];
        let whole = place.origin.get(get("summed/object", None, None)).await;
        sums.push(whole.unwrap().checksum.clone());
        for sum in sums {
            let sum = sum.unwrap();
            assert_eq!((sum.algorithm, sum.value.as_str()), (algorithm, value));
        }
        let part = place.origin.get(get("summed/object", Some(0..2), None));
        assert!(part.await.unwrap().checksum.is_none());
    }
}

#[tokio::test]
async fn what_google_keeps_compressed_is_read_as_it_is_kept() {
    let Some(place) = places::google().await else {
        return;
    };
    let endpoint = gcs::gcs().unwrap();
    // Of "hello", by gzip.
    let kept = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10,
        0x36, 5, 0, 0, 0,
    ];
    gcs::put_with(endpoint, "kept/gzip", &kept, "&contentEncoding=gzip").await;
    let found = place.origin.head(None, "kept/gzip").await.unwrap();
    assert_eq!(found.size, kept.len() as u64);
    for range in [None, Some(0..10)] {
        let end = range
            .as_ref()
            .map_or(kept.len(), |range| range.end as usize);
        let body = place.origin.get(get("kept/gzip", range, None));
        assert_eq!(bytes_of(body.await).await.unwrap(), kept[..end]);
    }
}

async fn errors_of(origin: &Arc<dyn Origin>, bucket: Option<&str>) -> [Error; 3] {
    let get = xfd_dataplane_core::source::Get {
        bucket,
        ..get("k", None, None)
    };
    [
        origin.head(bucket, "k").await.unwrap_err(),
        origin.list(bucket, "k").await.unwrap_err(),
        bytes_of(origin.get(get).await).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    for place in [places::google().await, places::azure().await] {
        let Some(place) = place else { continue };
        for error in errors_of(&place.origin, Some("absent")).await {
            assert_eq!(error.kind, Kind::ObjectNotFound, "{error:?}");
            assert!(error.object.as_deref().unwrap().contains("//absent/k"));
        }
    }
}

#[tokio::test]
async fn keys_that_azure_does_not_know_are_refused() {
    let Some(endpoint) = tokio::task::spawn_blocking(azurite::azurite).await.unwrap() else {
        return;
    };
    let with = |access: AzureAccess, anonymous| {
        StoreConfig::Azure(AzureConfig {
            anonymous,
            azure: Some(AzureAccess {
                account: Some(azurite::ACCOUNT.to_owned()),
                ..access
            }),
            ..azure_config(endpoint)
        })
    };
    let key = |key: &str| AzureAccess {
        account_key: Some(Secret(key.to_owned())),
        ..AzureAccess::default()
    };
    let sas = AzureAccess {
        sas_token: Some(Secret(
            "?sv=2023-11-03&sig=c2VjcmV0&se=2020-01-01".to_owned(),
        )),
        ..AzureAccess::default()
    };
    for (config, kinds) in [
        (
            with(key("c2VjcmV0"), false),
            [Kind::AccessDenied].as_slice(),
        ),
        (with(key("no base 64!"), false), &[Kind::Credentials]),
        (with(sas, false), &[Kind::AccessDenied]),
        // The container is not public; the store does not say that it is there.
        (
            with(AzureAccess::default(), true),
            &[Kind::ObjectNotFound, Kind::AccessDenied],
        ),
    ] {
        let origin = origin_of(&config).await;
        for error in errors_of(&origin, None).await {
            assert!(kinds.contains(&error.kind), "{config:?}: {error:?}");
            assert!(!format!("{error:?}").contains("c2VjcmV0"), "{error:?}");
        }
    }
}

/// A store of each kind at a server, read by someone whom it does not know.
fn stores(url: &str) -> [StoreConfig; 2] {
    let bearer = Some(Secret("bearer-secret".to_owned()));
    [
        StoreConfig::Gcs(GcsConfig {
            anonymous: false,
            gcs: Some(GcsAccess {
                bearer,
                service_account: None,
            }),
            ..gcs_config(url)
        }),
        StoreConfig::Azure(azure_config(url)),
    ]
}

#[tokio::test]
async fn refusals_are_kinds() {
    for (status, headers, body, kind, wait) in [
        ("401 No", "", "", Kind::AccessDenied, None),
        (
            "403 No",
            "x-ms-error-code: AuthorizationFailure\r\n",
            "",
            Kind::AccessDenied,
            None,
        ),
        (
            "403 No",
            "x-ms-error-code: rateLimitExceeded\r\n",
            r#"{"error": {"errors": [{"reason": "rateLimitExceeded"}], "message": "slowly"}}"#,
            Kind::OriginThrottled,
            None,
        ),
        (
            "429 No",
            "Retry-After: 7\r\n",
            "",
            Kind::OriginThrottled,
            Some(7),
        ),
        (
            "503 No",
            "Retry-After: 3\r\nx-ms-error-code: ServerBusy\r\n",
            "",
            Kind::OriginThrottled,
            Some(3),
        ),
        ("500 No", "", "", Kind::OriginUnreachable, None),
        ("404 No", "", "", Kind::ObjectNotFound, None),
        (
            "409 No",
            "x-ms-error-code: BlobArchived\r\n",
            "",
            Kind::OriginAnswer,
            None,
        ),
        (
            "302 No",
            "Location: http://127.0.0.1:9/\r\n",
            "",
            Kind::OriginAnswer,
            None,
        ),
        ("204 No", "", "", Kind::OriginAnswer, None),
    ] {
        let text = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let server = RawServer::start(move |request| {
            let body = if request.starts_with("HEAD") {
                ""
            } else {
                body
            };
            vec![Step::Send(format!("{text}{body}"))]
        })
        .await;
        for config in stores(&server.url) {
            let origin = origin_of(&config).await;
            for error in errors_of(&origin, None).await {
                assert_eq!(error.kind, kind, "{status} {config:?}: {error:?}");
                assert_eq!(error.retry_after, wait.map(Duration::from_secs));
                assert!(!format!("{error:?}").contains("secret"));
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_whole_is_refused() {
    let items = |more: &str| {
        format!(r#"{{{more}"items": [{{"name": "p/a", "size": "1", "generation": "1"}}]}}"#)
    };
    let blobs = |end: &str| {
        format!(
            "<EnumerationResults><Blobs><Blob><Name>p/a</Name><Properties><Content-Length>1\
             </Content-Length></Properties></Blob></Blobs>{end}</EnumerationResults>"
        )
    };
    let twice = items(r#""nextPageToken": "t", "#);
    for (google, azure, words) in [
        (twice, blobs("<NextMarker>m</NextMarker>"), "twice"),
        (
            r#"{"nextPageToken": "t"}"#.to_owned(),
            "<EnumerationResults><NextMarker>m</NextMarker></EnumerationResults>".to_owned(),
            "again and again",
        ),
        (
            items("").replace("p/a", "q/a"),
            blobs("<NextMarker/>").replace("p/a", "q/a"),
            "not under the prefix",
        ),
        (
            items("")[..40].to_owned(),
            blobs("<NextMarker/>")[..90].to_owned(),
            "cannot be read",
        ),
    ] {
        let server = RawServer::start(move |request| {
            let body = match request.contains("/storage/v1/") {
                true => &google,
                false => &azure,
            };
            let length = body.len();
            vec![Step::Send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            ))]
        })
        .await;
        for config in stores(&server.url) {
            let error = origin_of(&config).await.list(None, "p").await.unwrap_err();
            assert_eq!(error.kind, Kind::OriginAnswer, "{error:?}");
            assert!(error.what.contains(words), "{error:?}");
        }
    }
}
