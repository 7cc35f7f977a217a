//! Stores that speak S3 in ways of their own, played by a web server of this process.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{HttpConfig, S3Config, StoreConfig};
use xfd_dataplane_core::source::Get;

use crate::places::{bytes_of, get, origin_of, weed_config};
use crate::support::web::{Abilities, Special, WebServer, status};

/// A page with one key.
fn page(key: &str, encoding: &str) -> Response<Full<Bytes>> {
    let text = format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{encoding}<Contents><Key>{key}</Key>\
         <Size>5</Size><ETag>one</ETag></Contents></ListBucketResult>"
    );
    Response::new(Full::new(Bytes::from(text)))
}

#[tokio::test]
async fn keys_that_xml_cannot_hold_are_listed_as_they_are() {
    let replaces = WebServer::start(Abilities::ALL, |request| {
        let is_asked = request.uri().query()?.contains("encoding-type=url");
        Some(match is_asked {
            true => page("a/%01+b%2Bc%20d", "<EncodingType>url</EncodingType>"),
            false => page("a/\u{fffd} b+c d", ""),
        })
    })
    .await;
    let breaks = WebServer::start(Abilities::ALL, |request| {
        let is_asked = request.uri().query()?.contains("encoding-type=url");
        Some(match is_asked {
            true => page("a/%01+b%2Bc%20d", "<EncodingType>url</EncodingType>"),
            false => page("a/\u{1} b+c d", ""),
        })
    })
    .await;
    for server in [replaces, breaks] {
        let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
        let found = origin.list(None, "a").await.unwrap();
        assert_eq!(found[0].key, "a/\u{1} b+c d");
    }
    let cannot = WebServer::start(Abilities::ALL, |_| Some(page("a/\u{fffd}+", ""))).await;
    let origin = origin_of(&StoreConfig::S3(weed_config(&cannot.url))).await;
    assert_eq!(origin.list(None, "a").await.unwrap()[0].key, "a/\u{fffd}+");
}

