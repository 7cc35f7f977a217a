//! Where credentials of Google and Azure come from on a node: files, variables, metadata services,
//! commands. One server stands in for the cloud in each story: it gives tokens to requests as the
//! cloud demands them, and is the store that takes those tokens only. As in [`super::environment`],
//! each story runs in a process of its own.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;

use crate::environment::{ENDPOINT, READ, STORE, outcome};
use crate::support::web::{Abilities, Answer, WebServer, status};

const TOKEN: &str = "token-of-the-cloud";
const ITEM: &str = r#"{"name": "object", "size": "5", "generation": "1"}"#;

fn text(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()))
}

fn has(request: &Request<Bytes>, header: &str, value: &str) -> bool {
    let given = request.headers().get(header);
    given.is_some_and(|given| given == value)
}

/// The bytes to a request with the token, or with a signature of a service account.
fn store(request: &Request<Bytes>) -> Option<Answer> {
    let given = request.headers().get("authorization");
    let given = given.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let is_token = given == format!("Bearer {TOKEN}");
    // Header, claims, signature.
    let is_signed = given.starts_with("Bearer eyJ") && given.matches('.').count() == 2;
    if !is_token && !is_signed {
        return Some(status(401));
    }
    let is_metadata = request
        .uri()
        .query()
        .is_some_and(|it| it.contains("fields="));
    if is_metadata {
        return Some(text(ITEM));
    }
    let range = request.headers().get("range").is_some();
    let mut answer = text(if range { "12" } else { "12345" });
    if range {
        *answer.status_mut() = http::StatusCode::PARTIAL_CONTENT;
        let value = "bytes 1-2/5".parse().unwrap();
        answer.headers_mut().insert("content-range", value);
    }
    Some(answer)
}

fn oauth() -> Answer {
    text(json!({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).to_string())
}

async fn asked(store: &str, server: &WebServer, variables: &[(&str, &str)]) -> String {
    let url = match store {
        "azure" => format!("{}/account", server.url),
        _ => server.url.clone(),
    };
    let fixed = [(STORE, store), (ENDPOINT, &url), (READ, "yes")];
    outcome("object", &[&fixed, variables].concat()).await
}

/// How often a token was asked for.
fn questions(server: &WebServer, path: &str) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|(_, uri)| uri.contains(path))
        .count()
}

#[tokio::test]
async fn the_metadata_server_of_google_is_asked_once() {
    let server = WebServer::start(Abilities::ALL, |request| match request.uri().path() {
        "/computeMetadata/v1/instance/service-accounts/default/token"
            if has(request, "metadata-flavor", "Google") =>
        {
            Some(oauth())
        }
        _ => store(request),
    })
    .await;
    let host = server.url.strip_prefix("http://").unwrap();
    let found = asked("gcs", &server, &[("GCE_METADATA_HOST", host)]).await;
    assert_eq!(found, "5 bytes");
    assert_eq!(questions(&server, "computeMetadata"), 1);
}

