//! Tar as tools have written it for forty years: whatever GNU tar, bsdtar and Python read is read,
//! and means the same.

use std::path::Path;

use super::support::{Place, Raw, at, check_summary, gnu_tar, listing};
use tar::EntryType;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;

const NAME: usize = 0;
const MODE: usize = 100;
const UID: usize = 108;
const SIZE: usize = 124;
const MTIME: usize = 136;
const CHECKSUM: usize = 148;
const MAGIC: usize = 257;
const PREFIX: usize = 345;

/// What is written over a header, each from its place on.
type Fields<'a> = Vec<(usize, &'a [u8])>;

/// Headers with their data.
type Members = Vec<Vec<u8>>;

/// How a header's checksum is summed.
#[derive(Clone, Copy)]
enum Sum {
    Unsigned,
    Signed,
}

/// A member whose header's fields are written over.
fn member(kind: EntryType, name: &str, data: &[u8], fields: &[(usize, &[u8])]) -> Vec<u8> {
    summed(kind, name, data, fields, Sum::Unsigned)
}

fn file(fields: &[(usize, &[u8])]) -> Vec<u8> {
    member(EntryType::Regular, "f", b"content", fields)
}

fn summed(
    kind: EntryType,
    name: &str,
    data: &[u8],
    fields: &[(usize, &[u8])],
    sum: Sum,
) -> Vec<u8> {
    let mut block = Raw::default().member(kind, name, "", data).cut();
    for (start, bytes) in fields {
        block[*start..start + bytes.len()].copy_from_slice(bytes);
    }
    block[CHECKSUM..CHECKSUM + 8].fill(b' ');
    let total: i64 = (block[..512].iter())
        .map(|byte| match sum {
            Sum::Unsigned => i64::from(*byte),
            Sum::Signed => i64::from(byte.cast_signed()),
        })
        .sum();
    block[CHECKSUM..CHECKSUM + 8].copy_from_slice(format!("{total:06o}\0 ").as_bytes());
    block
}