/// What the prefix `p` is in stores that answer lists in ways of their own: one row for each way
/// in which an answer gets from the wire to the list. What a page may say is in the tests of
/// `source::s3::pages`.
#[tokio::test]
async fn a_list_is_whole_or_an_error() {
    fn text(text: impl Into<Bytes>) -> Option<Response<Full<Bytes>>> {
        Some(Response::new(Full::new(text.into())))
    }
    fn contents(key: &str) -> String {
        format!("<Contents><Key>{key}</Key><Size>5</Size></Contents>")
    }
    let both = Ok(vec!["p/a".to_owned(), "p/b".to_owned()]);
    let refused = |kind| Err::<Vec<String>, _>(kind);
    let stores: [(Special, _); 7] = [
        // Version 1 alone: tokens mean nothing to it.
        (
            |request| {
                let query = request.uri().query()?;
                text(match query.contains("marker=p%2Fa") {
                    false => format!(
                        "<ListBucketResult><Marker/><IsTruncated>true</IsTruncated>{}\
                         </ListBucketResult>",
                        contents("p/a")
                    ),
                    true if query.contains("list-type") => "<Error/>".to_owned(),
                    true => format!(
                        "<ListBucketResult><Marker>p/a</Marker><IsTruncated>false</IsTruncated>{}\
                         </ListBucketResult>",
                        contents("p/b")
                    ),
                })
            },
            both.clone(),
        ),
        (
            |request| {
                let query = request.uri().query()?;
                let next = match query.contains("continuation-token=one") {
                    true => "two",
                    false => "one",
                };
                text(format!(
                    "<ListBucketResult><IsTruncated>true</IsTruncated>\
                     <NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
                ))
            },
            refused(Kind::OriginAnswer),
        ),
        (
            |_| text("<ListBucketResult><IsTruncated>false</IsTruncated>"),
            refused(Kind::OriginAnswer),
        ),
        (
            |_| text("<html><body>Welcome</body></html>"),
            refused(Kind::OriginAnswer),
        ),
        (|_| text(""), refused(Kind::OriginAnswer)),
        (
            |_| text("<Error><Code>SlowDown</Code><Message>Wait</Message></Error>"),
            refused(Kind::OriginThrottled),
        ),
        (
            |_| text("<Error><Code>AccessDenied</Code></Error>"),
            refused(Kind::AccessDenied),
        ),
    ];
    for (at, (store, expected)) in stores.into_iter().enumerate() {
        let server = WebServer::start(Abilities::ALL, store).await;
        let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
        let found = origin.list(None, "p").await;
        let keys = found.map(|found| found.into_iter().map(|object| object.key).collect());
        assert_eq!(keys.map_err(|error| error.kind), expected, "row {at}");
    }
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// What stores do with If-Match that cannot do it right, and what becomes of the GET.
#[tokio::test]
async fn a_store_that_knows_no_conditions_is_compared_with() {
    let stores: [(Special, &str, _); 5] = [
        (
            |request| header(request, "if-match").map(|_| status(501)),
            "\"write-1\"",
            Ok(()),
        ),
        // Its ETags are compared as they were written, and a list quotes them in another way.
        (
            |request| header(request, "if-match").map(|_| status(412)),
            "\"write-1\"",
            Ok(()),
        ),
        (|_| None, "W/\"write-1\"", Ok(())),
        (
            |request| header(request, "if-match").map(|_| status(501)),
            "\"other\"",
            Err(Kind::OriginAnswer),
        ),
        (|_| None, "\"other\"", Err(Kind::ObjectChanged)),
    ];
    for (at, (store, etag, expected)) in stores.into_iter().enumerate() {
        let server = WebServer::start(Abilities::ALL, store).await;
        server.put("closed/object", b"the bytes");
        let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
        for range in [Some(0..9), Some(0..3), None] {
            let body = origin.get(get("object", range, Some(etag))).await;
            let read = bytes_of(body).await.map(drop).map_err(|error| error.kind);
            assert_eq!(read, expected, "row {at}");
        }
        let web = StoreConfig::Http(HttpConfig::of(&format!("{}/closed", server.url)));
        let web = origin_of(&web).await;
        for range in [Some(0..9), None] {
            let body = web.get(get("object", range, Some(etag))).await;
            let read = bytes_of(body).await.map(drop).map_err(|error| error.kind);
            assert_eq!(read, expected, "row {at} of a web server");
        }
        // Asked in vain once, not before each GET.
        let most = if expected.is_ok() { 7 } else { 10 };
        assert!(server.requests().len() <= most, "row {at}");
    }
}

#[tokio::test]
async fn a_head_without_a_reason_is_explained_by_a_get() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let mut response = status(400);
        if request.method() == http::Method::GET {
            *response.body_mut() = Full::new(Bytes::from(
                "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of \
                 Server Side Encryption.</Message></Error>",
            ));
        }
        Some(response)
    })
    .await;
    let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
    let error = origin.head(None, "object").await.unwrap_err();
    assert_eq!(error.kind, Kind::AccessDenied);
    assert!(error.what.contains("Server Side Encryption"), "{error}");
    let remedy = error.remedy.unwrap();
    assert!(remedy.contains("sse_customer_key"), "{remedy}");
}

