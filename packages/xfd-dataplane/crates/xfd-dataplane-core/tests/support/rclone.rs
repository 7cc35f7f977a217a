//! rclone's `serve s3`, a second S3 server: an implementation of its own, over a directory.

use std::process::{Child, Command};
use std::sync::OnceLock;

use super::ports::free_ports;
use super::process;

/// The environment variable that names the binary; without it, `rclone` of the PATH.
pub const BINARY: &str = "XFD_TEST_RCLONE";
pub const ACCESS_KEY: &str = "testkey";
pub const SECRET_KEY: &str = "testsecret";
pub const BUCKET: &str = "closed";

/// The endpoint of this test binary's server, started by the first caller. None, with a note, where
/// none is named and none is found.
pub fn rclone() -> Option<&'static str> {
    static ENDPOINT: OnceLock<Option<String>> = OnceLock::new();
    let endpoint = ENDPOINT.get_or_init(|| process::keep(start));
    process::note_absence("rclone", BINARY, endpoint.is_some());
    endpoint.as_deref()
}

fn start() -> Option<(String, Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "rclone".to_owned());
    let directory = process::fresh_directory("rclone");
    let served = directory.join("served");
    std::fs::create_dir_all(served.join(BUCKET)).unwrap();
    let [port] = free_ports();
    let mut command = Command::new(binary);
    command
        .args(["serve", "s3", "--vfs-cache-mode", "off"])
        .args(["--addr", &format!("127.0.0.1:{port}")])
        .args(["--auth-key", &format!("{ACCESS_KEY},{SECRET_KEY}")])
        .arg(&served)
        // Not the user's own.
        .env("RCLONE_CONFIG", directory.join("rclone.conf"));
    let is_ready = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let child = process::spawn(&mut command, &directory, is_ready)?;
    Some((format!("http://127.0.0.1:{port}"), child))
}
