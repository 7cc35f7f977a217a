//! The hub: redirects that are kept, tokens that stay, and refusals with a reason.

use std::time::Duration;

use futures_util::future::join_all;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::{HubAccess, HubConfig, Secret, StoreConfig};
use xfd_dataplane_core::source::{Get, Origin};

use crate::places::{bytes_of, origin_of, pattern};
use crate::support::hub::{BUCKET, HubServer, blob_id, refusal};

const TOKEN: &str = "hf_hidden";

async fn origin(server: &HubServer) -> std::sync::Arc<dyn Origin> {
    let config = StoreConfig::Hub(HubConfig {
        endpoint: Some(server.url.clone()),
        hub: Some(HubAccess {
            token: Some(Secret(TOKEN.to_owned())),
        }),
    });
    origin_of(&config).await
}

/// A GET of a file at its commit.
fn get<'a>(location: &'a str, range: Option<std::ops::Range<u64>>) -> Get<'a> {
    Get {
        bucket: Some(BUCKET),
        key: location.split_once('/').unwrap().1,
        location: Some(location),
        range,
        etag: None,
        size: None,
    }
}

async fn read(
    origin: &dyn Origin,
    location: &str,
    range: Option<std::ops::Range<u64>>,
) -> Result<Vec<u8>, Error> {
    bytes_of(origin.get(get(location, range)).await).await
}

#[tokio::test]
async fn many_readers_ask_the_hub_once_and_it_alone_gets_the_token() {
    let server = HubServer::start().await;
    let bytes = pattern(100_000);
    let location = server.put("dir/a b.bin", &bytes);
    let origin = origin(&server).await;
    let readers = (0..20u64).map(|at| read(&*origin, &location, Some(at * 5000..(at + 1) * 5000)));
    let parts = join_all(readers).await;
    let parts: Vec<_> = parts.into_iter().map(Result::unwrap).collect();
    assert!(parts.concat() == bytes);
    let (hub, store) = server.seen();
    assert_eq!((hub.len(), store.len()), (1, 20));
    assert_eq!(hub[0].authorization.as_deref(), Some("Bearer hf_hidden"));
    assert!(store.iter().all(|seen| seen.authorization.is_none()));
    assert!(!format!("{origin:?}").contains("hidden"));
}

#[tokio::test]
async fn a_small_file_comes_from_the_hub_itself_with_the_token() {
    let server = HubServer::start().await;
    let location = server.put("config.json", b"{}");
    let origin = origin(&server).await;
    for _ in 0..2 {
        assert_eq!(read(&*origin, &location, None).await.unwrap(), b"{}");
    }
    let (hub, store) = server.seen();
    // One redirect inside the hub, which is kept too.
    assert_eq!((hub.len(), store.len()), (3, 0));
    assert!(hub.iter().all(|seen| seen.authorization.is_some()));
}

#[tokio::test]
async fn an_address_that_ended_is_asked_for_again_before_an_error_counts() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    let origin = origin(&server).await;
    assert_eq!(read(&*origin, &location, Some(0..3)).await.unwrap(), b"012");
    server.revoke();
    let readers = (0..5).map(|_| read(&*origin, &location, Some(3..6)));
    for bytes in join_all(readers).await {
        assert_eq!(bytes.unwrap(), b"345");
    }
    let asked = server.seen().0.len();
    assert!((2..=6).contains(&asked), "{asked}");
    for status in [400, 403, 404, 410, 500, 502, 503] {
        server.store_answers(refusal(status, &[]));
        assert_eq!(
            read(&*origin, &location, None).await.unwrap(),
            b"0123456789"
        );
    }
    assert_eq!(server.seen().0.len(), asked + 7);
}

