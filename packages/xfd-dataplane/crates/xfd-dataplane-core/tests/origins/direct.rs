//! GETs that the SDK only showed the way: the first of a bucket goes through it, the others do not.
//! That they are signed right, the conformance suite's real servers say.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{S3Config, Secret, StoreConfig};
use xfd_dataplane_core::source::Origin;

use crate::places::{bytes_of, get, origin_of, weed_config};
use crate::support::web::{Abilities, Answer, Special, WebServer};

const SLOW_DOWN: &str = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Less &amp; \
                         less</Message></Error>";

async fn store(special: Special) -> (WebServer, std::sync::Arc<dyn Origin>) {
    let server = WebServer::start(Abilities::ALL, special).await;
    let config = S3Config {
        bucket: "bucket".to_owned(),
        access_key_id: Some("id".to_owned()),
        secret_access_key: Some(Secret("secret".to_owned())),
        session_token: Some(Secret("token".to_owned())),
        region: Some("eu-west-1".to_owned()),
        ..weed_config(&server.url)
    };
    let origin = origin_of(&StoreConfig::S3(config)).await;
    (server, origin)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn is_direct(request: &Request<Bytes>) -> bool {
    header(request.headers(), "user-agent").starts_with("xfd/")
}

fn says(text: &str) -> Option<Answer> {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())));
    answer
        .headers_mut()
        .insert("etag", "\"e\"".parse().unwrap());
    Some(answer)
}

fn refuses(status: u16, body: &'static str) -> Option<Answer> {
    let answer = Response::builder()
        .status(status)
        .header("retry-after", "7");
    Some(answer.body(Full::new(Bytes::from(body))).unwrap())
}

/// "direct" to a request that has all that the SDK's has, and "sdk" to the SDK's.
fn tells_who_asked(request: &Request<Bytes>) -> Option<Answer> {
    let headers = request.headers();
    let signature = header(headers, "authorization");
    let is_complete = signature.starts_with("AWS4-HMAC-SHA256 Credential=id/")
        && signature.contains("/eu-west-1/s3/aws4_request")
        && [
            "host",
            "if-match",
            "range",
            "x-amz-content-sha256",
            "x-amz-date",
        ]
        .iter()
        .all(|name| signature.contains(name))
        && header(headers, "x-amz-security-token") == "token"
        && header(headers, "if-match") == "\"e\""
        && request.uri().path().starts_with("/bucket/a%20b/")
        && request.uri().query() == Some("x-id=GetObject");
    match (is_complete, is_direct(request)) {
        (true, true) => says("direct"),
        (true, false) => says("sdk"),
        _ => refuses(400, ""),
    }
}

async fn read(origin: &dyn Origin, key: &str) -> Result<String, Kind> {
    let body = origin.get(get(key, Some(0..3), Some("\"e\""))).await;
    let bytes = bytes_of(body).await.map_err(|error| error.kind)?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn the_second_request_has_all_that_the_sdks_has() {
    let (_server, origin) = store(tells_who_asked).await;
    assert_eq!(read(&*origin, "a b/1").await.as_deref(), Ok("sdk"));
    assert_eq!(read(&*origin, "a b/2").await.as_deref(), Ok("dir"));
    assert_eq!(read(&*origin, "a b/3+é").await.as_deref(), Ok("dir"));
}

fn refuses_direct_ones(request: &Request<Bytes>) -> Option<Answer> {
    match is_direct(request) {
        true => refuses(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
        false => says("sdk"),
    }
}

#[tokio::test]
async fn a_store_that_refuses_a_direct_request_is_asked_by_the_sdk_from_then_on() {
    let (server, origin) = store(refuses_direct_ones).await;
    for (key, requests) in [("1", 1), ("2", 3), ("3", 4)] {
        assert_eq!(read(&*origin, key).await.as_deref(), Ok("sdk"));
        assert_eq!(server.requests().len(), requests);
    }
}

fn is_busy_after_the_first(request: &Request<Bytes>) -> Option<Answer> {
    match (request.uri().path().ends_with("/gone"), is_direct(request)) {
        (true, true) => refuses(404, ""),
        (false, true) => refuses(503, SLOW_DOWN),
        _ => says("sdk"),
    }
}

#[tokio::test]
async fn a_direct_requests_refusal_is_read_as_the_sdks_is() {
    let (server, origin) = store(is_busy_after_the_first).await;
    assert_eq!(read(&*origin, "1").await.as_deref(), Ok("sdk"));
    let Err(error) = origin.get(get("2", None, None)).await else {
        panic!("A store that asks for patience gave an object");
    };
    assert_eq!(error.kind, Kind::OriginThrottled);
    assert_eq!(error.retry_after.map(|wait| wait.as_secs()), Some(7));
    assert!(error.to_string().contains("Less & less"), "{error}");
    assert_eq!(read(&*origin, "gone").await, Err(Kind::ObjectNotFound));
    assert_eq!(server.requests().len(), 3);
}

/// A store whose clock is an hour ahead of this machine's, and which looks at it.
fn is_an_hour_ahead(request: &Request<Bytes>) -> Option<Answer> {
    let now = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let now = aws_smithy_types::DateTime::from(now);
    let date = now
        .fmt(aws_smithy_types::date_time::Format::HttpDate)
        .unwrap();
    let signed = header(request.headers(), "x-amz-date");
    let hour = now
        .fmt(aws_smithy_types::date_time::Format::DateTime)
        .unwrap()[..13]
        .replace('-', "");
    let is_right = signed.starts_with(&hour);
    let body = match is_right {
        true => "bytes",
        false => "<Error><Code>RequestTimeTooSkewed</Code></Error>",
    };
    let answer = Response::builder()
        .status(if is_right { 200 } else { 403 })
        .header("date", date)
        .header("etag", "\"e\"");
    Some(answer.body(Full::new(Bytes::from(body))).unwrap())
}

#[tokio::test]
async fn what_a_store_refuses_because_of_the_clock_is_repeated_by_the_stores_clock() {
    let (server, origin) = store(is_an_hour_ahead).await;
    let first = origin.head(None, "a").await;
    let error = first.err().unwrap();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.what.contains("3600 s behind"), "{error}");
    assert_eq!(origin.head(None, "a").await.unwrap().size, 5);
    for key in ["1", "2"] {
        assert_eq!(read(&*origin, key).await.as_deref(), Ok("byt"));
    }
    assert_eq!(server.requests().len(), 4);
}
