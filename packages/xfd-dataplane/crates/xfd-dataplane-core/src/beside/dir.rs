//! One folder, and what is done to the names in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    Access, AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT,
};
use rustix::io::Errno;

use super::anchor::Anchor;
use super::belief::{doubt, odd_kind, on_disk};
use crate::decides::cache::OnDisk;
use crate::error::{Error, Kind, Result};

/// How a file is opened that somebody else may have put there.
const SAFELY: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

const CREATED: OFlags = OFlags::RDWR
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const STICKY: u32 = 0o1000;

/// An open folder. Paths are those of files in it: the name counts, the rest is for messages.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    fd: Arc<OwnedFd>,
    path: PathBuf,
    anchor: Arc<Anchor>,
}

/// What opening gave.
enum Found {
    Absent,
    Doubted(String),
    File(File),
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

impl Anchor {
    /// The folder at `relative`, which is empty for the anchor itself.
    ///
    /// # Errors
    /// `UnsafePath` if the path leads through a link, or if another folder has the anchor's name
    /// now; what the disk said.
    pub(crate) fn dir(self: &Arc<Self>, relative: &Path) -> Result<Dir> {
        let (fd, path) = self.open(relative)?;
        Ok(Dir::new(fd, path, self.clone()))
    }

    /// The same; None if there is no such folder.
    pub(crate) fn dir_if_there(self: &Arc<Self>, relative: &Path) -> Result<Option<Dir>> {
        match self.dir(relative) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.is_of_absent_path() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Dir {
    pub(super) fn new(fd: Arc<OwnedFd>, path: PathBuf, anchor: Arc<Anchor>) -> Self {
        Self { fd, path, anchor }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self, path: &Path) -> rustix::io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name_of(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What lies there; None for nothing. Links are not followed.
    pub(crate) fn look(&self, path: &Path) -> Result<Option<OnDisk>> {
        let found = self
            .stat(path)
            .map_err(|error| Error::of_path(&error.into(), "look at the destination", path))?;
        Ok(found.map(|found| on_disk(&found, self.is_ours_to_read(path, &found))))
    }

    /// Whether a file is ours, and root's may be read.
    fn is_ours_to_read(&self, path: &Path, found: &Stat) -> bool {
        let me = rustix::process::geteuid().as_raw();
        let may_read = || {
            let access = (Access::READ_OK, AtFlags::EACCESS);
            rustix::fs::accessat(&self.fd, name_of(path), access.0, access.1).is_ok()
        };
        let is_file = odd_kind(found).is_none();
        self.anchor.is_ours(found.st_uid) && (found.st_uid == me || !is_file || may_read())
    }

    /// What lies there, or what a link there leads to, and its inode; None for nothing, or a link
    /// to nothing.
    pub(crate) fn look_through(&self, path: &Path) -> Result<Option<(OnDisk, u64)>> {
        match rustix::fs::statat(&self.fd, name_of(path), AtFlags::empty()) {
            Ok(found) => {
                let is_ours = self.is_ours_to_read(path, &found);
                Ok(Some((on_disk(&found, is_ours), found.st_ino)))
            }
            Err(Errno::NOENT | Errno::LOOP) => Ok(None),
            Err(error) => Err(Error::of_path(
                &error.into(),
                "look at the destination",
                path,
            )),
        }
    }

    /// What the folder itself is.
    pub(crate) fn look_at_itself(&self) -> Result<OnDisk> {
        let found = rustix::fs::fstat(&self.fd);
        let found = found
            .map_err(|error| Error::of_path(&error.into(), "look at the folder", &self.path))?;
        Ok(on_disk(&found, self.anchor.is_ours(found.st_uid)))
    }

    /// Bytes that a file's blocks take on the disk, at most its size.
    pub(crate) fn allocated(&self, path: &Path) -> u64 {
        let found = self.stat(path).ok().flatten();
        let bytes = found.map_or(0, |found| (found.st_blocks * 512).min(found.st_size));
        u64::try_from(bytes).unwrap_or_default()
    }

    /// Device and inode of what lies there, with its size and times.
    pub(crate) fn identity(&self, path: &Path) -> io::Result<((u64, u64), OnDisk)> {
        let found = self.stat(path)?.ok_or(io::ErrorKind::NotFound)?;
        let is_ours = self.anchor.is_ours(found.st_uid);
        Ok(((found.st_dev, found.st_ino), on_disk(&found, is_ours)))
    }

    fn find(&self, path: &Path, flags: OFlags, most: u64) -> io::Result<Found> {
        let opened = rustix::fs::openat(&self.fd, name_of(path), flags | SAFELY, Mode::empty());
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(error) => {
                // What it is explains why it could not be opened, unless it should be ours.
                let doubted = self.stat(path)?.and_then(|found| self.doubt(&found, most));
                if doubted.is_none() && error == Errno::ACCESS && flags == OFlags::RDONLY {
                    return Ok(Found::Doubted("this user may not read it".to_owned()));
                }
                return doubted.map(Found::Doubted).ok_or(error.into());
            }
        };
        Ok(match self.doubt(&rustix::fs::fstat(&file)?, most) {
            Some(why) => Found::Doubted(why),
            None => Found::File(file.into()),
        })
    }

    pub(super) fn owner_doubted(&self, path: &Path) -> Result<Option<String>> {
        let found = self
            .stat(path)
            .map_err(|error| Error::of_path(&error.into(), "look at the file", path))?;
        Ok(found
            .filter(|found| !self.anchor.is_ours(found.st_uid))
            .map(|found| format!("it belongs to user {}", found.st_uid)))
    }

    fn doubt(&self, found: &Stat, most: u64) -> Option<String> {
        doubt(found, self.anchor.is_ours(found.st_uid), most)
    }

    /// Opens a file of ours of at most `most` bytes; None if there is none, or if it is not
    /// believed.
    pub(crate) fn open(&self, path: &Path, flags: OFlags, most: u64) -> io::Result<Option<File>> {
        match self.find(path, flags, most)? {
            Found::File(file) => Ok(Some(file)),
            Found::Absent => Ok(None),
            Found::Doubted(why) => {
                tracing::warn!(path = %path.display(), why, "file_not_trusted");
                Ok(None)
            }
        }
    }

    /// Opens a regular file of any user.
    pub(crate) fn open_any(&self, path: &Path) -> Option<File> {
        let flags = OFlags::RDONLY | SAFELY;
        let file = rustix::fs::openat(&self.fd, name_of(path), flags, Mode::empty()).ok()?;
        let found = rustix::fs::fstat(&file).ok()?;
        odd_kind(&found).is_none().then(|| file.into())
    }

    /// Opens an object's bytes: a regular file of ours, whatever other names it has.
    pub(crate) fn open_data(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | SAFELY;
        let file = rustix::fs::openat(&self.fd, name_of(path), flags, Mode::empty())?;
        let found = rustix::fs::fstat(&file)?;
        if odd_kind(&found).is_some() || !self.anchor.is_ours(found.st_uid) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not the file that was left there",
            ));
        }
        Ok(file.into())
    }

