//! A place to unpack to, archives to unpack, and trees to compare.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use tar::{EntryType, Header};
use tempfile::TempDir;
use xfd_dataplane_core::error::{Error, Kind, Result};
use xfd_dataplane_core::model::{Links, UnpackCaps, UnpackMethod};
use xfd_dataplane_core::unpack::{Archive, Summary, Task, unpack};

pub const CAPS: UnpackCaps = UnpackCaps {
    max_entries: 1_000_000,
    max_bytes: None,
    max_ratio: 250.0,
};

/// A folder with a destination in it; `replace`, `caps`, `links`, `conda_unpack` and
/// `cancel` as for `Task`.
pub struct Place {
    pub home: TempDir,
    pub replace: bool,
    pub caps: UnpackCaps,
    pub links: Links,
    pub conda_unpack: bool,
    pub cancel: AtomicBool,
}

impl Place {
    pub fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
            replace: false,
            caps: CAPS,
            links: Links::Safe,
            conda_unpack: false,
            cancel: AtomicBool::new(false),
        }
    }

    /// For an archive that one trusts.
    pub fn trusting() -> Self {
        Self {
            links: Links::Keep,
            ..Self::new()
        }
    }

    pub fn destination(&self) -> PathBuf {
        self.home.path().join("tree")
    }

    pub fn stream<'a>(
        &self,
        method: UnpackMethod,
        stream: impl Read + Send + 'a,
        archive_bytes: usize,
    ) -> Result<Summary> {
        self.run(method, Archive::Stream(Box::new(stream)), archive_bytes)
    }

    pub fn bytes(&self, method: UnpackMethod, archive: &[u8]) -> Result<Summary> {
        if method == UnpackMethod::Zip {
            let path = self.home.path().join("archive.zip");
            fs::write(&path, archive).unwrap();
            let result = self.run(method, Archive::File(&path), archive.len());
            fs::remove_file(&path).unwrap();
            return result;
        }
        self.stream(method, archive, archive.len())
    }

    pub fn tar(&self, archive: &[u8]) -> Result<Summary> {
        self.bytes(UnpackMethod::Tar, archive)
    }

    /// The error, after a look that nothing is left.
    pub fn refused(&self, method: UnpackMethod, archive: &[u8]) -> Error {
        let before = below(self.home.path());
        let error = self.bytes(method, archive).expect_err("refused");
        assert_eq!(below(self.home.path()), before, "nothing changed");
        error
    }

    pub fn refused_kind(&self, method: UnpackMethod, archive: &[u8]) -> Kind {
        self.refused(method, archive).kind
    }

    fn run(&self, method: UnpackMethod, archive: Archive<'_>, size: usize) -> Result<Summary> {
        unpack(Task {
            method,
            archive,
            archive_bytes: size as u64,
            key: "models/weights.bin.gz",
            destination: &self.destination(),
            replace: self.replace,
            caps: self.caps,
            links: self.links,
            conda_unpack: self.conda_unpack,
            sync: false,
            cancel: &self.cancel,
        })
    }
}

/// What a tree has at a path.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: char,
    pub mode: u32,
    pub mtime_ns: i64,
    pub target: Option<OsString>,
    pub content: Option<Vec<u8>>,
    /// Whether the same file has other names.
    pub linked: bool,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let content = self.content.as_deref().unwrap_or_default();
        let start = &content[..content.len().min(40)];
        write!(
            f,
            "{} {:o} {} {:?} {} bytes {:?} linked {}",
            self.kind,
            self.mode,
            self.mtime_ns,
            self.target,
            content.len(),
            String::from_utf8_lossy(start),
            self.linked
        )
    }
}

/// All below a folder by relative path, the folder itself as the empty path.
pub fn listing(root: &Path) -> BTreeMap<OsString, Found> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![OsString::new()];
    while let Some(path) = ahead.pop() {
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        let kind = match () {
            () if meta.is_dir() => 'd',
            () if meta.is_symlink() => 'l',
            () => 'f',
        };
        if kind == 'd' {
            for entry in fs::read_dir(&full).unwrap() {
                let below = Path::new(&path).join(entry.unwrap().file_name());
                ahead.push(below.into_os_string());
            }
        }
        found.insert(
            path,
            Found {
                kind,
                mode: meta.mode() & 0o7777,
                mtime_ns: meta.mtime() * 1_000_000_000 + meta.mtime_nsec(),
                target: (kind == 'l').then(|| fs::read_link(&full).unwrap().into_os_string()),
                content: (kind == 'f').then(|| fs::read(&full).unwrap()),
                linked: kind != 'd' && meta.nlink() > 1,
            },
        );
    }
    found
}

