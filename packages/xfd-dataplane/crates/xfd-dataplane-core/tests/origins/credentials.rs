//! The AWS chain beyond variables and profiles: single sign-on, web identity, containers,
//! instances.
//!
//! One server stands in for AWS in each story: it gives keys to requests as AWS demands them, and is the
//! store that takes those keys only, with their session token, for HEAD and GET. As in
//! [`super::environment`], each story runs in a process of its own.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::json;

use crate::environment::{READ, outcome};
use crate::support::web::{Abilities, Answer, WebServer, status};

const KEY: &str = "CHAINKEY";
const SECRET: &str = "chain-secret";
const TOKEN: &str = "chain-token";
/// Of a year in which these keys will not be used any more.
const EXPIRATION: &str = "2096-01-05T10:00:00Z";

fn text(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()))
}

fn has(request: &Request<Bytes>, header: &str, value: &str) -> bool {
    request
        .headers()
        .get(header)
        .is_some_and(|given| given == value)
}

/// The store: 403 for requests without the keys.
fn store(request: &Request<Bytes>) -> Option<Answer> {
    let signed = request.headers().get("authorization");
    let signed = signed.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let with_key = signed.contains(&format!("Credential={KEY}/"));
    let with_token =
        has(request, "x-amz-security-token", TOKEN) && signed.contains("x-amz-security-token");
    (!with_key || !with_token).then(|| status(403))
}

async fn start(special: crate::support::web::Special) -> WebServer {
    let server = WebServer::start(Abilities::ALL, special).await;
    server.put("closed/object", b"12345");
    server
}

/// How the keys were asked for, in so many requests each time. The object was asked for twice by
/// HEAD and twice by GET.
fn questions(server: &WebServer, of_one_kind: usize) -> Vec<String> {
    let of_object = |method| {
        let requests = server.requests().into_iter();
        requests.filter(move |it| it.0 == method && it.1.contains("closed/object"))
    };
    assert_eq!(of_object(Method::HEAD).count(), 2);
    assert_eq!(of_object(Method::GET).count(), 2);
    let requests = server.requests().into_iter();
    let questions = requests.filter(|(_, uri)| !uri.contains("closed/object"));
    let mut questions: Vec<_> = questions
        .map(|(method, uri)| format!("{method} {uri}"))
        .collect();
    // Once for the SDK's requests, and once for those that are signed without it.
    assert!(questions.len() <= 2 * of_one_kind, "{questions:?}");
    questions.dedup();
    questions
}

#[tokio::test]
async fn a_container_s_credentials_are_asked_for_at_the_address_it_is_given() {
    let server = start(|request| match request.uri().path() {
        "/of-the-container" if has(request, "authorization", "pass") => Some(text(
            json!({
                "AccessKeyId": KEY,
                "SecretAccessKey": SECRET,
                "Token": TOKEN,
                "Expiration": EXPIRATION,
            })
            .to_string(),
        )),
        "/of-the-container" => Some(status(401)),
        _ => store(request),
    })
    .await;
    let address = format!("{}/of-the-container", server.url);
    let with = |pass: &'static str| {
        vec![
            ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
            (READ, "1"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", pass),
        ]
    };
    assert_eq!(outcome("object", &with("pass")).await, "5 bytes");
    assert_eq!(questions(&server, 1), ["GET /of-the-container"]);
    assert_eq!(outcome("object", &with("wrong")).await, "Credentials");
}

#[tokio::test]
async fn an_instance_s_credentials_are_asked_for_with_a_session_of_its_metadata() {
    let server = start(|request| {
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let path = request.uri().path();
        if path == "/latest/api/token" {
            let ttl = "x-aws-ec2-metadata-token-ttl-seconds";
            if request.method() != Method::PUT {
                return Some(status(405));
            }
            let mut response = text("session");
            let lasts = request.headers().get(ttl)?.clone();
            response.headers_mut().insert(ttl, lasts);
            return Some(response);
        }
        if !path.starts_with("/latest/") {
            return store(request);
        }
        if !has(request, "x-aws-ec2-metadata-token", "session") {
            return Some(status(401));
        }
        match path.strip_prefix(ROLES) {
            Some("") => Some(text("reader")),
            Some("reader") => Some(text(
                json!({
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "LastUpdated": "2026-01-05T10:00:00Z",
                    "AccessKeyId": KEY,
                    "SecretAccessKey": SECRET,
                    "Token": TOKEN,
                    "Expiration": EXPIRATION,
                })
                .to_string(),
            )),
            _ => Some(status(404)),
        }
    })
    .await;
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
        (READ, "1"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &server.url),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
    let asked = questions(&server, 5);
    assert_eq!(asked[0], "PUT /latest/api/token");
    assert!(
        asked
            .last()
            .unwrap()
            .ends_with("/security-credentials/reader")
    );
}

#[tokio::test]
async fn a_web_identity_is_exchanged_for_keys() {
    let server = start(|request| {
        if request.method() != Method::POST {
            return store(request);
        }
        let asked = String::from_utf8_lossy(request.body());
        let as_expected = asked.contains("Action=AssumeRoleWithWebIdentity")
            && asked.contains("WebIdentityToken=identity-of-the-pod")
            && asked.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Freader");
        if !as_expected {
            return Some(status(400));
        }
        Some(text(format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{KEY}</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>\
             <Expiration>{EXPIRATION}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        )))
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let identity = directory.path().join("identity");
    std::fs::write(&identity, "identity-of-the-pod").unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
        (READ, "1"),
        ("AWS_ENDPOINT_URL_STS", &server.url),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", identity.to_str().unwrap()),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
    assert_eq!(questions(&server, 1), ["POST /"]);
}

#[tokio::test]
async fn a_session_of_single_sign_on_is_exchanged_for_keys() {
    let server = start(|request| {
        if request.uri().path() != "/federation/credentials" {
            return store(request);
        }
        let query = request.uri().query().unwrap_or_default();
        let as_expected = has(request, "x-amz-sso_bearer_token", "signed-on")
            && query.contains("account_id=111122223333")
            && query.contains("role_name=reader");
        if !as_expected {
            return Some(status(401));
        }
        let keys = json!({"roleCredentials": {
            "accessKeyId": KEY,
            "secretAccessKey": SECRET,
            "sessionToken": TOKEN,
            "expiration": 3_976_596_000_000_u64,
        }});
        Some(text(keys.to_string()))
    })
    .await;
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    let profile = "[profile signed]\nsso_session = admin\nsso_account_id = 111122223333\n\
                   sso_role_name = reader\n[sso-session admin]\nsso_region = eu-north-1\n\
                   sso_start_url = https://example.invalid/start\n";
    std::fs::write(&config, profile).unwrap();
    // Named by the SHA-1 of the session's name, as `aws sso login` leaves it.
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let signed_on = json!({"accessToken": "signed-on", "expiresAt": EXPIRATION});
    let name = "d033e22ae348aeb5660fc2140aec35850c4da997.json";
    std::fs::write(cache.join(name), signed_on.to_string()).unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
        (READ, "1"),
        ("AWS_ENDPOINT_URL_SSO", &server.url),
        ("AWS_PROFILE", "signed"),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("HOME", home.path().to_str().unwrap()),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
    assert_eq!(questions(&server, 1).len(), 1);
}
