//! Removes trees of ours, through no link.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Device and inode.
type Id = (u64, u64);

/// A folder that is being emptied, to be removed from the one above it.
struct Level {
    name: OsString,
    /// Of the folder above.
    above: Id,
    /// Folders in it that are still there.
    folders: Vec<OsString>,
}

/// Removes what has a name in a folder, with all that is in it; folders without write permission
/// too, if they are this user's. However deep it is, one folder is open at a time: the way up is
/// checked to be the way that led down.
pub(crate) fn erase_tree(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error),
    }
    let mut at = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
    let mut levels = Vec::new();
    let mut next = Some(name.to_owned());
    loop {
        if let Some(name) = next {
            let above = id_of(&at)?;
            at = enter(&at, &name)?;
            levels.push(Level {
                name,
                above,
                folders: remove_files(&at)?,
            });
        }
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        next = level.folders.pop();
        if next.is_none()
            && let Some(done) = levels.pop()
        {
            let above = rustix::fs::openat(&at, c"..", OFlags::PATH | FOLDER, Mode::empty())?;
            if id_of(&above)? != done.above {
                return Err(Errno::XDEV);
            }
            match rustix::fs::unlinkat(&above, &done.name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => at = above,
                Err(error) => return Err(error),
            }
        }
    }
}

fn id_of(folder: &OwnedFd) -> rustix::io::Result<Id> {
    let found = rustix::fs::fstat(folder)?;
    Ok((found.st_dev, found.st_ino))
}

fn enter(above: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::openat(above, name, FOLDER, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let folder = rustix::fs::openat(above, name, OFlags::PATH | FOLDER, Mode::empty())?;
            open_up(&folder)?;
            rustix::fs::openat(above, name, FOLDER, Mode::empty())
        }
        opened => opened,
    }
}

/// Gives this user all rights to a folder.
fn open_up(folder: &OwnedFd) -> rustix::io::Result<()> {
    let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
    rustix::fs::chmod(path, Mode::RWXU)
}

/// Removes all that is no folder; the names of the others.
fn remove_files(folder: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let mut folders = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let remove = || rustix::fs::unlinkat(folder, name, AtFlags::empty());
        let removed = match remove() {
            Err(Errno::ACCESS) => open_up(folder).and_then(|()| remove()),
            removed => removed,
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => folders.push(OsStr::from_bytes(name.to_bytes()).to_owned()),
            Err(error) => return Err(error),
        }
    }
    Ok(folders)
}

/// Whether a name at the root of a file system is the system's own: a fresh disk is empty but for
/// it.
pub(crate) fn is_set_aside(folder: BorrowedFd<'_>, name: &OsStr) -> bool {
    name == "lost+found"
        && rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
            found.st_uid == 0 && FileType::from_raw_mode(found.st_mode) == FileType::Directory
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_tree_goes_however_deep_it_is_and_what_its_links_lead_to_stays() {
        let home = tempfile::tempdir().unwrap();
        let kept = tempfile::tempdir().unwrap();
        std::fs::write(kept.path().join("kept"), b"kept").unwrap();
        let root = home.path().join("tree");
        for folder in ["a/b", "c", "locked/in"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join("file"), b"").unwrap();
            std::os::unix::fs::symlink(kept.path(), root.join(folder).join("link")).unwrap();
        }
        let mode = std::fs::Permissions::from_mode(0o500);
        std::fs::set_permissions(root.join("locked/in"), mode).unwrap();
        let folder = std::fs::File::open(home.path()).unwrap();
        let mut at: OwnedFd = rustix::fs::openat(&folder, "tree", FOLDER, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "n", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "n", FOLDER, Mode::empty()).unwrap();
        }
        erase_tree(folder.as_fd(), OsStr::new("tree")).unwrap();
        erase_tree(folder.as_fd(), OsStr::new("tree")).unwrap();
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        assert!(kept.path().join("kept").exists());
    }
}
