//! What the environment says: endpoint, credentials, region and proxies.
//!
//! A process has one environment, so each story runs this test binary again with one of its own.

use std::path::Path;
use std::process::Command;

use xfd_dataplane_core::model::{AddressingStyle, AzureConfig, GcsConfig, S3Config, StoreConfig};
use xfd_dataplane_core::source::{ConnectOptions, connect};

use crate::places::{azure_config, bytes_of, gcs_config, get, weed_config};
use crate::support::web::{Abilities, WebServer, status};
use crate::support::{s3, tls, weed};

const ASK: &str = "XFD_TEST_ASK_FOR";
const VIRTUAL: &str = "XFD_TEST_VIRTUAL_HOST";
/// The store to ask instead of S3, and its endpoint.
pub const STORE: &str = "XFD_TEST_STORE";
pub const ENDPOINT: &str = "XFD_TEST_ENDPOINT";
/// Whether the object is read as well.
pub const READ: &str = "XFD_TEST_READ";

/// The part that runs in the other environment: HEAD of one object, twice, as one origin of a long
/// run, and GETs between them where they are asked for; prints the outcome.
#[tokio::test]
#[ignore = "run by the other tests of this file"]
async fn ask() {
    let Ok(key) = std::env::var(ASK) else { return };
    let connected = connect(&described(), &ConnectOptions::default()).await;
    let origin = match connected {
        Ok(origin) => origin,
        Err(error) => return println!("\noutcome: {:?}\n{error:?}", error.kind),
    };
    let _ = origin.head(None, &key).await;
    if std::env::var(READ).is_ok() {
        for range in [None, Some(1..3)] {
            let body = origin.get(get(&key, range.clone(), None)).await;
            match bytes_of(body).await {
                Ok(bytes) => println!("\nread {range:?}: {}", bytes.len()),
                Err(error) => return println!("\noutcome: {:?}\n{error:?}", error.kind),
            }
        }
    }
    match origin.head(None, &key).await {
        Ok(found) => println!("\noutcome: {} bytes", found.size),
        Err(error) => println!("\noutcome: {:?}\n{error:?}", error.kind),
    }
}

/// A store of which the environment says the rest.
fn described() -> StoreConfig {
    let endpoint = std::env::var(ENDPOINT).ok();
    match std::env::var(STORE).as_deref() {
        Ok("gcs") => StoreConfig::Gcs(GcsConfig {
            endpoint,
            anonymous: false,
            ..gcs_config("")
        }),
        Ok("azure") => StoreConfig::Azure(AzureConfig {
            endpoint,
            azure: None,
            ..azure_config("")
        }),
        _ => StoreConfig::S3(S3Config {
            endpoint: None,
            access_key_id: None,
            secret_access_key: None,
            addressing_style: match std::env::var(VIRTUAL) {
                Ok(_) => AddressingStyle::Virtual,
                Err(_) => AddressingStyle::Auto,
            },
            ..weed_config("")
        }),
    }
}

/// The outcome of [`ask`] with nothing in its environment but these variables.
pub async fn outcome(key: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["environment::ask", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(ASK, key)
        .envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output());
    let text = String::from_utf8(output.await.unwrap().unwrap().stdout).unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("outcome: "));
    line.unwrap_or_else(|| panic!("no outcome in {text}"))
        .to_owned()
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", weed::ACCESS_KEY),
    ("AWS_SECRET_ACCESS_KEY", weed::SECRET_KEY),
];

async fn weed_with_object(key: &str) -> Option<&'static str> {
    let weed = tokio::task::spawn_blocking(weed::weed).await.unwrap()?;
    let client = s3::client(&weed.endpoint, weed::ACCESS_KEY, weed::SECRET_KEY);
    s3::put(&client, weed::BUCKET, key, b"twelve bytes").await;
    Some(&weed.endpoint)
}

#[tokio::test]
async fn endpoint_and_keys_come_from_variables() {
    let Some(endpoint) = weed_with_object("env/object").await else {
        return;
    };
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
        let variables = [KEYS.as_slice(), &[(name, endpoint)]].concat();
        assert_eq!(outcome("env/object", &variables).await, "12 bytes");
    }
    let both = [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ];
    let variables = [KEYS.as_slice(), &both].concat();
    assert_eq!(outcome("env/object", &variables).await, "12 bytes");
}

#[tokio::test]
async fn endpoint_and_keys_come_from_a_profile() {
    let Some(endpoint) = weed_with_object("env/profile").await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (id, secret) = (weed::ACCESS_KEY, weed::SECRET_KEY);
    let credentials = format!("[work]\naws_access_key_id={id}\naws_secret_access_key={secret}\n");
    std::fs::write(path("credentials"), credentials).unwrap();
    let config = format!("[profile work]\nregion=eu-north-1\nendpoint_url={endpoint}\n");
    std::fs::write(path("config"), config).unwrap();
    let variables = [
        ("AWS_PROFILE", "work"),
        ("AWS_CONFIG_FILE", &path("config")),
        ("AWS_SHARED_CREDENTIALS_FILE", &path("credentials")),
    ];
    assert_eq!(outcome("env/profile", &variables).await, "12 bytes");
}

