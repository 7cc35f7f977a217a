//! Archives of root file systems and environments: links that lead anywhere, entries below links,
//! devices. What is safe works by itself; the rest works for an archive that one trusts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};

use super::support::{Place, Raw, at, check_summary, gnu_tar, listing};
use tar::EntryType;
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::UnpackMethod;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What a member of a table is: the same archive is made as tar and as zip.
#[derive(Clone, Copy)]
enum Made {
    File(&'static str),
    Folder(&'static str),
    Link(&'static str, &'static str),
    HardLink(&'static str, &'static str),
    Fifo(&'static str),
}
use Made::{Fifo, File, Folder, HardLink, Link};

fn tar(members: &[Made]) -> Vec<u8> {
    let add = |raw: Raw, member: &Made| match *member {
        File(path) => raw.file(path, path.as_bytes()),
        Folder(path) => raw.folder(path),
        Link(path, target) => raw.link(path, target),
        HardLink(path, target) => raw.hard_link(path, target),
        Fifo(path) => raw.member(EntryType::Fifo, path, "", b""),
    };
    members.iter().fold(Raw::default(), add).end()
}

/// None where zip cannot say it.
fn zip(members: &[Made]) -> Option<Vec<u8>> {
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for member in members {
        match *member {
            File(path) => {
                writer.start_file(path, options).unwrap();
                writer.write_all(path.as_bytes()).unwrap();
            }
            Folder(path) => writer.add_directory(path, options).unwrap(),
            Link(path, target) => writer.add_symlink(path, target, options).unwrap(),
            HardLink(..) | Fifo(_) => return None,
        }
    }
    Some(writer.finish().unwrap().into_inner())
}

/// Paths with a link's target or a file's content, folders left out.
fn tree(place: &Place) -> BTreeMap<String, String> {
    let found = listing(&place.destination());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries = found.into_iter().filter(|(_, found)| found.kind != 'd');
    entries
        .map(|(path, found)| {
            let what = match found.target {
                Some(target) => format!("-> {}", target.display()),
                None => text(&found.content.unwrap_or_default()),
            };
            (path.into_string().unwrap(), what)
        })
        .collect()
}

fn archives(members: &[Made]) -> Vec<(UnpackMethod, Vec<u8>)> {
    let mut archives = vec![(UnpackMethod::Tar, tar(members))];
    archives.extend(zip(members).map(|zip| (UnpackMethod::Zip, zip)));
    archives
}

fn check(place: &Place, method: UnpackMethod, archive: &[u8], expected: &[(&str, &str)]) {
    let summary = place.bytes(method, archive).unwrap();
    let expected = expected
        .iter()
        .map(|(path, what)| ((*path).into(), (*what).into()));
    assert_eq!(tree(place), expected.collect(), "{method:?}");
    check_summary(&summary, &place.destination());
    let around = fs::read_dir(place.home.path()).unwrap().count();
    assert_eq!(around, 1, "nothing is written beside the tree");
}

type Row = (&'static [Made], &'static [(&'static str, &'static str)]);

/// A link inside the tree is where it leads, in an archive of anybody.
const SAFE: [Row; 7] = [
    (
        &[Folder("usr/lib"), Link("lib", "usr/lib"), File("lib/x")],
        &[("lib", "-> usr/lib"), ("usr/lib/x", "lib/x")],
    ),
    (
        // What is not there yet is made.
        &[
            Link("lib", "usr/lib"),
            File("lib/deep/x"),
            Folder("usr/lib"),
        ],
        &[("lib", "-> usr/lib"), ("usr/lib/deep/x", "lib/deep/x")],
    ),
    (
        &[
            Folder("a/b"),
            Folder("c"),
            Link("a/b/up", "../../c"),
            File("a/b/up/x"),
        ],
        &[("a/b/up", "-> ../../c"), ("c/x", "a/b/up/x")],
    ),
    (
        &[
            Folder("c"),
            Link("b", "c"),
            Link("a", "b/."),
            File("a/x"),
            Link("a/y", "x"),
        ],
        &[
            ("a", "-> b/."),
            ("b", "-> c"),
            ("c/x", "a/x"),
            ("c/y", "-> x"),
        ],
    ),
    (
        &[Folder("d"), Link("l", "d"), File("d/x"), File("l/x")],
        &[("l", "-> d"), ("d/x", "l/x")],
    ),
    (
        &[
            Folder("d"),
            Link("l", "d"),
            File("l/x"),
            HardLink("same", "l/x"),
        ],
        &[("l", "-> d"), ("d/x", "l/x"), ("same", "l/x")],
    ),
    (
        // As GNU tar has it, a folder takes the place of a link.
        &[Folder("d"), Link("l", "d"), Folder("l"), File("l/x")],
        &[("l/x", "l/x")],
    ),
];

#[test]
fn entries_below_a_link_in_the_tree_go_where_it_leads() {
    for (members, expected) in SAFE {
        for (method, archive) in archives(members) {
            check(&Place::new(), method, &archive, expected);
            check(&Place::trusting(), method, &archive, expected);
        }
        // GNU tar makes no folder for a link that leads to none, and links that climb at its end.
        let climbs = |made: &Made| matches!(made, Link(_, target) if target.starts_with(".."));
        if matches!(members[0], Folder(_)) && !members.iter().any(climbs) {
            let theirs = gnu_tar(&tar(members));
            for (path, _) in expected {
                assert!(theirs.contains_key(&at(path)), "GNU tar has {path}");
            }
        }
    }
}

/// Each needs `links="keep"`.
const TRUSTED: [Row; 8] = [
    (
        &[Link("bin/python3", "/usr/bin/python3"), File("bin/pip")],
        &[
            ("bin/python3", "-> /usr/bin/python3"),
            ("bin/pip", "bin/pip"),
        ],
    ),
    (
        &[Link("data", "../shared/data"), File("x")],
        &[("data", "-> ../shared/data"), ("x", "x")],
    ),
    (
        // Of a root file system: absolute links start at the tree.
        &[Link("lib", "/usr/lib"), File("lib/x"), Folder("usr/lib")],
        &[("lib", "-> /usr/lib"), ("usr/lib/x", "lib/x")],
    ),
    (
        // Above the root is the root.
        &[Link("out", "../../elsewhere"), File("out/x")],
        &[("out", "-> ../../elsewhere"), ("elsewhere/x", "out/x")],
    ),
    (
        &[Link("up", ".."), Link("tmp", "up/up/tmp"), File("tmp/x")],
        &[("up", "-> .."), ("tmp", "-> up/up/tmp"), ("tmp/x", "tmp/x")],
    ),
    (
        &[File("/etc/passwd"), HardLink("copy", "/etc/passwd")],
        &[("etc/passwd", "/etc/passwd"), ("copy", "/etc/passwd")],
    ),
    (
        &[Link("a/l", "/etc/hosts"), HardLink("l", "a/l")],
        &[("a/l", "-> /etc/hosts"), ("l", "-> /etc/hosts")],
    ),
    (
        &[
            Fifo("dev/pipe"),
            HardLink("dev/other", "dev/pipe"),
            File("dev/x"),
        ],
        &[("dev/x", "dev/x")],
    ),
];

#[test]
fn links_to_anywhere_are_kept_and_never_followed_out_of_the_tree() {
    for (number, (members, expected)) in TRUSTED.into_iter().enumerate() {
        // What `tmp` leads to over itself is a loop, as for the kernel.
        if number == 4 {
            let error = Place::trusting().refused(UnpackMethod::Tar, &tar(members));
            assert_eq!(error.kind, Kind::ArchiveUnsafe);
            continue;
        }
        for (method, archive) in archives(members) {
            let error = Place::new().refused(method, &archive);
            assert_eq!(error.kind, Kind::ArchiveUnsafe, "number {number}");
            let remedy = error.remedy.unwrap_or_default();
            assert!(
                remedy.contains("links=\"keep\""),
                "number {number}: {remedy}"
            );
            check(&Place::trusting(), method, &archive, expected);
        }
    }
}

#[test]
fn what_is_left_out_is_named_and_bounded() {
    let mut raw = Raw::default().file("a", b"a");
    for number in 0..150 {
        raw = raw.member(EntryType::Char, &format!("dev/tty{number}"), "", b"");
    }
    let archive = raw
        .member(EntryType::new(b'M'), "continued", "", b"of another volume")
        .hard_link("dev/console", "dev/tty0")
        .file("dev/tty1", b"a file after all")
        .end();
    let place = Place::trusting();
    let summary = place.tar(&archive).unwrap();
    check_summary(&summary, &place.destination());
    let left_out = summary.left_out;
    assert_eq!((left_out.count, left_out.names.len()), (152, 100));
    assert_eq!(left_out.names[..2], ["dev/tty0", "dev/tty1"]);
    assert_eq!(
        tree(&place).into_keys().collect::<Vec<_>>(),
        ["a", "dev/tty1"]
    );
}

#[test]
fn what_no_trust_makes_right_is_refused() {
    let archives = [
        Raw::default().file("../evil", b""),
        Raw::default().file("a/../../evil", b""),
        Raw::default().link("l", ""),
        Raw::default().hard_link("h", "/etc/passwd"),
        Raw::default().hard_link("h", "../../etc/passwd"),
        Raw::default().link("l", "/etc").hard_link("h", "l/passwd"),
        Raw::default()
            .link("a", "b")
            .link("b", "a")
            .file("a/x", b""),
    ];
    for (number, archive) in archives.into_iter().enumerate() {
        let kind = Place::trusting().refused_kind(UnpackMethod::Tar, &archive.end());
        assert_eq!(kind, Kind::ArchiveUnsafe, "number {number}");
    }
    let below_a_file = Raw::default()
        .file("a", b"")
        .link("l", "a")
        .file("l/x", b"");
    let kind = Place::new().refused_kind(UnpackMethod::Tar, &below_a_file.end());
    assert_eq!(kind, Kind::ArchiveCorrupt);
}
