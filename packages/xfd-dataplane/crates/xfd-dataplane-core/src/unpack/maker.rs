//! Creates entries below the staged root, never through a symbolic link.
//!
//! Every path is resolved beneath the root's descriptor and through no link, by `openat2` in one
//! call; where there is none (before Linux 5.6, or forbidden) folder by folder, with `O_NOFOLLOW`.
//! The last folder stays open, as entries of one folder mostly follow each other. Thus even a
//! filter that erred could not make a write leave the tree.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};

use super::write_behind;
use crate::beside::Beneath;
use crate::error::{Error, Result};

const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const FILE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// One for each thread that creates.
pub(super) struct Maker<'a> {
    root: BorrowedFd<'a>,
    /// What errors name instead of the staged root.
    shown: &'a Path,
    last: Option<(Vec<u8>, OwnedFd)>,
    beneath: Beneath,
    umask: u32,
    /// Whether the tree will be synced.
    sync: bool,
}

impl<'a> Maker<'a> {
    pub(super) fn new(root: BorrowedFd<'a>, shown: &'a Path, sync: bool) -> Self {
        Self {
            root,
            shown,
            last: None,
            beneath: Beneath::default(),
            umask: umask(),
            sync,
        }
    }

    /// Another one for the same tree.
    pub(super) fn again(&self) -> Self {
        Self {
            root: self.root,
            shown: self.shown,
            last: None,
            beneath: self.beneath.clone(),
            umask: self.umask,
            sync: self.sync,
        }
    }

    /// Permission bits that this process takes from what it creates.
    pub(super) fn umask(&self) -> u32 {
        self.umask
    }

    /// The path that errors about an entry name.
    pub(super) fn shown(&self, path: &[u8]) -> PathBuf {
        self.shown.join(OsStr::from_bytes(path))
    }

    /// A new folder that only this user can enter until its mode is set.
    pub(super) fn folder(&mut self, path: &[u8]) -> Result<()> {
        self.within(path, "create a folder", |parent, name| {
            rustix::fs::mkdirat(parent, name, Mode::RWXU)
        })
    }

    /// A new file with exactly these permission bits.
    pub(super) fn file(&mut self, path: &[u8], mode: u32) -> Result<File> {
        let bits = Mode::from_raw_mode(mode);
        let failed = |maker: &Self, error| maker.failed(error, "create a file", path);
        let is_in_last = matches!(&self.last, Some((at, _)) if at == split(path).0);
        let direct = match is_in_last {
            true => None,
            false => self.beneath.open(self.root, path, FILE, bits),
        };
        let file = match direct {
            Some(file) => file.map_err(|error| failed(self, error))?,
            None => self.within(path, "create a file", |parent, name| {
                rustix::fs::openat(parent, name, FILE, bits)
            })?,
        };
        if mode & self.umask != 0 {
            rustix::fs::fchmod(&file, bits).map_err(|error| failed(self, error))?;
        }
        Ok(File::from(file))
    }

    /// What lies between `from` and `to` of a file was written.
    pub(super) fn wrote(&self, file: &File, from: u64, to: u64) {
        if self.sync {
            write_behind::wrote(file, from, to);
        }
    }

    /// A file has all its bytes.
    pub(super) fn ended(&self, file: &File, size: u64) {
        if self.sync {
            write_behind::ended(file, size);
        }
    }

    /// A symbolic link with its own time.
    pub(super) fn link(
        &mut self,
        path: &[u8],
        target: &[u8],
        mtime: Option<Timespec>,
    ) -> Result<()> {
        self.within(path, "create a symbolic link", |parent, name| {
            rustix::fs::symlinkat(target, parent, name)?;
            match mtime {
                Some(mtime) => rustix::fs::utimensat(
                    parent,
                    name,
                    &timestamps(mtime),
                    AtFlags::SYMLINK_NOFOLLOW,
                ),
                None => Ok(()),
            }
        })
    }