#[tokio::test]
async fn a_credential_process_is_asked() {
    let Some(endpoint) = weed_with_object("env/process").await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let answer = serde_json::json!({
        "Version": 1,
        "AccessKeyId": weed::ACCESS_KEY,
        "SecretAccessKey": weed::SECRET_KEY,
    });
    let answer_file = directory.path().join("answer");
    std::fs::write(&answer_file, answer.to_string()).unwrap();
    let text = format!(
        "[default]\ncredential_process=/bin/cat {}\n",
        answer_file.display()
    );
    std::fs::write(&config, text).unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_CONFIG_FILE", text_of(&config)),
    ];
    assert_eq!(outcome("env/process", &variables).await, "12 bytes");
}

/// Credentials that are about to end are asked for anew, under the same origin.
#[tokio::test]
async fn credentials_that_end_are_refreshed() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let token = request.headers().get("x-amz-security-token");
        (token.is_none_or(|token| token != "token-2")).then(|| status(403))
    })
    .await;
    server.put("closed/object", b"12345");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let script = format!(
        r#"echo asked >> {count}
printf '{{"Version":1,"AccessKeyId":"id","SecretAccessKey":"key","SessionToken":"token-%d","Expiration":"%s"}}' \
    "$(/usr/bin/wc -l < {count})" "$(/bin/date -u -d '+0 seconds' +%Y-%m-%dT%H:%M:%SZ)"
"#,
        count = path("count")
    );
    std::fs::write(path("script"), script).unwrap();
    let config = format!("[default]\ncredential_process=/bin/sh {}\n", path("script"));
    std::fs::write(path("config"), config).unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
        ("AWS_CONFIG_FILE", &path("config")),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
    assert_eq!(server.requests().len(), 2);
}

