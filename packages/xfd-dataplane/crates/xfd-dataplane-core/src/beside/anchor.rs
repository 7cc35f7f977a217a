//! The folder that a user named, as it was found: another one that gets its name is not taken for
//! it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, Mode, OFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use super::beneath::Beneath;
use crate::error::{Error, Kind, Result, is_absent};
use crate::threads::{Mutex, MutexGuard, locked};

/// Folders that are kept open: the files of one mostly follow each other. Few, since a process may
/// have 1,024 descriptors.
const KEPT_OPEN: usize = 128;

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Device and inode.
type Id = (u64, u64);

/// The folders that are open just now.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    beneath: Beneath,
    folders: Mutex<HashMap<PathBuf, (Id, Arc<OwnedFd>)>>,
}

impl Opened {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<PathBuf, (Id, Arc<OwnedFd>)>> {
        locked(&self.folders)
    }

    /// Closes all of them: others may have their names by now.
    pub(crate) fn close(&self) {
        self.folders().clear();
    }

    fn kept(&self, path: &Path, anchor: Id) -> Option<Arc<OwnedFd>> {
        let folders = self.folders();
        let (id, fd) = folders.get(path)?;
        (*id == anchor).then(|| fd.clone())
    }

    fn keep(&self, path: PathBuf, anchor: Id, fd: Arc<OwnedFd>) {
        let mut folders = self.folders();
        if folders.len() >= KEPT_OPEN {
            folders.clear();
        }
        folders.insert(path, (anchor, fd));
    }
}

/// An existing folder.
#[derive(Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    id: Id,
    opened: Arc<Opened>,
    /// The user that new files in it belong to, if that is neither this one nor root: some network
    /// file systems give all files to one user. Unknown until it matters.
    owner_of_new_files: OnceLock<Option<u32>>,
}

impl Anchor {
    /// The folder of this name; None if there is none.
    ///
    /// # Errors
    /// `UnsafePath` if another user's link leads there, or if the folder is one of devices or of
    /// the kernel; what the disk said.
    pub(crate) fn find(opened: &Arc<Opened>, path: &Path) -> Result<Option<Arc<Self>>> {
        let failed = |error: &std::io::Error| Error::of_path(error, "open the folder", path);
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() && !is_me_or_root(found.uid()) => {
                return Err(Error::new(
                    Kind::UnsafePath,
                    format!("A symbolic link of user {} lies there", found.uid()),
                )
                .with_path(path)
                .with_remedy("Name the folder itself"));
            }
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        }
        let fd = match rustix::fs::open(path, FOLDER, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(failed(&error.into())),
        };
        refuse_system_folder(&fd, path)?;
        let id = id_of(&fd).map_err(|error| failed(&error.into()))?;
        opened.keep(path.to_owned(), id, Arc::new(fd));
        Ok(Some(Arc::new(Self {
            path: path.to_owned(),
            id,
            opened: opened.clone(),
            owner_of_new_files: OnceLock::new(),
        })))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folders that are open with it.
    pub(crate) fn opened(&self) -> &Arc<Opened> {
        &self.opened
    }

    /// Identifies its file system.
    pub(crate) fn device(&self) -> u64 {
        self.id.0
    }

    /// The descriptor and the path of the folder at `relative`, which is empty for the anchor itself.
    ///
    /// # Errors
    /// `UnsafePath` if the path leads through a link, or if another folder has the anchor's name
    /// now; what the disk said.
    pub(super) fn open(&self, relative: &Path) -> Result<(Arc<OwnedFd>, PathBuf)> {
        let path = match relative.as_os_str().is_empty() {
            true => self.path.clone(),
            false => self.path.join(relative),
        };
        if let Some(fd) = self.opened.kept(&path, self.id) {
            return Ok((fd, path));
        }
        let root = self.root()?;
        if relative.as_os_str().is_empty() {
            return Ok((root, path));
        }
        let opened = self.open_beneath(&root, relative);
        let fd = opened.map_err(|error| match error {
            Errno::LOOP | Errno::XDEV => through_a_link(&path),
            // A link at the end of the way is no folder, as it is not followed.
            Errno::NOTDIR if path.is_symlink() => through_a_link(&path),
            error => Error::of_path(&error.into(), "open the folder", &path),
        })?;
        let fd = Arc::new(fd);
        self.opened.keep(path.clone(), self.id, fd.clone());
        Ok((fd, path))
    }

    /// Checks that the path of the folder at `relative` still names the folder that is open.
    ///
    /// # Errors
    /// `UnsafePath` if it does not; what the disk said.
    pub(crate) fn check_named(&self, relative: &Path) -> Result<()> {
        let root = self.reopen()?;
        if relative.as_os_str().is_empty() {
            return Ok(());
        }
        let path = self.path.join(relative);
        let failed = |error: Errno| Error::of_path(&error.into(), "open the folder", &path);
        let named = self.open_beneath(&root, relative).and_then(|fd| id_of(&fd));
        match self.opened.kept(&path, self.id) {
            Some(kept) if named != id_of(&kept) => Err(named_otherwise(&path)),
            Some(_) => Ok(()),
            None => named.map(drop).map_err(failed),
        }
    }

