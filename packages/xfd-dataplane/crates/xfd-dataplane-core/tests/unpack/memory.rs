//! Small archives that would take a machine's memory or disk are stopped before they do.
//!
//! Each is unpacked by a process of its own, which says how far its memory grew.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{Place, Raw};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::EntryType;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;

/// What a bomb may take of memory, in KiB: 32 MiB of names and eight times the archive's own bytes,
/// with buffers and the allocator's own.
const MAX_KIB: u64 = 90 << 10;

const ARCHIVE: &str = "XFD_TEST_BOMB";

type Out = GzEncoder<BufWriter<File>>;

fn gzipped(path: &Path, fill: impl FnOnce(&mut Out) -> std::io::Result<()>) {
    let file = BufWriter::new(File::create(path).unwrap());
    let mut out = GzEncoder::new(file, Compression::new(6));
    fill(&mut out).unwrap();
    out.finish().unwrap().flush().unwrap();
}

fn end(out: &mut Out) -> std::io::Result<()> {
    out.write_all(&[0; 1024])
}

/// Symbolic links with targets of 4 KB; 200,000 of them were 830 MiB of memory.
fn links(out: &mut Out) -> std::io::Result<()> {
    let target = "t".repeat(4000);
    for number in 0..30_000 {
        let raw = Raw::default()
            .member(
                EntryType::GNULongLink,
                "././@LongLink",
                "",
                target.as_bytes(),
            )
            .link(&number.to_string(), "short");
        out.write_all(&raw.cut())?;
    }
    end(out)
}

/// The same with names: each is new.
fn names(out: &mut Out) -> std::io::Result<()> {
    let folder = "n/".repeat(1900);
    for number in 0..30_000 {
        let name = format!("{folder}{number}");
        let raw = Raw::default()
            .member(EntryType::GNULongName, "././@LongLink", "", name.as_bytes())
            .file("short", b"");
        out.write_all(&raw.cut())?;
    }
    end(out)
}

/// A global PAX header with a map for every file to come, which was 1.3 GiB.
fn global_maps(out: &mut Out) -> std::io::Result<()> {
    let record = format!("GNU.sparse.map={}0,0", "0,0,".repeat(3_000_000));
    let record = format!("{} {record}\n", record.len() + 10);
    for _ in 0..3 {
        let raw = Raw::default().member(EntryType::XGlobalHeader, "g", "", record.as_bytes());
        out.write_all(&raw.cut())?;
    }
    end(out)
}

/// A map of sparse pieces in many small records.
fn sparse_records(out: &mut Out) -> std::io::Result<()> {
    let record = "25 GNU.sparse.offset=000\n27 GNU.sparse.numbytes=000\n";
    let records = record.repeat(300_000);
    for _ in 0..3 {
        let raw = Raw::default().member(EntryType::XHeader, "x", "", records.as_bytes());
        out.write_all(&raw.cut())?;
    }
    end(out)
}

/// Many entries that are nothing but their header.
fn empty_files(out: &mut Out) -> std::io::Result<()> {
    for number in 0..250_000 {
        out.write_all(&Raw::default().link(&number.to_string(), "x").cut())?;
    }
    end(out)
}

/// Extension headers that describe nothing, for ever.
fn extensions(out: &mut Out) -> std::io::Result<()> {
    let comment = format!("1000008 comment={}\n", "c".repeat(999_991));
    let raw = Raw::default().member(EntryType::XGlobalHeader, "g", "", comment.as_bytes());
    let raw = raw.cut();
    (0..150).try_for_each(|_| out.write_all(&raw))
}

/// Zeros after the end marker, for ever.
fn padding(out: &mut Out) -> std::io::Result<()> {
    out.write_all(&Raw::default().file("a", b"a").end())?;
    let zeros = vec![0; 1 << 20];
    (0..150).try_for_each(|_| out.write_all(&zeros))
}

#[test]
fn a_small_archive_takes_little_memory_whatever_is_in_it() {
    let home = tempfile::tempdir().unwrap();
    type Fill = fn(&mut Out) -> std::io::Result<()>;
    let table: [(&str, Fill, Kind); 7] = [
        ("links", links, Kind::ArchiveTooLarge),
        ("names", names, Kind::ArchiveTooLarge),
        ("global maps", global_maps, Kind::ArchiveCorrupt),
        ("sparse records", sparse_records, Kind::ArchiveCorrupt),
        ("empty files", empty_files, Kind::ArchiveTooLarge),
        ("extensions", extensions, Kind::ArchiveTooLarge),
        ("padding", padding, Kind::ArchiveTooLarge),
    ];
    for (name, fill, kind) in table {
        let path = home.path().join("bomb.tar.gz");
        gzipped(&path, fill);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::one_bomb", "--ignored", "--nocapture"])
            .env(ARCHIVE, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let answer = said.lines().find_map(|line| line.split_once("BOMB "));
        let (kib, kinds) = answer
            .unwrap_or_else(|| panic!("{name}: {said}"))
            .1
            .split_once(' ')
            .unwrap();
        assert_eq!(kinds, format!("{kind:?}"), "{name}");
        let kib: u64 = kib.parse().unwrap();
        println!(
            "{name}: {} KiB of {}",
            kib,
            path.metadata().unwrap().len() >> 10
        );
        assert!(kib < MAX_KIB, "{name} took {kib} KiB");
    }
}

#[test]
#[ignore = "run by the other test of this file, in a process of its own"]
fn one_bomb() {
    let path = PathBuf::from(std::env::var_os(ARCHIVE).unwrap());
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let digits: String = line.unwrap().chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    };
    let before = peak();
    let place = Place::new();
    let size = usize::try_from(path.metadata().unwrap().len()).unwrap();
    let file = File::open(&path).unwrap();
    let error = place.stream(UnpackMethod::TarGz, file, size).unwrap_err();
    println!("BOMB {} {:?}", peak() - before, error.kind);
}
