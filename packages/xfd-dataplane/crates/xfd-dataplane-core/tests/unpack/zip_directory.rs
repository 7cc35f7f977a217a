//! Zip files in which tools find different directories, names or bytes are refused; odd ones that
//! all read alike are read.

use std::io::{Cursor, Write};

use super::support::{Place, at, listing};
use crc_fast::CrcAlgorithm;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;
use zip::write::{FullFileOptions, SimpleFileOptions};
use zip::{CompressionMethod, ZipWriter};

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const CONTENT: &[u8] = b"content of a file";

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn zip_of(names: &[&str]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        writer.start_file(*name, stored()).unwrap();
        writer.write_all(CONTENT).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn last(archive: &[u8], mark: &[u8]) -> usize {
    archive.windows(4).rposition(|bytes| bytes == mark).unwrap()
}

/// With a field written over, counted from the last record of a kind.
fn with(archive: &[u8], mark: &[u8], offset: usize, field: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    let start = last(&archive, mark) + offset;
    archive[start..start + field.len()].copy_from_slice(field);
    archive
}

/// With an archive comment.
fn commented(archive: &[u8], comment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [&with(archive, END, 20, &length), comment].concat()
}

/// With zip64's records before its end record, whose offset and size are changed by these.
fn wide(archive: &[u8], entries: u64, size_by: i64, offset_by: i64, is_full: bool) -> Vec<u8> {
    let end = last(archive, END);
    let field = |at: usize| {
        u64::from(u32::from_le_bytes(
            *archive[end + at..].first_chunk().unwrap(),
        ))
    };
    let mut record = b"PK\x06\x06".to_vec();
    record.extend(44_u64.to_le_bytes());
    record.extend([45, 3, 45, 0]);
    record.extend([0; 8]);
    for value in [entries, entries, field(12).wrapping_add_signed(size_by)] {
        record.extend(value.to_le_bytes());
    }
    record.extend(field(16).wrapping_add_signed(offset_by).to_le_bytes());
    let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
    locator.extend((end as u64).to_le_bytes());
    locator.extend(1_u32.to_le_bytes());
    let mut tail = archive[end..].to_vec();
    if is_full {
        tail[8..20].fill(0xff);
    }
    [&archive[..end], &record, &locator, &tail].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let crc = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes);
    u32::try_from(crc).unwrap()
}

/// An extra field with a name in UTF-8.
fn unicode(raw: &str, name: &str) -> Box<[u8]> {
    let mut field = vec![1];
    field.extend(crc32(raw.as_bytes()).to_le_bytes());
    field.extend(name.as_bytes());
    field.into()
}

fn renamed(raw: &str, name: &str, only_in_directory: bool) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut options = FullFileOptions::default().compression_method(CompressionMethod::Stored);
    options
        .add_extra_field(0x7075, unicode(raw, name), only_in_directory)
        .unwrap();
    writer.start_file(raw, options).unwrap();
    writer.write_all(CONTENT).unwrap();
    writer.start_file("z", stored()).unwrap();
    writer.write_all(CONTENT).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn what_all_tools_read_alike_is_read() {
    let plain = zip_of(&["a", "b"]);
    let stub = b"#!/bin/sh\nexec unzip \"$0\"\n".repeat(100);
    let moved = |mut archive: Vec<u8>, by: u32| {
        // As `zip -A` does: offsets count from the file's start.
        for (mark, at) in [(CENTRAL, 42), (END, 16)] {
            let places: Vec<usize> = (0..archive.len() - 3)
                .filter(|place| archive[*place..].starts_with(mark))
                .collect();
            for place in places {
                let field: &mut [u8; 4] = archive[place + at..].first_chunk_mut().unwrap();
                *field = (u32::from_le_bytes(*field) + by).to_le_bytes();
            }
        }
        archive
    };
    let table = [
        ("plain", plain.clone()),
        ("a comment", commented(&plain, b"made by hand")),
        ("the longest comment", commented(&plain, &[b'c'; 0xffff])),
        ("zip64", wide(&plain, 2, 0, 0, true)),
        ("zip64 beside real numbers", wide(&plain, 2, 0, 0, false)),
        ("a program before it", [&stub[..], &plain].concat()),
        (
            "a program, offsets of the file",
            [&stub[..], &moved(plain.clone(), stub.len() as u32)].concat(),
        ),
        (
            "a program before zip64",
            [&stub[..], &wide(&plain, 2, 0, 0, true)].concat(),
        ),
        ("none", zip_of(&[])),
    ];
    for (name, archive) in table {
        let place = Place::new();
        let made = place.bytes(UnpackMethod::Zip, &archive);
        made.unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = listing(&place.destination());
        let expected = if name == "none" { 1 } else { 3 };
        assert_eq!(found.len(), expected, "{name}");
        assert!(
            found
                .values()
                .skip(1)
                .all(|it| it.content.as_deref() == Some(CONTENT))
        );
    }
}