    fn root(&self) -> Result<Arc<OwnedFd>> {
        if let Some(fd) = self.opened.kept(&self.path, self.id) {
            return Ok(fd);
        }
        let fd = Arc::new(self.reopen()?);
        self.opened.keep(self.path.clone(), self.id, fd.clone());
        Ok(fd)
    }

    fn reopen(&self) -> Result<OwnedFd> {
        let failed = |error: Errno| Error::of_path(&error.into(), "open the folder", &self.path);
        let fd = rustix::fs::open(&self.path, FOLDER, Mode::empty()).map_err(failed)?;
        if id_of(&fd).map_err(failed)? != self.id {
            return Err(named_otherwise(&self.path));
        }
        Ok(fd)
    }

    fn open_beneath(&self, root: &OwnedFd, relative: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = FOLDER | OFlags::NOFOLLOW;
        let beneath = &self.opened.beneath;
        if let Some(opened) = beneath.open(root.as_fd(), relative, flags, Mode::empty()) {
            return opened;
        }
        let mut at = rustix::fs::openat(root, c".", flags, Mode::empty())?;
        for name in relative {
            if name == OsStr::new("..") {
                return Err(Errno::XDEV);
            }
            at = match rustix::fs::openat(&at, name, flags, Mode::empty()) {
                Err(Errno::NOTDIR) if is_link(&at, name) => return Err(Errno::LOOP),
                opened => opened?,
            };
        }
        Ok(at)
    }

    /// Whether this user's files are believed to be ours.
    pub(crate) fn is_ours(self: &Arc<Self>, uid: u32) -> bool {
        is_me_or_root(uid)
            || *self
                .owner_of_new_files
                .get_or_init(|| self.find_owner_of_new_files())
                == Some(uid)
    }

    /// Makes a file and looks at its owner; None if none can be made, or it is this user's or
    /// root's.
    fn find_owner_of_new_files(self: &Arc<Self>) -> Option<u32> {
        let dir = self.dir(Path::new("")).ok()?;
        let path = self.path.join(format!(".xfd-{:016x}", fastrand::u64(..)));
        let file = dir.create(&path, OFlags::empty()).ok()?;
        dir.remove(&path);
        let owner = rustix::fs::fstat(&file).ok()?.st_uid;
        (!is_me_or_root(owner)).then_some(owner)
    }

    /// Whether a file system or folder is mounted there: it cannot be renamed or exchanged.
    pub(crate) fn is_mount_point(&self) -> bool {
        let Ok(root) = self.root() else { return false };
        let found = rustix::fs::statx(&*root, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
        if let Ok(found) = found
            && found
                .stx_attributes_mask
                .contains(StatxAttributes::MOUNT_ROOT)
        {
            return found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
        }
        // Before Linux 5.8: a bind mount of the same file system is not noticed.
        let above = rustix::fs::statat(&*root, c"..", AtFlags::empty());
        above.is_ok_and(|above| above.st_dev != self.id.0)
    }
}

/// The effective user, or root.
pub(crate) fn is_me_or_root(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

fn named_otherwise(path: &Path) -> Error {
    let what = "Something else has got this folder's name while files were written to it";
    Error::new(Kind::UnsafePath, what)
        .with_path(path)
        .with_remedy("Find out which other users may rename files there, and run this again")
}

fn through_a_link(path: &Path) -> Error {
    Error::new(
        Kind::UnsafePath,
        "A symbolic link inside the destination would lead the prefix out of it",
    )
    .with_path(path)
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| {
        rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::Symlink
    })
}

fn id_of(fd: &OwnedFd) -> rustix::io::Result<Id> {
    let found = rustix::fs::fstat(fd)?;
    Ok((found.st_dev, found.st_ino))
}

/// Files in /dev, /proc and /sys are no places for objects: a slip there as root breaks the host.
fn refuse_system_folder(fd: &OwnedFd, path: &Path) -> Result<()> {
    let real = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let real = real.unwrap_or_else(|_| path.to_owned());
    if !is_system_folder(&real) {
        return Ok(());
    }
    Err(Error::new(
        Kind::UnsafePath,
        "A folder of devices or of the kernel is no place for files",
    )
    .with_path(path)
    .with_remedy("Choose another destination"))
}

/// Whether a folder is one of devices or of the kernel; shared memory is a disk like others.
pub(crate) fn is_system_folder(real: &Path) -> bool {
    let is_in = |folder| real.starts_with(folder);
    ["/dev", "/proc", "/sys"].into_iter().any(is_in) && !is_in("/dev/shm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_the_kernel_have_folders_of_their_own() {
        let cases = [
            ("/dev", true),
            ("/dev/net", true),
            ("/dev/shm", false),
            ("/dev/shm/models", false),
            ("/development", false),
            ("/proc/self/fd", true),
            ("/sys/kernel", true),
            ("/", false),
            ("/models", false),
        ];
        for (folder, is_one) in cases {
            assert_eq!(is_system_folder(Path::new(folder)), is_one, "{folder}");
        }
    }
}
