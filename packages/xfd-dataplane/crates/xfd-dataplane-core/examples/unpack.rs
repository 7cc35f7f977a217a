//! Unpacks an archive and says how long it took: `unpack METHOD ARCHIVE DESTINATION`, with METHOD
//! one of tar, tar.gz, tar.zst, gz, zip. An existing tree is replaced.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use xfd_dataplane_core::model::{Links, UnpackCaps, UnpackMethod};
use xfd_dataplane_core::unpack::{Archive, Task, unpack};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, archive, destination] = arguments.as_slice() else {
        eprintln!("usage: unpack tar|tar.gz|tar.zst|gz|zip ARCHIVE DESTINATION");
        return ExitCode::FAILURE;
    };
    let method = match method.as_str() {
        "tar" => UnpackMethod::Tar,
        "tar.gz" => UnpackMethod::TarGz,
        "tar.zst" => UnpackMethod::TarZst,
        "gz" => UnpackMethod::Gz,
        "zip" => UnpackMethod::Zip,
        other => {
            eprintln!("unpack: no method is called '{other}'");
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let result = unpack(Task {
        method,
        archive: Archive::File(Path::new(archive)),
        archive_bytes: std::fs::metadata(archive).map_or(0, |found| found.len()),
        key: archive,
        destination: Path::new(destination),
        replace: true,
        caps: UnpackCaps {
            max_entries: u64::MAX,
            max_bytes: None,
            max_ratio: f64::INFINITY,
        },
        links: Links::Safe,
        conda_unpack: false,
        sync: false,
        cancel: &AtomicBool::new(false),
    });
    match result {
        Ok(made) => {
            let seconds = start.elapsed().as_secs_f64();
            let (entries, bytes) = (made.entries.len(), made.bytes);
            println!("{entries} entries, {bytes} bytes in {seconds:.3} s");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("unpack: {error}");
            ExitCode::FAILURE
        }
    }
}
