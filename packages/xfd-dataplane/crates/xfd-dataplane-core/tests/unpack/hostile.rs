//! Hostile and broken archives are refused, and nothing of them is left.

use super::support::{CAPS, Place, Raw, at, listing, noise};
use tar::EntryType;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{UnpackCaps, UnpackMethod};

fn tar_refused(archive: Raw) -> Kind {
    Place::new().refused_kind(UnpackMethod::Tar, &archive.end())
}

#[test]
fn entries_out_of_the_tree_are_unsafe() {
    let start = || Raw::default().file("good", b"good").folder("d");
    let archives = [
        start().file("/etc/evil", b""),
        start().file("../evil", b""),
        start().file("d/../../evil", b""),
        start().file("d/..", b""),
        start().file(".", b""),
        start().folder("../d"),
        start().link("l", "/etc/passwd"),
        start().link("l", "../evil"),
        start().link("d/l", "../../evil"),
        start().link("d/l", "x/../../../evil"),
        start().link("l", ""),
        start().hard_link("h", "/etc/passwd"),
        start().hard_link("h", "../evil"),
        start().hard_link("h", "not unpacked"),
        start().hard_link("h", "d"),
        start().member(EntryType::Fifo, "p", "", b""),
        start().member(EntryType::Char, "c", "", b""),
        start().member(EntryType::Block, "b", "", b""),
    ];
    for (number, archive) in archives.into_iter().enumerate() {
        assert_eq!(tar_refused(archive), Kind::ArchiveUnsafe, "number {number}");
    }
}

/// The archive is to blame, and not the disk.
#[test]
fn a_name_that_linux_does_not_take_is_unsupported() {
    let with_name =
        |name: String| Raw::default().member(EntryType::GNULongName, "l", "", name.as_bytes());
    let long = "n".repeat(256);
    for archive in [
        with_name(long.clone()).file("f", b""),
        with_name(format!("{long}/f")).file("f", b""),
        with_name(format!("d/{long}")).folder("f"),
        with_name(long.clone()).link("f", "target"),
        Raw::default()
            .member(EntryType::GNULongLink, "l", "", long.as_bytes())
            .link("to", "")
            .file("to/f", b""),
    ] {
        assert_eq!(tar_refused(archive), Kind::ArchiveUnsupported);
    }
    let place = Place::new();
    let archive = with_name("n".repeat(255)).file("f", b"");
    place.tar(&archive.end()).unwrap();
}

#[test]
fn a_long_name_is_looked_at_like_a_short_one() {
    let long = format!("../{}", "x".repeat(200));
    let pax = format!("{} path={long}\n", long.len() + 10);
    for archive in [
        Raw::default().member(EntryType::GNULongName, "l", "", long.as_bytes()),
        Raw::default().member(EntryType::XHeader, "x", "", pax.as_bytes()),
        Raw::default().member(EntryType::XHeader, "x", "", b"12 path=a\0b\n"),
    ] {
        assert_eq!(tar_refused(archive.file("f", b"")), Kind::ArchiveUnsafe);
    }
}

#[test]
fn a_link_that_climbs_from_where_another_leads_is_unsafe() {
    let archive = Raw::default()
        .link("a/b/up", "../..")
        .link("a/b/out", "up/../..");
    assert_eq!(tar_refused(archive), Kind::ArchiveUnsafe);
    // The link in the middle may come later.
    let archive = Raw::default()
        .link("a/b/out", "up/../..")
        .link("a/b/up", "../..");
    assert_eq!(tar_refused(archive), Kind::ArchiveUnsafe);
    let place = Place::new();
    let archive = Raw::default().folder("a/c").link("a/b/fine", "../c/../d");
    place.tar(&archive.end()).unwrap();
}

#[test]
fn a_hard_link_does_not_move_a_link_out() {
    let archive = Raw::default().link("a/l", "../x").hard_link("l", "a/l");
    assert_eq!(tar_refused(archive), Kind::ArchiveUnsafe);
}

#[test]
fn a_folder_with_entries_is_not_replaced() {
    let archive = Raw::default().file("a/b", b"").link("a", "c");
    assert_eq!(tar_refused(archive), Kind::ArchiveCorrupt);
    let archive = Raw::default().file("a", b"").file("a/b", b"");
    assert_eq!(tar_refused(archive), Kind::ArchiveCorrupt);
}

#[test]
fn what_is_cut_off_anywhere_is_corrupt() {
    let archive = Raw::default()
        .file("a", &noise(3000, 1))
        .file("b", b"b")
        .cut();
    for length in [0, 100, 512, 700, 3500, 3583, 3585, 4096, archive.len() - 1] {
        let kind = Place::new().refused_kind(UnpackMethod::Tar, &archive[..length]);
        assert_eq!(kind, Kind::ArchiveCorrupt, "{length}");
    }
}

#[test]
fn what_is_no_archive_is_corrupt() {
    for method in [
        UnpackMethod::Tar,
        UnpackMethod::TarGz,
        UnpackMethod::TarZst,
        UnpackMethod::Gz,
        UnpackMethod::Zip,
    ] {
        for bytes in [&noise(5000, 7)[..], b"", b"text"] {
            let kind = Place::new().refused_kind(method, bytes);
            assert_eq!(kind, Kind::ArchiveCorrupt, "{method:?} {}", bytes.len());
        }
    }
}

/// Tools would leave the second one's files out without a word, so it is refused: `tar -A` makes
/// one archive of two, `tar -i` reads both.
#[test]
fn a_second_archive_behind_the_end_is_refused() {
    let first = || Raw::default().file("a", b"a");
    let second = Raw::default().file("b", b"b").end();
    let mut padded = first().end();
    padded.resize(20 * 512, 0);
    let one_zero_block = [first().cut(), vec![0; 512]].concat();
    for end in [first().end(), padded, one_zero_block] {
        let archive = [end, second.clone()].concat();
        let error = Place::new().refused(UnpackMethod::Tar, &archive);
        assert_eq!(error.kind, Kind::ArchiveCorrupt);
        assert!(error.what.contains("another archive follows"), "{error}");
    }
}

#[test]
fn a_changed_header_is_corrupt() {
    let mut archive = Raw::default().file("a", b"a").file("b", b"b").end();
    archive[1024] ^= 1;
    let kind = Place::new().refused_kind(UnpackMethod::Tar, &archive);
    assert_eq!(kind, Kind::ArchiveCorrupt);
}

#[test]
fn entries_and_bytes_are_bounded() {
    let archive = Raw::default().file("a", b"12345").file("b", b"12345").end();
    let mut place = Place::new();
    place.caps = UnpackCaps {
        max_entries: 1,
        ..CAPS
    };
    let kind = place.refused_kind(UnpackMethod::Tar, &archive);
    assert_eq!(kind, Kind::ArchiveTooLarge);
    place.caps = UnpackCaps {
        max_bytes: Some(9),
        ..CAPS
    };
    let kind = place.refused_kind(UnpackMethod::Tar, &archive);
    assert_eq!(kind, Kind::ArchiveTooLarge);
    place.caps = UnpackCaps {
        max_entries: 2,
        max_bytes: Some(10),
        ..CAPS
    };
    place.tar(&archive).unwrap();
    assert!(listing(&place.destination()).contains_key(&at("b")));
}

#[test]
fn a_bomb_is_stopped_by_its_ratio() {
    let place = Place::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..110 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert_eq!(
        place.refused_kind(UnpackMethod::Gz, &bomb),
        Kind::ArchiveTooLarge
    );
}
