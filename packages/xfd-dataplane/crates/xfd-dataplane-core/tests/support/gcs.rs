//! fake-gcs-server: Google Cloud Storage without credentials.

use std::process::{Child, Command};
use std::sync::OnceLock;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::plain_client::{request, send, send_now};
use super::ports::free_ports;
use super::process;

/// The environment variable that names the binary; without it, `fake-gcs-server` of the PATH.
pub const BINARY: &str = "XFD_TEST_GCS";
pub const BUCKET: &str = "models";

/// The endpoint of this test binary's server, started by the first caller. None, with a note, where
/// none is named and none is found.
pub fn gcs() -> Option<&'static str> {
    static ENDPOINT: OnceLock<Option<String>> = OnceLock::new();
    let endpoint = ENDPOINT.get_or_init(|| process::keep(start));
    process::note_absence("fake-gcs-server", BINARY, endpoint.is_some());
    endpoint.as_deref()
}

fn start() -> Option<(String, Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "fake-gcs-server".to_owned());
    let directory = process::fresh_directory("gcs");
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(binary);
    command
        .args([
            "-scheme",
            "http",
            "-backend",
            "memory",
            "-log-level",
            "error",
        ])
        .args(["-host", "127.0.0.1", "-port", &port.to_string()])
        .args(["-public-host", &address]);
    let endpoint = format!("http://{address}");
    let is_ready = || {
        let named = format!("{{\"name\": \"{BUCKET}\"}}");
        let made = send_now(request("POST", &format!("{endpoint}/storage/v1/b"), named));
        made.is_some_and(|(status, _)| status == 200)
    };
    let child = process::spawn(&mut command, &directory, is_ready)?;
    Some((endpoint, child))
}

/// Writes one object.
pub async fn put(endpoint: &str, key: &str, bytes: &[u8]) {
    put_with(endpoint, key, bytes, "").await;
}

/// The same, with more in the query.
pub async fn put_with(endpoint: &str, key: &str, bytes: &[u8], query: &str) {
    let name = utf8_percent_encode(key, NON_ALPHANUMERIC);
    let url =
        format!("{endpoint}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}{query}");
    let (status, body) = send(request("POST", &url, bytes.to_vec())).await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}