/// A redirect of a store is followed to the store itself, signed anew, and no further.
#[tokio::test]
async fn a_store_s_redirect_is_followed_where_keys_may_go() {
    let foreign = WebServer::start(Abilities::ALL, |_| None).await;
    foreign.put("closed/object", b"foreign");
    let server = WebServer::start(Abilities::ALL, |request| {
        let to = match request.uri().path() {
            "/closed/object" => "/moved/closed/object".to_owned(),
            "/closed/away" => "http://store.invalid/closed/object".to_owned(),
            "/closed/inside" => "http://169.254.169.254/closed/object".to_owned(),
            _ => {
                header(request, "authorization").expect("it is signed");
                return None;
            }
        };
        let mut response = status(307);
        let to = to.parse().unwrap();
        response.headers_mut().insert("location", to);
        Some(response)
    })
    .await;
    server.put("moved/closed/object", b"moved");
    let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
    assert_eq!(origin.head(None, "object").await.unwrap().size, 5);
    for range in [None, Some(0..5), Some(1..3)] {
        let body = origin.get(get("object", range, None)).await;
        assert!(!bytes_of(body).await.unwrap().is_empty());
    }
    for key in ["away", "inside"] {
        let error = origin.head(None, key).await.unwrap_err();
        assert_eq!(error.kind, Kind::OriginAnswer, "{error}");
        assert!(error.what.contains("redirects to"), "{error}");
        let body = origin.get(get(key, Some(0..3), None)).await;
        assert_eq!(bytes_of(body).await.unwrap_err().kind, Kind::OriginAnswer);
    }
    assert!(foreign.requests().is_empty());
}

#[tokio::test]
async fn who_pays_is_told_with_each_request() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let pays = header(request, "x-amz-request-payer") == Some("requester");
        let is_signed = header(request, "authorization")?.contains("x-amz-request-payer");
        if !pays || !is_signed {
            return Some(status(403));
        }
        let is_list = request.uri().query()?.contains("list-type");
        is_list.then(|| page("p/object", ""))
    })
    .await;
    server.put("closed/object", b"paid");
    let config = S3Config {
        request_payer: Some("requester".to_owned()),
        ..weed_config(&server.url)
    };
    let origin = origin_of(&StoreConfig::S3(config)).await;
    assert_eq!(origin.head(None, "object").await.unwrap().size, 4);
    assert_eq!(origin.list(None, "p").await.unwrap().len(), 1);
    for range in [None, Some(0..4), Some(1..2)] {
        let body = origin.get(get("object", range, None)).await;
        assert!(!bytes_of(body).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_version_is_asked_for_in_each_request() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let query = request.uri().query().unwrap_or_default();
        let is_it = query.split('&').any(|pair| pair == "versionId=one%2Btwo");
        (!is_it).then(|| status(404))
    })
    .await;
    server.put("closed/object", b"older");
    let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
    let bucket = Some("closed?versionId=one+two");
    assert_eq!(origin.head(bucket, "object").await.unwrap().size, 5);
    for range in [None, Some(0..5), Some(1..3)] {
        let body = origin.get(Get {
            bucket,
            ..get("object", range, None)
        });
        assert!(!bytes_of(body.await).await.unwrap().is_empty());
    }
    let error = origin.head(None, "object").await.unwrap_err();
    assert_eq!(error.kind, Kind::ObjectNotFound);
    let error = origin.list(bucket, "object").await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}

/// Successes that bring no object: the length of a 204 is not its size.
#[tokio::test]
async fn only_a_200_brings_an_object_or_a_list() {
    let stores: [Special; 6] = [
        |_| Some(status(201)),
        |_| Some(status(202)),
        |_| Some(status(203)),
        |_| Some(status(204)),
        |_| Some(status(205)),
        |_| Some(status(206)),
    ];
    for (at, store) in stores.into_iter().enumerate() {
        let server = WebServer::start(Abilities::ALL, store).await;
        let origin = origin_of(&StoreConfig::S3(weed_config(&server.url))).await;
        let head = origin.head(None, "k").await.map(drop);
        let list = origin.list(None, "p").await.map(drop);
        let got = bytes_of(origin.get(get("k", Some(0..5), None)).await).await;
        for (what, answer) in [("HEAD", head), ("list", list), ("GET", got.map(drop))] {
            let error = answer.unwrap_err();
            let is_cut = what == "GET" && error.kind == Kind::OriginUnreachable;
            assert!(
                is_cut || error.kind == Kind::OriginAnswer,
                "{what} of row {at}: {error:?}"
            );
        }
    }
}