#[tokio::test]
async fn an_address_that_stays_bad_is_an_error_after_one_more() {
    for (status, kind) in [
        (403, Kind::AccessDenied),
        (404, Kind::ObjectNotFound),
        (500, Kind::OriginUnreachable),
    ] {
        let server = HubServer::start().await;
        let location = server.put("a.bin", b"0123456789");
        let origin = origin(&server).await;
        for _ in 0..2 {
            server.store_answers(refusal(status, &[]));
        }
        let error = read(&*origin, &location, None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert_eq!(error.object.as_deref(), Some("a.bin"));
        let (hub, store) = server.seen();
        assert_eq!((hub.len(), store.len()), (2, 2));
    }
}

#[tokio::test]
async fn an_address_near_its_end_is_not_used() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    server.signs_for(Duration::ZERO);
    let origin = origin(&server).await;
    for _ in 0..3 {
        read(&*origin, &location, None).await.unwrap();
    }
    assert_eq!(server.seen().0.len(), 3);
}

#[tokio::test]
async fn what_the_hub_says_of_a_file_is_compared_with_what_was_found() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    let origin = origin(&server).await;
    let etag = format!("\"{}\"", blob_id(b"0123456789"));
    let asked = |etag, size| {
        let asked = Get {
            etag: Some(etag),
            size: Some(size),
            ..get(&location, None)
        };
        origin.get(asked)
    };
    let read = bytes_of(asked(&etag, 10).await).await;
    assert_eq!(read.unwrap(), b"0123456789");
    server.revoke();
    let error = bytes_of(asked("\"another\"", 10).await).await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectChanged);
    server.says_size(11);
    let error = bytes_of(asked(&etag, 10).await).await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectChanged);
    assert!(error.what.contains("11 bytes"), "{error}");
}

#[tokio::test]
async fn a_refusal_names_what_to_do() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    let origin = origin(&server).await;
    for (status, headers, kind, remedy) in [
        (
            403,
            &[("x-error-code", "GatedRepo")][..],
            Kind::AccessDenied,
            "Accept its licence at",
        ),
        (
            401,
            &[("x-error-code", "RepoNotFound")],
            Kind::ObjectNotFound,
            "HF_TOKEN",
        ),
        (401, &[], Kind::AccessDenied, "hf auth login"),
    ] {
        server.hub_answers(refusal(status, headers));
        let error = read(&*origin, &location, None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.remedy.clone().unwrap().contains(remedy), "{error:?}");
        assert!(!format!("{error:?}").contains("hidden"));
    }
    let gone = location.replace("a.bin", "b.bin");
    let error = read(&*origin, &gone, None).await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    assert!(error.remedy.unwrap().contains("list a file"));
    // Neither a hub that is asked for nothing, nor one that is asked twice.
    assert_eq!(server.seen().0.len(), 4);
}

#[tokio::test]
async fn a_hub_that_throttles_says_for_how_long_and_all_readers_hear_it() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    let origin = origin(&server).await;
    server.hub_answers(refusal(429, &[("ratelimit", "\"resolvers\";r=0;t=250")]));
    let readers = (0..10).map(|_| read(&*origin, &location, None));
    for read in join_all(readers).await {
        let error = read.unwrap_err();
        assert_eq!(error.kind, Kind::OriginThrottled);
        assert_eq!(error.retry_after, Some(Duration::from_secs(250)));
    }
    assert_eq!(server.seen().0.len(), 1);
    assert_eq!(
        read(&*origin, &location, None).await.unwrap(),
        b"0123456789"
    );
}

#[tokio::test]
async fn a_token_does_not_come_back_with_a_redirect_through_another_place() {
    let server = HubServer::start().await;
    let location = server.put("a.bin", b"0123456789");
    let origin = origin(&server).await;
    let back = format!("{}/org/name/resolve/main/a.bin", server.url);
    let store = server.url.clone();
    read(&*origin, &location, None).await.unwrap();
    let before = server.seen().0.len();
    server.store_answers(refusal(302, &[("location", &back)]));
    read(&*origin, &location, None).await.unwrap();
    let (hub, _) = server.seen();
    assert_eq!(hub.len(), before + 1, "{store}");
    assert_eq!(hub[before].authorization, None);
}
