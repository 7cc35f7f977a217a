//! Azurite: Azure Blob Storage with the account and the key that everyone knows.

use std::process::{Child, Command};
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::Full;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequestBody;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::plain_client::{send, send_now};
use super::ports::free_ports;
use super::process;

/// The environment variable that names the program; without it, `azurite-blob` of the PATH.
pub const BINARY: &str = "XFD_TEST_AZURITE";
pub const ACCOUNT: &str = "devstoreaccount1";
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
pub const CONTAINER: &str = "models";

const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-');

/// The endpoint of this test binary's account, started by the first caller. None, with a note,
/// where none is named and none is found.
pub fn azurite() -> Option<&'static str> {
    static ENDPOINT: OnceLock<Option<String>> = OnceLock::new();
    let endpoint = ENDPOINT.get_or_init(|| process::keep(start));
    process::note_absence("azurite", BINARY, endpoint.is_some());
    endpoint.as_deref()
}

fn start() -> Option<(String, Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "azurite-blob".to_owned());
    let directory = process::fresh_directory("azurite");
    let [port] = free_ports();
    let mut command = Command::new(binary);
    command
        .args(["--silent", "--inMemoryPersistence", "--disableTelemetry"])
        .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    let account = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let is_ready = || {
        let url = format!("{account}/{CONTAINER}?restype=container");
        let made = send_now(signed("PUT", &url, &[], &[]));
        made.is_some_and(|(status, _)| status == 201)
    };
    let child = process::spawn(&mut command, &directory, is_ready)?;
    Some((account, child))
}

/// Writes one blob.
pub async fn put(endpoint: &str, key: &str, bytes: &[u8]) {
    let name = utf8_percent_encode(key, IN_PATH);
    let url = format!("{endpoint}/{CONTAINER}/{name}");
    let request = signed("PUT", &url, &[("x-ms-blob-type", "BlockBlob")], bytes);
    let (status, body) = send(request).await.unwrap();
    assert_eq!(status, 201, "{key}: {}", String::from_utf8_lossy(&body));
}

/// A request with the account's key.
fn signed(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> http::Request<Full<Bytes>> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("content-length", body.len());
    let mut request = request.body(HttpRequestBody::empty()).unwrap();
    let key = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).unwrap());
    AzureAuthorizer::new(&key, ACCOUNT)
        .try_authorize(&mut request)
        .unwrap();
    request.map(|_| Full::new(Bytes::copy_from_slice(body)))
}
