//! SeaweedFS, one server per test binary, ended by the kernel with the process that started it.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use super::ports::free_ports;

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

const START_TIMEOUT: Duration = Duration::from_secs(60);

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
    let weed = WEED.get_or_init(|| {
        let (started, wait) = mpsc::channel();
        // The kernel ends a child with the thread that made it, and a test's thread ends with the
        // test: this one stays for as long as the process.
        std::thread::spawn(move || {
            let server = start();
            let child = server.map(|(weed, child)| {
                started.send(weed).unwrap();
                child
            });
            drop(started);
            if let Some(mut child) = child {
                child.wait().unwrap();
            }
        });
        wait.recv().ok()
    });
    if weed.is_none() {
        eprintln!("skipped: there is no weed (set {BINARY})");
    }
    weed.as_ref()
}

fn start() -> Option<(Weed, Child)> {
    let binary = std::env::var(BINARY).unwrap_or_else(|_| "weed".to_owned());
    let directory = fresh_directory();
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
        .arg(format!("-s3.port.grpc={s3_grpc}"))
        .current_dir(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(directory.join("log")).unwrap());
    end_with_this_thread(&mut command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{binary} cannot be started: {error}"),
    };
    let endpoint = format!("http://127.0.0.1:{s3}");
    let deadline = Instant::now() + START_TIMEOUT;
    while !is_ready(&endpoint) {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{binary} ended: {ended:?}");
        assert!(Instant::now() < deadline, "{binary} does not get ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((Weed { endpoint }, child))
}

/// Ready is who can make buckets and keep an object.
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

/// An empty directory in the build's own folder; those of processes that are gone are removed.
fn fresh_directory() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(all).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if let Some(process) = name.strip_prefix("weed-")
            && !Path::new("/proc").join(process).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let directory = all.join(format!("weed-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn end_with_this_thread(command: &mut Command) {
    let ask = || {
        let signal = rustix::process::Signal::KILL;
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        Ok(())
    };
    // SAFETY: one system call between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(ask) };
}
