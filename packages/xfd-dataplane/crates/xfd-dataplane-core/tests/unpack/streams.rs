//! Compressed streams, slow ones, and those that fail on the way.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use super::support::{Place, Raw, at, check_summary, listing, noise};
use flate2::write::GzEncoder;
use xfd_dataplane_core::error::{Error, Kind};
use xfd_dataplane_core::model::UnpackMethod;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

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

#[test]
fn several_gzip_members_are_one_stream() {
    let archive = archive();
    let (a, b) = archive.split_at(123_457);
    let place = Place::new();
    let bytes = [gz(a), gz(b""), gz(b)].concat();
    let summary = place.bytes(UnpackMethod::TarGz, &bytes).unwrap();
    check_archive(&place);
    check_summary(&summary, &place.destination());
}

#[test]
fn several_zstd_frames_are_one_stream() {
    let archive = archive();
    let (a, b) = archive.split_at(123_457);
    let frames = [a, b].map(|part| zstd::stream::encode_all(part, 1).unwrap());
    let place = Place::new();
    place.bytes(UnpackMethod::TarZst, &frames.concat()).unwrap();
    check_archive(&place);
}

#[test]
fn a_compressed_stream_that_is_cut_off_or_changed_is_corrupt() {
    let zst = zstd::stream::encode_all(&archive()[..], 1).unwrap();
    for (method, bytes) in [
        (UnpackMethod::TarGz, gz(&archive())),
        (UnpackMethod::TarZst, zst),
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
    let garbage = [gz(&archive()), b"garbage".to_vec()].concat();
    let kind = Place::new().refused_kind(UnpackMethod::TarGz, &garbage);
    assert_eq!(kind, Kind::ArchiveCorrupt);
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
                _ => zstd::stream::encode_all(&archive()[..], 1).unwrap(),
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
