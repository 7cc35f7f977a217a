//! Archives that are unpacked while they arrive.

use std::io::Write;
use std::sync::Arc;

use crate::memory::MemoryOrigin;
use xfd_dataplane_core::model::{FoundObject, Order, Source, UnpackMethod};

use crate::gate::Gate;
use crate::support::{Host, MIB, SWARM, archive, eventually, fetch, random_bytes, settings};

const FILES: usize = 12;

/// A tar of files `dir/0`, `dir/1` ... of half a MiB each.
pub fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for n in 0..FILES {
        let bytes = random_bytes(MIB / 2, n as u64);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_000_000);
        builder
            .append_data(&mut header, format!("dir/{n}"), bytes.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for n in 0..FILES {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(format!("dir/{n}"), options).unwrap();
        writer.write_all(&random_bytes(MIB / 2, n as u64)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn put(key: &str, bytes: Vec<u8>) -> (Arc<MemoryOrigin>, FoundObject, u32) {
    let origin = Arc::new(MemoryOrigin::new());
    let chunks = bytes.len().div_ceil(MIB) as u32;
    let found = origin.put(key, bytes);
    (origin, found, chunks)
}

fn assert_tree(host: &Host) {
    for n in 0..FILES {
        let file = host.path("tree").join(format!("dir/{n}"));
        assert_eq!(
            std::fs::read(file).unwrap(),
            random_bytes(MIB / 2, n as u64)
        );
    }
}

#[test]
fn a_tar_is_unpacked_while_it_arrives() {
    let (origin, found, chunks) = put("a.tar.gz", gz(&tar()));
    let gate = Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(archive(
        host.root.path(),
        &found,
        UnpackMethod::TarGz,
        MIB as u64,
    ));
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    gate.open_to(3 * MIB as u64);
    eventually("it is being unpacked", || {
        host.node.counters(None).active_unpacks == 1
    });
    let staged = |host: &Host| {
        let entries = std::fs::read_dir(host.root.path()).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().path());
        names.find(|path| path.join("dir/1").exists())
    };
    eventually("its first files are there, staged", || {
        staged(&host).is_some()
    });
    assert!(!host.path("tree").exists());
    gate.open_to(u64::MAX);
    host.until_landed(1);
    assert_tree(&host);
    assert!(staged(&host).is_some_and(|path| path == host.path("tree")));
    let counters = host.node.counters(None);
    assert_eq!(counters.active_unpacks, 0);
    assert_eq!(counters.unpacked_bytes, (FILES * MIB / 2) as u64);
}

#[test]
fn a_zip_is_unpacked_once_it_is_whole() {
    let (origin, found, chunks) = put("a.zip", zip());
    let mut host = Host::new("a", origin);
    host.extend(archive(
        host.root.path(),
        &found,
        UnpackMethod::Zip,
        MIB as u64,
    ));
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    host.until_landed(1);
    assert_tree(&host);
}

#[test]
fn a_tree_that_is_gone_is_made_again_from_the_cached_archive() {
    let (origin, found, chunks) = put("a.tar", tar());
    let mut host = Host::new("a", origin.clone());
    let wanted = |host: &Host| archive(host.root.path(), &found, UnpackMethod::Tar, MIB as u64);
    host.extend(wanted(&host));
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    host.until_landed(1);
    host.node.leave(SWARM);
    std::fs::remove_dir_all(host.path("tree")).unwrap();
    let mut again = Host::at("a", origin, settings(), host.root.clone());
    let inventory = again.extend(wanted(&again));
    assert!(inventory.landed.is_empty());
    again.until_landed(1);
    assert_tree(&again);
    assert_eq!(again.node.counters(None).origin_answers, 0);
    again.node.leave(SWARM);
    let third = Host::at(
        "a",
        Arc::new(MemoryOrigin::new()),
        settings(),
        host.root.clone(),
    );
    assert_eq!(third.extend(wanted(&third)).landed, [0]);
}

#[test]
fn leaving_stops_an_unpacking_that_waits_for_bytes() {
    let (origin, found, chunks) = put("a.tar", tar());
    let gate = Gate::new(origin);
    let host = Host::new("a", gate.clone());
    host.extend(archive(
        host.root.path(),
        &found,
        UnpackMethod::Tar,
        MIB as u64,
    ));
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    gate.open_to(2 * MIB as u64);
    eventually("it is being unpacked", || {
        host.node.counters(None).active_unpacks == 1
    });
    let started = std::time::Instant::now();
    host.node.leave(SWARM);
    assert!(
        started.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(host.node.counters(None).active_unpacks, 0);
    assert!(!host.path("tree").exists());
}

#[test]
fn releasing_an_archive_in_mid_unpacking_keeps_what_has_arrived() {
    let (origin, found, chunks) = put("a.tar.gz", gz(&tar()));
    let gate = Gate::new(origin);
    let host = Host::new("a", gate.clone());
    let catalog = archive(host.root.path(), &found, UnpackMethod::TarGz, MIB as u64);
    host.extend(catalog.clone());
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    gate.open_to(3 * MIB as u64);
    eventually("three chunks are here", || {
        host.node.counters(Some(SWARM)).chunks_from_origin >= 3
    });
    host.submit(vec![Order::Release { objects: vec![0] }]);
    eventually("unpacking has stopped", || {
        host.node.counters(Some(SWARM)).active_unpacks == 0
    });
    let again = host.extend(catalog);
    let held: usize = again.held.iter().map(|run| run.crcs.len()).sum();
    assert!(held >= 3, "{again:?}");
}
