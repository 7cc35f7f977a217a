//! How many threads write the files of a zip.

use std::io::{Cursor, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::support::{Place, noise};
use xfd_dataplane_core::model::UnpackMethod;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const BYTES: usize = 32 << 20;
const FILES: usize = 512;

/// So many equal files, stored; always as many bytes.
fn archive(files: usize) -> Vec<u8> {
    let content = noise(BYTES / FILES, 1).repeat(FILES / files);
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for file in 0..files {
        zip.start_file(format!("{file}"), stored).unwrap();
        zip.write_all(&content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The most threads that this process has while it unpacks an archive.
fn most_threads(files: usize) -> usize {
    let (archive, place) = (archive(files), Place::new());
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let most = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(threads());
                std::thread::sleep(Duration::from_micros(200));
            }
            most
        });
        place.bytes(UnpackMethod::Zip, &archive).unwrap();
        done.store(true, Ordering::Relaxed);
        most.join().unwrap()
    })
}

/// The part that runs in a process where no other test has threads.
#[test]
#[ignore = "run by the other test of this file"]
fn count() {
    let cores = std::thread::available_parallelism().unwrap().get().min(16);
    assert_eq!(most_threads(FILES), most_threads(1) + cores - 1);
}

#[test]
fn the_files_of_a_zip_are_written_on_all_cores() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["threads::count", "--exact", "--ignored"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("1 passed"), "{said}");
}
