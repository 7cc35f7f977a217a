//! SeaweedFS: an S3 server with identities.

use std::process::{Child, Command};
use std::sync::OnceLock;

use super::ports::free_ports;
use super::process;

/// The environment variable that names the server's binary; without it, `weed` of the PATH.
pub const BINARY: &str = "XFD_TEST_WEED";
pub const ACCESS_KEY: &str = "testkey";
pub const SECRET_KEY: &str = "testsecret";
/// A key pair that may only read the bucket [`OPEN_BUCKET`].
pub const LIMITED_KEY: &str = "limitedkey";
pub const LIMITED_SECRET: &str = "limitedsecret";
/// Readable without credentials.
pub const OPEN_BUCKET: &str = "open";
/// Readable with [`ACCESS_KEY`] only.
pub const BUCKET: &str = "closed";

/// A running server.
#[derive(Debug)]
pub struct Weed {
    /// URL of its S3 gateway.
    pub endpoint: String,
}

/// The server of this test binary, started by the first caller. None, with a note, where there is
/// no binary.
pub fn weed() -> Option<&'static Weed> {
    static WEED: OnceLock<Option<Weed>> = OnceLock::new();
    let weed = WEED.get_or_init(|| process::keep(start));
    process::note_absence("weed", BINARY, weed.is_some());
    weed.as_ref()
}

fn start() -> Option<(Weed, Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "weed".to_owned());
    let directory = process::fresh_directory("weed");
    let identities = directory.join("identities.json");
    std::fs::write(&identities, identities_json()).unwrap();
    let [
        master,
        volume,
        filer,
        s3,
        master_grpc,
        volume_grpc,
        filer_grpc,
        s3_grpc,
    ] = free_ports();
    let mut command = Command::new(&binary);
    command
        .arg("server")
        .arg("-s3")
        .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=."])
        .args(["-master.telemetry=false", "-master.volumeSizeLimitMB=64"])
        .args(["-volume.max=100", "-volume.preStopSeconds=0"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .args(["-s3.config=identities.json", "-s3.localSocket=s3.sock"])
        .arg("-filer.localSocket=filer.sock")
        .arg(format!("-master.port={master}"))
        .arg(format!("-master.port.grpc={master_grpc}"))
        .arg(format!("-volume.port={volume}"))
        .arg(format!("-volume.port.grpc={volume_grpc}"))
        .arg(format!("-filer.port={filer}"))
        .arg(format!("-filer.port.grpc={filer_grpc}"))
        .arg(format!("-s3.port={s3}"))
        .arg(format!("-s3.port.grpc={s3_grpc}"));
    let endpoint = format!("http://127.0.0.1:{s3}");
    let child = process::spawn(&mut command, &directory, || is_ready(&endpoint))?;
    Some((Weed { endpoint }, child))
}

/// It is ready once it can make buckets and keep an object.
fn is_ready(endpoint: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = super::s3::client(endpoint, ACCESS_KEY, SECRET_KEY);
        for bucket in [BUCKET, OPEN_BUCKET] {
            let _ = client.create_bucket().bucket(bucket).send().await;
            let body = aws_sdk_s3::primitives::ByteStream::from_static(b"ready");
            let put = client.put_object().bucket(bucket).key(".ready").body(body);
            if put.send().await.is_err() {
                return false;
            }
            let removed = client.delete_object().bucket(bucket).key(".ready");
            if removed.send().await.is_err() {
                return false;
            }
        }
        true
    })
}

fn identities_json() -> String {
    serde_json::json!({"identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "List", "Write", "Tagging"],
        },
        {
            "name": "limited",
            "credentials": [{"accessKey": LIMITED_KEY, "secretKey": LIMITED_SECRET}],
            "actions": [format!("Read:{OPEN_BUCKET}"), format!("List:{OPEN_BUCKET}")],
        },
        {
            "name": "anonymous",
            "actions": [format!("Read:{OPEN_BUCKET}"), format!("List:{OPEN_BUCKET}")],
        },
    ]})
    .to_string()
}
