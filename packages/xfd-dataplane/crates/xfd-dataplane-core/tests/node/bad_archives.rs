//! Archives that cannot be unpacked: nothing of them stays, and what was there before stays.

use std::sync::Arc;

use crate::memory::MemoryOrigin;
use tempfile::TempDir;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{
    FoundObject, NodeEvent, NodeSettings, Source, UnpackCaps, UnpackMethod,
};

use crate::archives::{gz, put, tar, zip};
use crate::support::{Host, MIB, SWARM, archive, fetch, file_names, held, random_bytes, settings};

/// Fetches until the object fails; the kind of its error.
fn failure(host: &mut Host, found: &FoundObject, method: UnpackMethod) -> Kind {
    let wanted = archive(host.root.path(), found, method, MIB as u64);
    let chunks = wanted.chunks.len() as u32;
    host.extend(wanted);
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    let kind = |event: &NodeEvent| match event {
        NodeEvent::ObjectFailed {
            error,
            chunks_suspect: false,
            ..
        } => Some(error.kind),
        _ => None,
    };
    host.until("the object failed", |events| {
        events.iter().any(|event| kind(event).is_some())
    });
    host.node.leave(SWARM);
    let kinds: Vec<Kind> = host.events.iter().filter_map(kind).collect();
    assert_eq!(kinds.len(), 1, "said once");
    kinds[0]
}

fn few_entries() -> NodeSettings {
    NodeSettings {
        unpack_caps: UnpackCaps {
            max_entries: 3,
            max_bytes: None,
            max_ratio: 250.0,
        },
        ..settings()
    }
}

#[test]
fn nothing_stays_of_an_archive_that_is_none() {
    for (method, key) in [
        (UnpackMethod::TarGz, "a.tar.gz"),
        (UnpackMethod::Tar, "a.tar"),
        (UnpackMethod::Zip, "a.zip"),
    ] {
        let (origin, found, _) = put(key, random_bytes(2 * MIB, 3));
        let mut host = Host::new("a", origin);
        assert_eq!(failure(&mut host, &found, method), Kind::ArchiveCorrupt);
        assert_eq!(file_names(host.root.path()), [""; 0], "{key}");
    }
}

#[test]
fn nothing_stays_of_an_archive_that_is_bad_at_its_very_end() {
    let mut bytes = gz(&tar());
    let trailer = bytes.len() - 6;
    bytes[trailer] ^= 1;
    let (origin, found, _) = put("a.tar.gz", bytes);
    let mut host = Host::new("a", origin);
    let kind = failure(&mut host, &found, UnpackMethod::TarGz);
    assert_eq!(kind, Kind::ArchiveCorrupt);
    assert_eq!(file_names(host.root.path()), [""; 0]);
}

#[test]
fn nothing_stays_of_a_valid_archive_beyond_its_caps() {
    for (method, key, bytes) in [
        (UnpackMethod::TarGz, "a.tar.gz", gz(&tar())),
        (UnpackMethod::Zip, "a.zip", zip()),
    ] {
        let (origin, found, _) = put(key, bytes);
        let mut host = Host::with("a", origin, few_entries());
        assert_eq!(failure(&mut host, &found, method), Kind::ArchiveTooLarge);
        assert_eq!(file_names(host.root.path()), [""; 0], "{key}");
    }
}

#[test]
fn what_was_unpacked_before_outlives_a_bad_successor() {
    let root = Arc::new(TempDir::new().unwrap());
    let origin = Arc::new(MemoryOrigin::new());
    let bytes = zip();
    let good = origin.put("a.zip", bytes.clone());
    let mut first = Host::at("a", origin.clone(), settings(), root.clone());
    let wanted = archive(root.path(), &good, UnpackMethod::Zip, MIB as u64);
    let chunks = wanted.chunks.len() as u32;
    first.extend(wanted);
    first.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    first.until_landed(1);
    first.node.leave(SWARM);
    let before = file_names(root.path());
    let record = std::fs::read(root.path().join(".a.zip.xfd")).unwrap();

    let bad = origin.put("a.zip", random_bytes(MIB, 3));
    let mut second = Host::at("a", origin, settings(), root.clone());
    let kind = failure(&mut second, &bad, UnpackMethod::Zip);
    assert_eq!(kind, Kind::ArchiveCorrupt);
    assert_eq!(held(&second.events), [0], "it was fetched");
    assert_eq!(file_names(root.path()), before);
    assert_eq!(
        std::fs::read(root.path().join(".a.zip.xfd")).unwrap(),
        record
    );
    assert!(std::fs::read(root.path().join("a.zip")).unwrap() == bytes);
    let file = std::fs::read(root.path().join("tree/dir/0")).unwrap();
    assert!(file == random_bytes(MIB / 2, 0));
}

#[test]
fn a_place_that_is_taken_at_the_last_moment_is_left_alone() {
    let (origin, found, chunks) = put("a.tar", tar());
    let gate = crate::gate::Gate::new(origin);
    let mut host = Host::new("a", gate.clone());
    host.extend(archive(
        host.root.path(),
        &found,
        UnpackMethod::Tar,
        MIB as u64,
    ));
    host.submit(vec![fetch(0, 0..chunks, Source::Origin)]);
    gate.open_to(2 * MIB as u64);
    crate::support::eventually("it is being unpacked", || {
        host.node.counters(None).active_unpacks == 1
    });
    std::fs::create_dir(host.path("tree")).unwrap();
    std::fs::write(host.path("tree/mine"), "mine").unwrap();
    gate.open_to(u64::MAX);
    let is_refused = |event: &NodeEvent| {
        matches!(event, NodeEvent::ObjectFailed { error, .. }
            if error.kind == Kind::DestinationNotEmpty)
    };
    host.until("the object failed", |events| events.iter().any(is_refused));
    host.node.leave(SWARM);
    assert_eq!(file_names(host.root.path()), ["tree", "tree/mine"]);
}