/// Keys that live shorter than a minute are used for a part of that, and not asked for each time.
#[tokio::test]
async fn a_process_whose_keys_live_for_seconds_is_not_run_for_each_request() {
    let server = WebServer::start(Abilities::ALL, |_| None).await;
    server.put("closed/object", b"12345");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let script = format!(
        r#"echo asked >> {}
printf '{{"Version":1,"AccessKeyId":"id","SecretAccessKey":"key","Expiration":"%s"}}' \
    "$(/bin/date -u -d '+40 seconds' +%Y-%m-%dT%H:%M:%SZ)"
"#,
        path("count")
    );
    std::fs::write(path("script"), script).unwrap();
    let config = format!("[default]\ncredential_process=/bin/sh {}\n", path("script"));
    std::fs::write(path("config"), config).unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
        ("AWS_CONFIG_FILE", &path("config")),
        (READ, "1"),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
    assert_eq!(server.requests().len(), 4);
    let runs = std::fs::read_to_string(path("count")).unwrap();
    assert_eq!(runs.lines().count(), 1);
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn without_credentials_it_says_so() {
    let variables = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")];
    assert_eq!(outcome("any", &variables).await, "Credentials");
}

/// Nobody answers at a metadata address outside a cloud; that must not take long.
#[tokio::test]
async fn a_machine_outside_a_cloud_does_not_wait() {
    let started = std::time::Instant::now();
    let variables = [
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
    ];
    assert_eq!(outcome("any", &variables).await, "Credentials");
    assert!(started.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn the_origin_is_reached_through_a_proxy() {
    let proxy = WebServer::start(Abilities::ALL, |_| None).await;
    proxy.put("closed/object", b"by proxy");
    let elsewhere = ("AWS_ENDPOINT_URL_S3", "http://store.invalid:9000");
    for name in ["HTTP_PROXY", "http_proxy"] {
        let variables = [KEYS.as_slice(), &[elsewhere, (name, &proxy.url)]].concat();
        assert_eq!(outcome("object", &variables).await, "8 bytes");
    }
    let asked = proxy.requests();
    assert_eq!(asked.len(), 4);
    assert!(
        asked[0]
            .1
            .starts_with("http://store.invalid:9000/closed/object")
    );

    let around = [
        elsewhere,
        ("HTTP_PROXY", &proxy.url),
        ("NO_PROXY", "store.invalid"),
    ];
    let variables = [KEYS.as_slice(), &around].concat();
    assert_eq!(outcome("object", &variables).await, "OriginUnreachable");
    assert_eq!(proxy.requests().len(), 4);

    let hosted = [elsewhere, ("HTTP_PROXY", &proxy.url), (VIRTUAL, "1")];
    let variables = [KEYS.as_slice(), &hosted].concat();
    assert_eq!(outcome("object", &variables).await, "ObjectNotFound");
    let asked = &proxy.requests()[4].1;
    assert!(asked.starts_with("http://closed.store.invalid:9000/object"));
}

#[tokio::test]
async fn a_certificate_is_trusted_where_the_environment_says_so() {
    let server = WebServer::start_tls(Abilities::ALL, |_| None).await;
    server.put("closed/object", b"sealed");
    let endpoint = ("AWS_ENDPOINT_URL_S3", server.url.as_str());
    let trusting = [endpoint, ("SSL_CERT_FILE", tls::CERTIFICATE)];
    let variables = [KEYS.as_slice(), &trusting].concat();
    assert_eq!(outcome("object", &variables).await, "6 bytes");
    let variables = [KEYS.as_slice(), &[endpoint]].concat();
    assert_eq!(outcome("object", &variables).await, "OriginAnswer");
}

/// Each way to name a bundle of certificates: in place of the system's, as in boto3.
#[tokio::test]
async fn a_bundle_of_certificates_is_trusted() {
    let server = WebServer::start_tls(Abilities::ALL, |_| None).await;
    server.put("closed/object", b"sealed");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::copy(tls::CERTIFICATE, path("folder/one.pem")).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(
        path("wrong"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let profile = |bundle: &str| format!("[default]\nca_bundle = {bundle}\n");
    std::fs::write(path("right.conf"), profile(tls::CERTIFICATE)).unwrap();
    std::fs::write(path("wrong.conf"), profile(&path("empty"))).unwrap();
    for (variables, expected) in [
        (
            vec![("AWS_CA_BUNDLE", tls::CERTIFICATE.to_owned())],
            "6 bytes",
        ),
        (vec![("AWS_CA_BUNDLE", path("folder"))], "6 bytes"),
        (vec![("AWS_CONFIG_FILE", path("right.conf"))], "6 bytes"),
        (vec![("AWS_CA_BUNDLE", path("none"))], "InvalidRequest"),
        (vec![("AWS_CA_BUNDLE", path("empty"))], "InvalidRequest"),
        (vec![("AWS_CA_BUNDLE", path("wrong"))], "InvalidRequest"),
        (
            vec![("AWS_CONFIG_FILE", path("wrong.conf"))],
            "InvalidRequest",
        ),
        // The variable comes first.
        (
            vec![
                ("AWS_CA_BUNDLE", tls::CERTIFICATE.to_owned()),
                ("AWS_CONFIG_FILE", path("wrong.conf")),
            ],
            "6 bytes",
        ),
        // A proxy for such requests is passed by, and the bundle is trusted there as well.
        (
            vec![
                ("AWS_CA_BUNDLE", tls::CERTIFICATE.to_owned()),
                ("HTTPS_PROXY", "http://127.0.0.1:1".to_owned()),
                ("NO_PROXY", "*".to_owned()),
            ],
            "6 bytes",
        ),
        (
            vec![
                ("AWS_CA_BUNDLE", tls::CERTIFICATE.to_owned()),
                ("HTTPS_PROXY", "http://127.0.0.1:1".to_owned()),
            ],
            "OriginUnreachable",
        ),
    ] {
        let own = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let shared = [("AWS_ENDPOINT_URL_S3", server.url.as_str()), (READ, "1")];
        let all: Vec<_> = KEYS.into_iter().chain(shared).chain(own).collect();
        assert_eq!(outcome("object", &all).await, expected, "{variables:?}");
    }
}

/// `source::bypass` says which hosts are asked without the proxy; here, that they are.
#[tokio::test]
async fn a_host_of_the_list_is_asked_without_the_proxy() {
    let server = WebServer::start(Abilities::ALL, |_| None).await;
    server.put("closed/object", b"direct");
    let port = server.url.rsplit(':').next().unwrap();
    for (name, list, expected) in [
        ("NO_PROXY", "*".to_owned(), "6 bytes"),
        ("no_proxy", "*".to_owned(), "6 bytes"),
        ("NO_PROXY", format!("127.0.0.1:{port}"), "6 bytes"),
        ("no_proxy", "127.0.0.0/8".to_owned(), "6 bytes"),
        ("NO_PROXY", "127.0.0.1:1".to_owned(), "OriginUnreachable"),
        ("no_proxy", "store.example".to_owned(), "OriginUnreachable"),
    ] {
        let variables = [
            KEYS.as_slice(),
            &[
                ("AWS_ENDPOINT_URL_S3", server.url.as_str()),
                ("http_proxy", "http://127.0.0.1:1"),
                (name, &list),
                (READ, "1"),
            ],
        ]
        .concat();
        assert_eq!(
            outcome("object", &variables).await,
            expected,
            "{name}={list}"
        );
    }
}