    /// Another name for what is at `names`.
    pub(super) fn hard_link(&mut self, path: &[u8], names: &[u8]) -> Result<()> {
        let (above, name) = split(names);
        let from = self
            .open(above)
            .map_err(|e| self.failed(e, "open a folder", names))?;
        self.within(path, "create a hard link", |parent, to| {
            rustix::fs::linkat(&from, name, parent, to, AtFlags::empty())
        })
    }

    /// Removes a file, a link or an empty folder; nothing there is fine.
    pub(super) fn remove(&mut self, path: &[u8], folder: bool) -> Result<()> {
        // An open descriptor of a folder that goes must not stand for the one that comes.
        self.last = None;
        let flags = if folder {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        self.within(
            path,
            "replace an entry",
            |parent, name| match rustix::fs::unlinkat(parent, name, flags) {
                Err(rustix::io::Errno::NOENT) => Ok(()),
                other => other,
            },
        )
    }

    /// Opens a folder of the tree; the empty path is the root.
    pub(super) fn open(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        if !path.is_empty()
            && let Some(folder) = self.beneath.open(self.root, path, FOLDER, Mode::empty())
        {
            return folder;
        }
        let mut at = rustix::fs::openat(self.root, c".", FOLDER, Mode::empty())?;
        for name in path.split(|byte| *byte == b'/').filter(|n| !n.is_empty()) {
            at = rustix::fs::openat(&at, name, FOLDER, Mode::empty())?;
        }
        Ok(at)
    }

    /// What a system call on `path` failed with.
    pub(super) fn failed(&self, error: impl Into<io::Error>, doing: &str, path: &[u8]) -> Error {
        Error::of_path(&error.into(), doing, self.shown(path))
    }

    fn within<T>(
        &mut self,
        path: &[u8],
        doing: &str,
        call: impl FnOnce(BorrowedFd<'_>, &[u8]) -> rustix::io::Result<T>,
    ) -> Result<T> {
        let (above, name) = split(path);
        let opened = match self.last.take() {
            Some((at, parent)) if at == above => Ok((at, parent)),
            _ => self.open(above).map(|parent| (above.to_vec(), parent)),
        };
        let result = opened.and_then(|(at, parent)| {
            let result = call(parent.as_fd(), name);
            self.last = Some((at, parent));
            result
        });
        result.map_err(|e| self.failed(e, doing, path))
    }
}

/// A path's folder and its name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// A modification time that leaves the access time alone.
pub(super) fn timestamps(mtime: Timespec) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: mtime,
    }
}

/// The process's umask, read where reading does not change it (`Umask` in proc(5)).
fn umask() -> u32 {
    const USUAL: u32 = 0o022;
    let read = || {
        let fd = rustix::fs::openat(
            CWD,
            c"/proc/self/status",
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let status = io::read_to_string(File::from(fd)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("Umask:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    };
    read().unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_made_or_opened_through_a_link_with_openat2_or_without() {
        for has_openat2 in [true, false] {
            let tree = tempfile::tempdir().unwrap();
            let outside = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(outside.path(), tree.path().join("link")).unwrap();
            let root = File::open(tree.path()).unwrap();
            let mut maker = Maker::new(root.as_fd(), tree.path(), false);
            maker.beneath = Beneath::new(has_openat2);
            maker.folder(b"folder").unwrap();
            maker.folder(b"folder/in").unwrap();
            for path in ["file", "folder/in/file", "folder/file", "folder/in/other"] {
                maker.file(path.as_bytes(), 0o777).unwrap();
                let made = std::fs::metadata(tree.path().join(path)).unwrap();
                let mode = std::os::unix::fs::PermissionsExt::mode(&made.permissions());
                assert_eq!(mode & 0o777, 0o777, "{path}");
                assert!(maker.file(path.as_bytes(), 0o777).is_err(), "made twice");
            }
            assert!(maker.file(b"link/file", 0o644).is_err());
            assert!(maker.folder(b"link/folder").is_err());
            assert!(maker.open(b"link").is_err());
            assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        }
    }
}