#[test]
fn a_directory_that_tools_could_read_in_two_ways_is_refused() {
    let plain = zip_of(&["a", "b"]);
    let other = zip_of(&["evil"]);
    let end = last(&plain, END);
    let gap = [&plain[..end], &[0; 64], &plain[end..]].concat();
    let central = last(&plain, CENTRAL);
    let shorter = u32::try_from(end - central).unwrap().to_le_bytes();
    let table = [
        ("bytes after the end", [&plain[..], b"\0"].concat()),
        (
            "another archive in front",
            [&other[..], &plain, b"x"].concat(),
        ),
        (
            "a comment that is too short",
            with(&plain, END, 20, &[1, 0]),
        ),
        (
            "a comment that is too long",
            [&commented(&plain, b"comment")[..], b"more"].concat(),
        ),
        (
            "an end record in the comment",
            commented(&plain, &other[last(&other, END)..]),
        ),
        ("a whole archive in the comment", commented(&plain, &other)),
        ("a gap after the directory", gap),
        (
            "a directory that begins later",
            with(&plain, END, 12, &shorter),
        ),
        (
            "an offset beyond",
            with(&plain, END, 16, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        ("too few entries", with(&plain, END, 8, &[1, 0, 1, 0])),
        ("too many entries", with(&plain, END, 8, &[3, 0, 3, 0])),
        ("zip64 with other entries", wide(&plain, 1, 0, 0, false)),
        ("zip64 with another size", wide(&plain, 2, -1, 1, false)),
        ("zip64 with another place", wide(&plain, 2, 0, -8, true)),
        (
            "a broken directory",
            with(&plain, CENTRAL, 0, b"PK\x01\x03"),
        ),
        (
            "a name beyond the directory",
            with(&plain, CENTRAL, 28, &[0xff, 0x0f]),
        ),
        (
            "a header that is none",
            with(&plain, LOCAL, 0, b"PK\x03\x05"),
        ),
        (
            "a place beyond the file",
            with(&plain, CENTRAL, 42, &[0xff, 0xff, 0xff, 0x7f]),
        ),
    ];
    for (name, archive) in table {
        let error = Place::new().refused(UnpackMethod::Zip, &archive);
        assert_eq!(error.kind, Kind::ArchiveCorrupt, "{name}: {error}");
    }
    for (name, archive) in [
        ("a part of several", with(&plain, END, 4, &[1, 0, 1, 0])),
        (
            "entries on other disks",
            with(&plain, END, 8, &[1, 0, 2, 0]),
        ),
    ] {
        let error = Place::new().refused(UnpackMethod::Zip, &archive);
        assert_eq!(error.kind, Kind::ArchiveUnsupported, "{name}: {error}");
    }
}

#[test]
fn an_entry_that_is_another_one_in_its_own_header_is_refused() {
    let plain = zip_of(&["a", "b"]);
    let table = [
        ("name", with(&plain, LOCAL, 30, b"c")),
        ("method", with(&plain, LOCAL, 8, &[8, 0])),
        ("checksum", with(&plain, LOCAL, 14, &[1; 4])),
        ("size", with(&plain, LOCAL, 22, &[1, 0, 0, 0])),
        (
            "encrypted in the directory alone",
            with(&plain, LOCAL, 6, &[1, 0]),
        ),
    ];
    for (name, archive) in table {
        let error = Place::new().refused(UnpackMethod::Zip, &archive);
        assert_eq!(error.kind, Kind::ArchiveUnsafe, "{name}: {error}");
    }
}

#[test]
fn a_unicode_path_is_the_name_wherever_it_stands() {
    for only_in_directory in [true, false] {
        let place = Place::new();
        // Longer than the name in the header, which is what the header's length counts.
        let name = "ein langer Ordner/größer als vorher.txt";
        let archive = renamed("a.txt", name, only_in_directory);
        place.bytes(UnpackMethod::Zip, &archive).unwrap();
        let found = listing(&place.destination());
        assert_eq!(found[&at(name)].content.as_deref(), Some(CONTENT));
        assert_eq!(found[&at("z")].content.as_deref(), Some(CONTENT));
        assert_eq!(found.len(), 4);
    }
    let kind = Place::new().refused_kind(UnpackMethod::Zip, &renamed("a", "../evil", true));
    assert_eq!(kind, Kind::ArchiveUnsafe);
    // One that was made for another name is out of date.
    let place = Place::new();
    let stale = renamed("a.txt", "b.txt", true);
    let crc = crc32(b"a.txt").to_le_bytes();
    let at_crc = stale.windows(4).rposition(|bytes| bytes == crc).unwrap();
    let mut stale = stale;
    stale[at_crc] ^= 1;
    place.bytes(UnpackMethod::Zip, &stale).unwrap();
    assert!(listing(&place.destination()).contains_key(&at("a.txt")));
}

#[test]
fn of_two_entries_with_one_name_the_later_wins() {
    let mut archive = zip_of(&["a", "b"]);
    // Both are called `a`, in both of their headers.
    for mark in [CENTRAL, LOCAL] {
        let name = if mark == CENTRAL { 46 } else { 30 };
        archive = with(&archive, mark, name, b"a");
    }
    let place = Place::new();
    place.bytes(UnpackMethod::Zip, &archive).unwrap();
    assert_eq!(listing(&place.destination()).len(), 2);
}
