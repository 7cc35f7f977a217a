//! s3s-fs, a third S3 server: an implementation of its own, over a directory.

use std::process::Command;
use std::sync::OnceLock;

use super::ports::free_ports;
use super::process;

/// The environment variable that names the server's binary; without it, `s3s-fs` of the PATH.
pub const BINARY: &str = "XFD_TEST_S3S_FS";
pub const ACCESS_KEY: &str = "testkey";
pub const SECRET_KEY: &str = "testsecret";
pub const BUCKET: &str = "closed";

/// The endpoint of this test binary's server, started by the first caller. None, with a note, where
/// there is no binary.
pub fn s3s() -> Option<&'static str> {
    static ENDPOINT: OnceLock<Option<String>> = OnceLock::new();
    let endpoint = ENDPOINT.get_or_init(|| process::keep(start));
    process::note_absence("s3s-fs", BINARY, endpoint.is_some());
    endpoint.as_deref()
}

fn start() -> Option<(String, std::process::Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "s3s-fs".to_owned());
    let directory = process::fresh_directory("s3s-fs");
    std::fs::create_dir(directory.join(BUCKET)).unwrap();
    let [port] = free_ports();
    let mut command = Command::new(binary);
    command
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
        .arg(&directory);
    let is_ready = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let child = process::spawn(&mut command, &directory, is_ready)?;
    Some((format!("http://127.0.0.1:{port}"), child))
}