/// All below a folder without the folder itself.
pub fn below(root: &Path) -> BTreeMap<OsString, Found> {
    let mut found = listing(root);
    found.remove(&OsString::new());
    found
}

/// What GNU tar makes of an archive for an ordinary user.
pub fn gnu_tar(archive: &[u8]) -> BTreeMap<OsString, Found> {
    let home = TempDir::new().unwrap();
    let (file, tree) = (home.path().join("a.tar"), home.path().join("tree"));
    fs::write(&file, archive).unwrap();
    fs::create_dir(&tree).unwrap();
    run(Command::new("tar")
        .args(["--no-same-permissions", "--no-same-owner", "-xf"])
        .arg(&file)
        .arg("-C")
        .arg(&tree));
    listing(&tree)
}

/// An archive that GNU tar makes of what `fill` puts into a folder.
pub fn made_by_gnu_tar(options: &[&str], fill: impl FnOnce(&Path)) -> Vec<u8> {
    let home = TempDir::new().unwrap();
    let (file, tree) = (home.path().join("a.tar"), home.path().join("from"));
    fs::create_dir(&tree).unwrap();
    fill(&tree);
    run(Command::new("tar")
        .args(options)
        .arg("-cf")
        .arg(&file)
        .arg("-C")
        .arg(&tree)
        .arg("."));
    fs::read(&file).unwrap()
}

/// Runs a tool that the tests need; fails where it is missing.
pub fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("these tests need {:?}: {error}", command.get_program()));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Members of a tar archive, written without any of a library's care.
#[derive(Default)]
pub struct Raw(Vec<u8>);

impl Raw {
    pub fn member(mut self, kind: EntryType, path: &str, link: &str, data: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        header.set_size(data.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, path: &str, data: &[u8]) -> Self {
        self.member(EntryType::Regular, path, "", data)
    }

    pub fn folder(self, path: &str) -> Self {
        self.member(EntryType::Directory, path, "", b"")
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Symlink, path, target, b"")
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.member(EntryType::Link, path, target, b"")
    }

    /// With the end marker.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    /// Cut off where the end marker should be.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// A path as the listing has it.
pub fn at(path: &str) -> OsString {
    OsString::from_vec(path.as_bytes().to_vec())
}

/// Bytes that do not repeat soon.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand_like(seed);
    (0..length).map(|_| random()).collect()
}

fn fastrand_like(mut state: u64) -> impl FnMut() -> u8 {
    move || {
        // A linear congruential generator with Knuth's constants.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    }
}

/// The summary agrees with what is on the disk.
pub fn check_summary(summary: &Summary, tree: &Path) {
    let found = below(tree);
    assert_eq!(summary.entries.len(), found.len());
    for entry in &summary.entries {
        let on_disk = &found[std::ffi::OsStr::from_bytes(&entry.path)];
        let kind = if entry.kind == 'h' && on_disk.target.is_none() {
            'f'
        } else {
            entry.kind
        };
        assert_eq!(on_disk.kind, kind, "{}", entry.path.escape_ascii());
        match entry.kind {
            'f' => {
                let size = on_disk.content.as_ref().unwrap().len() as u64;
                assert_eq!((entry.size, entry.mtime_ns), (size, on_disk.mtime_ns));
            }
            'd' => assert_eq!((entry.size, entry.mtime_ns), (0, on_disk.mtime_ns)),
            _ => assert_eq!((entry.size, entry.mtime_ns), (0, 0)),
        }
    }
    let bytes: u64 = summary.entries.iter().map(|entry| entry.size).sum();
    assert_eq!(summary.bytes, bytes);
}

/// Compressed by gzip.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compressed by zstd.
pub fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}