#[tokio::test]
async fn files_of_google_are_read_where_the_tools_look_for_them() {
    let server = WebServer::start(Abilities::ALL, store).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let account = json!({
        "type": "service_account",
        "client_email": "reader@project.iam.gserviceaccount.com",
        "private_key_id": "id",
        // Public, and of nobody.
        "private_key": include_str!("../support/service_account_key.pem"),
    });
    std::fs::write(path("account.json"), account.to_string()).unwrap();
    let well_known = path("application_default_credentials.json");
    std::fs::write(well_known, account.to_string()).unwrap();
    std::fs::write(path("other.json"), r#"{"type": "external_account"}"#).unwrap();
    std::fs::write(path("words.json"), "secret words").unwrap();
    let folder = path("");
    for (variables, expected) in [
        (
            [("GOOGLE_APPLICATION_CREDENTIALS", path("account.json"))],
            "5 bytes",
        ),
        ([("CLOUDSDK_CONFIG", folder)], "5 bytes"),
        (
            [("GOOGLE_APPLICATION_CREDENTIALS", path("other.json"))],
            "Credentials",
        ),
        (
            [("GOOGLE_APPLICATION_CREDENTIALS", path("words.json"))],
            "Credentials",
        ),
        (
            [("GOOGLE_APPLICATION_CREDENTIALS", path("absent.json"))],
            "Credentials",
        ),
    ] {
        let variables = variables
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        assert_eq!(
            asked("gcs", &server, &variables).await,
            expected,
            "{variables:?}"
        );
    }
}

#[tokio::test]
async fn an_emulator_of_google_is_asked_without_credentials() {
    let server = WebServer::start(Abilities::ALL, |request| {
        match request.headers().contains_key("authorization") {
            true => Some(status(401)),
            false => Some(text(ITEM)),
        }
    })
    .await;
    let host = server.url.strip_prefix("http://").unwrap();
    for value in [host, &server.url] {
        let variables = [(STORE, "gcs"), ("STORAGE_EMULATOR_HOST", value)];
        assert_eq!(outcome("object", &variables).await, "5 bytes");
    }
}

/// Entra: a token for an application by its secret or by a token of Kubernetes.
fn entra(request: &Request<Bytes>) -> Option<Answer> {
    if request.uri().path() != "/tenant/oauth2/v2.0/token" {
        return store(request);
    }
    let form = String::from_utf8_lossy(request.body());
    let has_all = |wanted: &[&str]| wanted.iter().all(|pair| form.contains(pair));
    let by_secret = ["client_id=app", "client_secret=app-secret"];
    let by_file = ["client_id=app", "client_assertion=token-of-the-pod"];
    match has_all(&by_secret) || has_all(&by_file) {
        true => Some(oauth()),
        false => Some(status(401)),
    }
}

#[tokio::test]
async fn entra_gives_tokens_for_a_secret_and_for_a_token_of_kubernetes() {
    let server = WebServer::start(Abilities::ALL, entra).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "token-of-the-pod").unwrap();
    let of_app = [
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_AUTHORITY_HOST", &server.url),
    ];
    for (variable, expected) in [
        (("AZURE_CLIENT_SECRET", "app-secret"), "5 bytes"),
        (
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            "5 bytes",
        ),
        (("AZURE_CLIENT_SECRET", "another"), "Credentials"),
        (("AZURE_FEDERATED_TOKEN_FILE", "/absent"), "Credentials"),
    ] {
        let variables = [of_app.as_slice(), &[variable]].concat();
        assert_eq!(
            asked("azure", &server, &variables).await,
            expected,
            "{variable:?}"
        );
    }
    // Once where one is given, and once for each request where none is.
    assert_eq!(questions(&server, "/oauth2/"), 2 + 2);
}

#[tokio::test]
async fn the_identity_of_a_machine_of_azure_is_asked_for() {
    let server = WebServer::start(Abilities::ALL, |request| match request.uri().path() {
        "/msi" => match (
            has(request, "x-identity-header", "pass"),
            request.uri().query().unwrap_or_default(),
        ) {
            (true, query) if query.contains("resource=https%3A%2F%2Fstorage.azure.com") => Some(
                text(json!({"access_token": TOKEN, "expires_on": "4070908800"}).to_string()),
            ),
            _ => Some(status(400)),
        },
        _ => store(request),
    })
    .await;
    let endpoint = format!("{}/msi", server.url);
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", "pass"),
    ];
    assert_eq!(asked("azure", &server, &variables).await, "5 bytes");
    assert_eq!(questions(&server, "/msi"), 1);
}

#[tokio::test]
async fn the_user_of_the_command_az_is_asked_for_last() {
    use std::os::unix::fs::PermissionsExt;

    let server = WebServer::start(Abilities::ALL, |request| match request.uri().path() {
        "/msi" => Some(status(400)),
        _ => store(request),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let command = folder.path().join("az");
    let answer = json!({
        "accessToken": TOKEN,
        "expiresOn": "2098-12-31 23:59:59.000000",
        "tokenType": "Bearer",
    });
    std::fs::write(&command, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).unwrap();
    let endpoint = format!("{}/msi", server.url);
    let identity = ("IDENTITY_ENDPOINT", endpoint.as_str());
    for (path, expected) in [
        (folder.path().to_str().unwrap(), "5 bytes"),
        ("/nonexistent", "Credentials"),
    ] {
        let found = asked("azure", &server, &[identity, ("PATH", path)]).await;
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_connection_string_says_all_of_an_account() {
    let server = WebServer::start(Abilities::ALL, |request| {
        let uri = request.uri().to_string();
        match uri.starts_with("/account/models/object?") && uri.contains("sig=x") {
            true => Some(text("12345")),
            false => Some(status(403)),
        }
    })
    .await;
    let string = format!(
        "BlobEndpoint={}/account;SharedAccessSignature=sv=2023-11-03&sig=x",
        server.url
    );
    let variables = [
        (STORE, "azure"),
        ("AZURE_STORAGE_CONNECTION_STRING", string.as_str()),
    ];
    assert_eq!(outcome("object", &variables).await, "5 bytes");
}