fn ended(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// A record whose length is right.
fn record(text: &str) -> Vec<u8> {
    let mut length = text.len() + 2;
    while format!("{length} {text}\n").len() != length {
        length += 1;
    }
    format!("{length} {text}\n").into_bytes()
}

fn pax(records: &[u8]) -> Vec<u8> {
    member(EntryType::XHeader, "x", records, &[])
}

/// What a table says of one entry.
struct Expected {
    path: &'static [u8],
    content: Option<&'static [u8]>,
    mtime_ns: Option<i64>,
    mode: Option<u32>,
}

fn is_there(path: &'static str) -> Expected {
    Expected {
        path: path.as_bytes(),
        content: Some(b"content"),
        mtime_ns: None,
        mode: None,
    }
}

fn at_time(seconds: i64) -> Expected {
    Expected {
        mtime_ns: Some(seconds * 1_000_000_000),
        ..is_there("f")
    }
}

fn with_mode(mode: u32) -> Expected {
    Expected {
        mode: Some(mode),
        ..is_there("f")
    }
}

fn folder(path: &'static str) -> Expected {
    Expected {
        content: None,
        ..is_there(path)
    }
}

fn check(name: &str, archive: &[u8], expected: &[Expected]) {
    let place = Place::new();
    let summary = place.tar(archive);
    let summary = summary.unwrap_or_else(|error| panic!("{name}: {error}"));
    check_summary(&summary, &place.destination());
    let found = listing(&place.destination());
    assert_eq!(found.len(), expected.len() + 1, "{name}: {found:?}");
    for entry in expected {
        let here = found.get(&at(std::str::from_utf8(entry.path).unwrap()));
        let here = here.unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!(here.content.as_deref(), entry.content, "{name}");
        assert_eq!(here.kind == 'd', entry.content.is_none(), "{name}");
        for (is, expected) in [
            (here.mtime_ns, entry.mtime_ns),
            (i64::from(here.mode), entry.mode.map(i64::from)),
        ] {
            assert_eq!(is, expected.unwrap_or(is), "{name}");
        }
    }
}

#[test]
fn fields_of_numbers_are_read_in_every_dialect() {
    let negative = [&[0xff; 8][..], &(-86_400_i32).to_be_bytes()].concat();
    let huge_id = [0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    let table: Vec<(&str, Fields<'_>, Expected)> = vec![
        ("blank time", vec![(MTIME, b"            ")], at_time(0)),
        ("NUL time", vec![(MTIME, &[0; 12])], at_time(0)),
        ("no time", vec![(MTIME, b"yesterday  \0")], at_time(0)),
        (
            "time with spaces",
            vec![(MTIME, b"       1234 ")],
            at_time(0o1234),
        ),
        (
            "NUL before a time",
            vec![(MTIME, b"\x00000001234\0")],
            at_time(0o1234),
        ),
        (
            "time of twelve digits",
            vec![(MTIME, b"000000001234")],
            at_time(0o1234),
        ),
        (
            "time before the epoch",
            vec![(MTIME, &negative)],
            at_time(-86_400),
        ),
        // Python and bsdtar make a file of mode 0 that its owner cannot read: nobody means that.
        ("blank mode", vec![(MODE, b"        ")], with_mode(0o644)),
        ("NUL mode", vec![(MODE, &[0; 8])], with_mode(0o644)),
        ("no mode", vec![(MODE, b"rw-r--r-")], with_mode(0o644)),
        ("a mode of 0", vec![(MODE, b"0000000\0")], with_mode(0)),
        (
            "mode with spaces",
            vec![(MODE, b"   755 \0")],
            with_mode(0o755),
        ),
        (
            "mode with its kind",
            vec![(MODE, b"0100700\0")],
            with_mode(0o700),
        ),
        ("blank owner", vec![(UID, &[b' '; 16])], is_there("f")),
        ("NUL owner", vec![(UID, &[0; 16])], is_there("f")),
        ("no owner", vec![(UID, b"rootrootrootroot")], is_there("f")),
        ("huge owner", vec![(UID, &huge_id)], is_there("f")),
        (
            "size with spaces",
            vec![(SIZE, b"          7 ")],
            is_there("f"),
        ),
        (
            "size in base 256",
            vec![(SIZE, b"\x80\0\0\0\0\0\0\0\0\0\0\x07")],
            is_there("f"),
        ),
    ];
    for (name, fields, expected) in table {
        check(name, &ended(&[file(&fields)]), &[expected]);
    }
    let empty = member(EntryType::Regular, "f", b"", &[(SIZE, &[b' '; 12])]);
    let nothing = Expected {
        content: Some(b""),
        ..is_there("f")
    };
    check("blank size", &ended(&[empty]), &[nothing]);
    for size in [&b"seven      \0"[..], b"         -7\0", &[0xff; 12]] {
        let archive = ended(&[file(&[(SIZE, size)])]);
        let kind = Place::new().refused_kind(UnpackMethod::Tar, &archive);
        assert_eq!(kind, Kind::ArchiveCorrupt, "a size has to be right");
    }
}

#[test]
fn headers_of_every_generation_are_read() {
    let folder_of_size = |kind| member(kind, "d", b"", &[(SIZE, b"00000010000\0")]);
    let signed = summed(EntryType::Regular, "é", b"content", &[], Sum::Signed);
    let v7: &[(usize, &[u8])] = &[(MAGIC, &[0; 8])];
    let full: &[(usize, &[u8])] = &[(NAME, &[b'n'; 100])];
    let prefix: &[(usize, &[u8])] = &[(PREFIX, b"some/where")];
    let gnu: &[(usize, &[u8])] = &[(MAGIC, b"ustar  \0"), (PREFIX, b"00000001234\0")];
    let dumped = member(EntryType::new(b'D'), "d", b"Yf\0Dg\0\0", &[]);
    let label = member(EntryType::new(b'V'), "a label", b"", &[]);
    let contiguous = member(EntryType::Continuous, "f", b"content", &[]);
    const LONGEST: &str = match std::str::from_utf8(&[b'n'; 100]) {
        Ok(name) => name,
        Err(_) => "",
    };
    let table: Vec<(&str, Members, Vec<Expected>)> = vec![
        ("signed checksum", vec![signed], vec![is_there("é")]),
        ("V7", vec![file(v7)], vec![is_there("f")]),
        (
            "V7's folder",
            vec![member(EntryType::new(0), "d/", b"", v7)],
            vec![folder("d")],
        ),
        ("a full name", vec![file(full)], vec![is_there(LONGEST)]),
        (
            "ustar's prefix",
            vec![file(prefix)],
            vec![
                folder("some"),
                folder("some/where"),
                is_there("some/where/f"),
            ],
        ),
        ("GNU has a time there", vec![file(gnu)], vec![is_there("f")]),
        (
            "a folder with a size",
            vec![folder_of_size(EntryType::Directory), file(&[])],
            vec![folder("d"), is_there("f")],
        ),
        (
            "incremental",
            vec![dumped, file(&[])],
            vec![folder("d"), is_there("f")],
        ),
        ("a label", vec![label, file(&[])], vec![is_there("f")]),
        ("contiguous", vec![contiguous], vec![is_there("f")]),
    ];
    for (name, members, expected) in table {
        check(name, &ended(&members), &expected);
    }
}

#[test]
fn extension_headers_are_read_as_gnu_tar_does() {
    let long = |kind, name: &[u8]| member(EntryType::new(kind), "././@LongLink", name, &[]);
    let plain = |records: &[u8]| vec![pax(records), file(&[])];
    let timed = |mtime: &str| plain(&record(&format!("mtime={mtime}")));
    let mut link = Raw::default().link("l", "short").cut();
    link = [long(b'K', b"target\0\0\0"), link].concat();
    let table: Vec<(&str, Members, Vec<Expected>)> = vec![
        (
            "name and NUL",
            vec![long(b'L', b"name\0"), file(&[])],
            vec![is_there("name")],
        ),
        (
            "name without",
            vec![long(b'L', b"name"), file(&[])],
            vec![is_there("name")],
        ),
        (
            "name and NULs",
            vec![long(b'L', &[b"name", &[0; 700][..]].concat()), file(&[])],
            vec![is_there("name")],
        ),
        (
            "name, NUL, junk",
            vec![long(b'L', b"name\0/../../junk"), file(&[])],
            vec![is_there("name")],
        ),
        ("no time", timed("now"), vec![at_time(1_600_000_000)]),
        ("empty time", timed(""), vec![at_time(1_600_000_000)]),
        (
            "time with an exponent",
            timed("1e9"),
            vec![at_time(1_600_000_000)],
        ),
        (
            "a time no clock has",
            timed("999999999999999999999"),
            vec![at_time(1_600_000_000)],
        ),
        (
            "time before the epoch",
            timed("-86400"),
            vec![at_time(-86_400)],
        ),
        (
            "a time of many digits",
            timed("1234.000000000000000000000000000000000"),
            vec![at_time(1234)],
        ),
        (
            "odd records",
            plain(
                &[
                    "comment=",
                    "a.b=\n\n",
                    "SCHILY.dev=42",
                    "hdrcharset=BINARY",
                    "path=a=b",
                ]
                .map(record)
                .concat(),
            ),
            vec![is_there("a=b")],
        ),
        (
            "the last wins",
            plain(b"10 path=a\n10 path=b\n"),
            vec![is_there("b")],
        ),
        (
            "taken back",
            plain(b"10 path=a\n8 path=\n"),
            vec![is_there("f")],
        ),
        ("more blanks", plain(b"12   path=a\n"), vec![is_there("a")]),
        (
            "filled up",
            plain(b"10 path=a\n\0\0\0\0"),
            vec![is_there("a")],
        ),
        ("no records", plain(b""), vec![is_there("f")]),
        (
            "a size over the header's",
            vec![pax(&record("size=7")), file(&[(SIZE, &[b' '; 12])])],
            vec![is_there("f")],
        ),
    ];
    for (name, members, expected) in table {
        check(name, &ended(&members), &expected);
    }
    let place = Place::new();
    place.tar(&ended(&[link])).unwrap();
    let target = std::fs::read_link(place.destination().join("l")).unwrap();
    assert_eq!(target, Path::new("target"));
}

#[test]
fn an_archive_may_end_as_tools_have_ended_theirs() {
    let ends: [(&str, Vec<u8>); 6] = [
        ("no end marker", vec![]),
        ("one zero block", vec![0; 512]),
        ("two", vec![0; 1024]),
        ("a record of zeros", vec![0; 10_240]),
        ("part of a block", vec![0; 1025]),
        // A writer of a record with what was in memory after the marker lost nothing by it, and
        // no tool looks there.
        ("junk", [vec![0; 1024], vec![b'j'; 9000]].concat()),
    ];
    for (name, end) in ends {
        let archive = [file(&[]), end].concat();
        check(name, &archive, &[is_there("f")]);
        let theirs = gnu_tar(&archive);
        assert!(
            theirs.contains_key(&at("f")),
            "{name}: GNU tar reads it too"
        );
    }
    for cut in [vec![0; 511], vec![b'j'; 512]] {
        let archive = [file(&[]), cut].concat();
        let kind = Place::new().refused_kind(UnpackMethod::Tar, &archive);
        assert_eq!(kind, Kind::ArchiveCorrupt);
    }
}

#[test]
fn a_global_map_of_a_sparse_file_is_no_map() {
    let global = member(
        EntryType::XGlobalHeader,
        "g",
        &record("GNU.sparse.map=0,1"),
        &[],
    );
    let kind = Place::new().refused_kind(UnpackMethod::Tar, &ended(&[global, file(&[])]));
    assert_eq!(kind, Kind::ArchiveCorrupt);
}
