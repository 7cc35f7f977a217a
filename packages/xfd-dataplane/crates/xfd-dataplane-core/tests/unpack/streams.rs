//! Compressed streams, slow ones, and those that fail on the way.

use std::io::{self, Read};
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use super::support::{Place, Raw, at, check_summary, gz, listing, noise, zst};
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::UnpackMethod;

fn archive() -> Vec<u8> {
    Raw::default()
        .file("a", &noise(900_000, 1))
        .file("b/c", &noise(1000, 2))
        .end()
}

fn check_archive(place: &Place) {
    let found = listing(&place.destination());
    assert_eq!(found[&at("a")].content, Some(noise(900_000, 1)));
    assert_eq!(found[&at("b/c")].content, Some(noise(1000, 2)));
}

/// What `gzip -d` and `zstd -d` read as one stream, and the zeros that tapes and block devices
/// leave after it.
#[test]
fn members_frames_and_padding_are_one_stream() {
    let archive = archive();
    let (a, b) = archive.split_at(123_457);
    let zeros = vec![0; 300_000];
    let skippable = [&b"\x50\x2a\x4d\x18\x07\0\0\0"[..], b"ignored"].concat();
    let table: [(&str, UnpackMethod, Vec<Vec<u8>>); 11] = [
        ("members", UnpackMethod::TarGz, vec![gz(a), gz(b""), gz(b)]),
        (
            "padded",
            UnpackMethod::TarGz,
            vec![gz(&archive), zeros.clone()],
        ),
        ("one NUL", UnpackMethod::TarGz, vec![gz(&archive), vec![0]]),
        (
            "zeros between",
            UnpackMethod::TarGz,
            vec![gz(a), zeros.clone(), gz(b)],
        ),
        (
            "frames",
            UnpackMethod::TarZst,
            vec![zst(a), zst(b""), zst(b)],
        ),
        (
            "padded",
            UnpackMethod::TarZst,
            vec![zst(&archive), zeros.clone()],
        ),
        (
            "zeros between",
            UnpackMethod::TarZst,
            vec![zst(a), vec![0; 3], zst(b)],
        ),
        (
            "skippable first",
            UnpackMethod::TarZst,
            vec![skippable.clone(), zst(&archive)],
        ),
        (
            "skippable between",
            UnpackMethod::TarZst,
            vec![zst(a), skippable.clone(), zst(b)],
        ),
        (
            "skippable last",
            UnpackMethod::TarZst,
            vec![zst(&archive), skippable.clone()],
        ),
        (
            "skippable, zeros",
            UnpackMethod::TarZst,
            vec![zst(&archive), skippable, zeros],
        ),
    ];
    for (name, method, parts) in table {
        let place = Place::new();
        let summary = place.bytes(method, &parts.concat());
        let summary = summary.unwrap_or_else(|error| panic!("{name} {method:?}: {error}"));
        check_archive(&place);
        check_summary(&summary, &place.destination());
    }
}

#[test]
fn a_compressed_stream_that_is_cut_off_or_changed_is_corrupt() {
    for (method, bytes) in [
        (UnpackMethod::TarGz, gz(&archive())),
        (UnpackMethod::TarZst, zst(&archive())),
    ] {
        for length in [20, bytes.len() / 2, bytes.len() - 1] {
            let kind = Place::new().refused_kind(method, &bytes[..length]);
            assert_eq!(kind, Kind::ArchiveCorrupt);
        }
    }
    let mut changed = gz(&archive());
    let last = changed.len() - 5;
    changed[last] ^= 1;
    let kind = Place::new().refused_kind(UnpackMethod::TarGz, &changed);
    assert_eq!(kind, Kind::ArchiveCorrupt, "the checksum at the end");
    for (method, whole) in [
        (UnpackMethod::TarGz, gz(&archive())),
        (UnpackMethod::TarZst, zst(&archive())),
    ] {
        for after in [&b"garbage"[..], b"\0\0\0garbage", b"\x1f\x8b", b"\x28\xb5"] {
            let kind = Place::new().refused_kind(method, &[&whole, after].concat());
            assert_eq!(kind, Kind::ArchiveCorrupt);
        }
        let kind = Place::new().refused_kind(method, &[vec![0; 512], whole].concat());
        assert_eq!(
            kind,
            Kind::ArchiveCorrupt,
            "zeros come after it, never before"
        );
    }
}

#[test]
fn a_bare_gz_is_named_after_its_key() {
    let place = Place::new();
    let summary = place.bytes(UnpackMethod::Gz, &gz(b"weights")).unwrap();
    let found = listing(&place.destination());
    assert_eq!(found[&at("weights.bin")].content, Some(b"weights".to_vec()));
    check_summary(&summary, &place.destination());
}

/// Gives what comes through a channel; the channel's end is the stream's.
struct Trickle(mpsc::Receiver<io::Result<Vec<u8>>>);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.recv() {
            Ok(piece) => {
                let piece = piece?;
                into[..piece.len()].copy_from_slice(&piece);
                Ok(piece.len())
            }
            Err(_) => Ok(0),
        }
    }
}

#[test]
fn a_slow_stream_is_unpacked_as_it_comes() {
    let place = Place::new();
    let (to, from) = mpsc::sync_channel(0);
    let archive = archive();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            place
                .stream(UnpackMethod::Tar, Trickle(from), archive.len())
                .unwrap()
        });
        for piece in archive.chunks(4096) {
            to.send(Ok(piece.to_vec())).unwrap();
        }
        drop(to);
    });
    check_archive(&place);
}

#[test]
fn a_download_that_fails_is_told_from_a_bad_archive() {
    let failed = Error::new(Kind::OriginUnreachable, "gone").with_object("the key");
    let errors = [io::Error::other(failed), io::Error::other("some disk")];
    for (error, kind) in errors
        .into_iter()
        .zip([Kind::OriginUnreachable, Kind::Destination])
    {
        for method in [UnpackMethod::Tar, UnpackMethod::TarGz, UnpackMethod::TarZst] {
            let bytes = match method {
                UnpackMethod::Tar => archive(),
                UnpackMethod::TarGz => gz(&archive()),
                _ => zst(&archive()),
            };
            let (to, from) = mpsc::channel();
            to.send(Ok(bytes[..5000].to_vec())).unwrap();
            let again = match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
                Some(error) => io::Error::other(error.clone()),
                None => io::Error::other("some disk"),
            };
            to.send(Err(again)).unwrap();
            let place = Place::new();
            let error = place
                .stream(method, Trickle(from), bytes.len())
                .unwrap_err();
            assert_eq!(error.kind, kind);
            assert_eq!(listing(place.home.path()).len(), 1, "nothing is left");
        }
    }
}

#[test]
fn a_cancelled_unpacking_leaves_nothing() {
    let place = Place::new();
    let (to, from) = mpsc::sync_channel(0);
    let archive = archive();
    std::thread::scope(|scope| {
        let unpacking =
            scope.spawn(|| place.stream(UnpackMethod::Tar, Trickle(from), archive.len()));
        for piece in archive.chunks(4096).take(100) {
            to.send(Ok(piece.to_vec())).unwrap();
        }
        place.cancel.store(true, Ordering::Relaxed);
        // The one read that was under way.
        let _ = to.send(Ok(vec![0]));
        let error = unpacking.join().unwrap().unwrap_err();
        assert_eq!(error.kind, Kind::Cancelled);
    });
    assert_eq!(listing(place.home.path()).len(), 1);
}