    /// Opens a regular file of any user, or the one that a link leads to. Only for bytes that are
    /// compared with their checksums.
    pub(crate) fn open_through(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | SAFELY.difference(OFlags::NOFOLLOW);
        let file = rustix::fs::openat(&self.fd, name_of(path), flags, Mode::empty())?;
        match odd_kind(&rustix::fs::fstat(&file)?) {
            None => Ok(file.into()),
            Some(what) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is {what}"),
            )),
        }
    }

    /// Opens a file that several users lock, or makes it; it is never read or written.
    pub(crate) fn open_lock(&self, path: &Path) -> io::Result<File> {
        let group_too = Mode::from_raw_mode(0o664);
        match rustix::fs::openat(&self.fd, name_of(path), CREATED, group_too) {
            Ok(file) => {
                // The mode that the process masks is what lets other users wait for the lock.
                rustix::fs::fchmod(&file, group_too).ok();
                return Ok(file.into());
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let open = |flags| rustix::fs::openat(&self.fd, name_of(path), flags, Mode::empty());
        match open(OFlags::RDWR | SAFELY) {
            Err(Errno::ACCESS) => Ok(open(OFlags::RDONLY | SAFELY)?.into()),
            opened => Ok(opened?.into()),
        }
    }

    /// Opens a file of ours, or makes one. What is there and is not believed is removed.
    pub(crate) fn open_or_create(&self, path: &Path, flags: OFlags, most: u64) -> Result<File> {
        let opened = self.open(path, flags, most);
        match opened.map_err(|error| Error::of_path(&error, "open a file", path))? {
            Some(file) => Ok(file),
            None => self.create(path, flags),
        }
    }

    /// Makes a file if nothing has its name; else None.
    pub(crate) fn create_new(&self, path: &Path, flags: OFlags) -> Result<Option<File>> {
        let mode = Mode::from_raw_mode(0o666);
        match rustix::fs::openat(&self.fd, name_of(path), flags | CREATED, mode) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(Error::of_path(&error.into(), "make a file", path)),
        }
    }

    /// Makes a file in the place of whatever has its name.
    ///
    /// # Errors
    /// `DestinationNotWritable` if that cannot be removed.
    pub(crate) fn create(&self, path: &Path, flags: OFlags) -> Result<File> {
        loop {
            match self.create_new(path, flags)? {
                Some(file) => return Ok(file),
                None => self.clear(path)?,
            }
        }
    }

    /// Removes the name of what is in the way.
    ///
    /// # Errors
    /// `DestinationNotWritable` if that cannot be removed.
    pub(crate) fn clear(&self, path: &Path) -> Result<()> {
        match rustix::fs::unlinkat(&self.fd, name_of(path), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.in_the_way(path, &error.into())),
        }
    }

    fn in_the_way(&self, path: &Path, error: &io::Error) -> Error {
        let found = self.stat(path).ok().flatten();
        let what = match &found {
            Some(found) => odd_kind(found).unwrap_or("a file"),
            None => "something",
        };
        let whose = found.map_or(0, |found| found.st_uid);
        let what = format!("What lies there ({what} of user {whose}) cannot be replaced: {error}");
        Error::new(Kind::DestinationNotWritable, what)
            .with_path(path)
            .with_remedy("Remove it, or choose a destination in a folder of your own")
    }

    /// Checks that a file could take the place of what is there.
    ///
    /// # Errors
    /// `DestinationNotWritable` if that is a folder, or another user's file in a folder with the
    /// sticky bit.
    pub(crate) fn check_replaceable(&self, path: &Path) -> Result<()> {
        let failed = |error: Errno| Error::of_path(&error.into(), "look at the folder", path);
        let Some(found) = self.stat(path).map_err(failed)? else {
            return Ok(());
        };
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            return Err(self.in_the_way(path, &Errno::ISDIR.into()));
        }
        self.check_sticky(path, &found)
    }

    /// Checks that what is there could be renamed.
    ///
    /// # Errors
    /// `DestinationNotWritable` if not, as for another user's in a folder with the sticky bit.
    pub(crate) fn check_movable(&self, path: &Path) -> Result<()> {
        let failed = |error: Errno| Error::of_path(&error.into(), "look at the folder", path);
        match self.stat(path).map_err(failed)? {
            Some(found) => self.check_sticky(path, &found),
            None => Ok(()),
        }
    }

    fn check_sticky(&self, path: &Path, found: &Stat) -> Result<()> {
        let failed = |error: Errno| Error::of_path(&error.into(), "look at the folder", path);
        let me = rustix::process::geteuid().as_raw();
        if me == 0 {
            return Ok(());
        }
        let above = rustix::fs::fstat(&self.fd).map_err(failed)?;
        let is_kept = above.st_mode & STICKY != 0 && found.st_uid != me && above.st_uid != me;
        match is_kept {
            true => Err(self.in_the_way(path, &Errno::PERM.into())),
            false => Ok(()),
        }
    }

    /// Checks that this process may make and rename files in it.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(rustix::fs::accessat(
            &self.fd,
            c".",
            access,
            AtFlags::EACCESS,
        )?)
    }

    /// The content of a small file of ours; None if there is none, or it is not believed.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
        let (text, why) = self.read_or_why(path, most)?;
        if let Some(why) = why {
            tracing::warn!(path = %path.display(), why, "file_not_trusted");
        }
        Ok(text)
    }

    /// The same, and why it is not believed.
    pub(crate) fn read_or_why(
        &self,
        path: &Path,
        most: u64,
    ) -> Result<(Option<Vec<u8>>, Option<String>)> {
        let failed = |error: io::Error| Error::of_path(&error, "read a record", path);
        match self.find(path, OFlags::RDONLY, most).map_err(failed)? {
            Found::Absent => Ok((None, None)),
            Found::Doubted(why) => Ok((None, Some(why))),
            Found::File(file) => {
                let mut text = Vec::new();
                file.take(most).read_to_end(&mut text).map_err(failed)?;
                Ok((Some(text), None))
            }
        }
    }

    /// Whether following a link leads to something that is no regular file, and to what.
    pub(crate) fn special_target(&self, path: &Path) -> Option<&'static str> {
        let text = rustix::fs::readlinkat(&self.fd, name_of(path), Vec::new()).ok()?;
        let text = Path::new(OsStr::from_bytes(text.as_bytes()));
        if super::anchor::is_system_folder(text) {
            return Some("a device");
        }
        let found = rustix::fs::statat(&self.fd, name_of(path), AtFlags::empty()).ok()?;
        odd_kind(&found)
    }

    /// Removes a file of ours; one that is gone already is fine.
    pub(crate) fn remove(&self, path: &Path) {
        match rustix::fs::unlinkat(&self.fd, name_of(path), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "file_not_removed");
            }
        }
    }

    /// Sets the modification time of a file to now, if it is there. A link is not followed.
    pub(crate) fn touch(&self, path: &Path) -> io::Result<()> {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let omitted = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        };
        let times = Timestamps {
            last_access: omitted,
            last_modification: now,
        };
        match rustix::fs::utimensat(&self.fd, name_of(path), &times, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file another name in the same folder.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_into(from, self, to)
    }

    /// Gives a file a name in another folder of the same file system.
    pub(crate) fn rename_into(&self, from: &Path, folder: &Self, to: &Path) -> io::Result<()> {
        Ok(rustix::fs::renameat(
            &self.fd,
            name_of(from),
            &folder.fd,
            name_of(to),
        )?)
    }

    /// Puts a small file in the place of another in one step.
    pub(crate) fn replace(&self, path: &Path, text: &[u8]) -> Result<()> {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let file = self.create(&fresh, OFlags::empty())?;
        io::Write::write_all(&mut &file, text)
            .and_then(|()| self.rename(&fresh, path))
            .map_err(|error| match error.raw_os_error() {
                Some(libc::EPERM | libc::EISDIR) => {
                    self.remove(&fresh);
                    self.in_the_way(path, &error)
                }
                _ => Error::of_path(&error, "write the record", path),
            })
    }

    /// Makes a folder, unless there is one; a link is refused.
    pub(crate) fn make_folder(&self, path: &Path) -> rustix::io::Result<()> {
        match rustix::fs::mkdirat(&self.fd, name_of(path), Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            other => other,
        }
    }

    /// The names in it.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(&self.fd, c".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(folder)? {
            let name = entry?.file_name().to_bytes().to_owned();
            if name != b"." && name != b".." {
                names.push(std::os::unix::ffi::OsStringExt::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Makes its names durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, c".", flags, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|error| Error::of_path(&error.into(), "sync the folder", &self.path))
    }
}
