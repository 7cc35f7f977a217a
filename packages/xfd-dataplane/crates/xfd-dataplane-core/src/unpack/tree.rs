//! A tree in the making: the filter's answers carried out, and the summary kept.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, Timespec};
use rustix::io::Errno;

use super::maker::{Maker, timestamps};
use super::task::Summary;
use crate::decides::archive::{Before, EntryKind, Filter, Place};
use crate::error::{Error, Result};
use crate::model::TreeEntry;

/// Permission bits of a folder that no entry describes, before the umask.
const FOLDER_MODE: u32 = 0o777;

/// What a folder gets when all below it is there.
#[derive(Clone, Copy, Default)]
struct FolderMeta {
    mode: Option<u32>,
    mtime: Option<Timespec>,
}

pub(super) struct Tree<'a> {
    pub(super) maker: Maker<'a>,
    pub(super) filter: Filter,
    entries: Vec<TreeEntry>,
    folders: BTreeMap<Arc<[u8]>, FolderMeta>,
    replaced: bool,
}

impl<'a> Tree<'a> {
    /// Below `root`; `shown` is its name in errors; `sync` if the tree will be synced.
    pub(super) fn new(root: BorrowedFd<'a>, shown: &'a Path, filter: Filter, sync: bool) -> Self {
        Self {
            maker: Maker::new(root, shown, sync),
            filter,
            entries: Vec::new(),
            folders: BTreeMap::from([(Arc::default(), FolderMeta::default())]),
            replaced: false,
        }
    }

    /// Asks the filter, makes the folders above and removes what has to make way. None for what is
    /// left out.
    pub(super) fn place(&mut self, path: &[u8], what: EntryKind<'_>) -> Result<Option<Place>> {
        let Some(place) = self.filter.place(path, what)? else {
            return Ok(None);
        };
        for folder in &place.folders {
            self.new_folder(folder)?;
        }
        match place.before {
            Before::Nothing | Before::SameFolder | Before::Itself => {}
            Before::EmptyFolder => {
                self.maker.remove(&place.path, true)?;
                self.folders.remove(&place.path);
                self.replaced = true;
            }
            Before::Other => {
                self.maker.remove(&place.path, false)?;
                self.replaced = true;
            }
        }
        Ok(Some(place))
    }

    /// A folder; its mode (all bits that it is to have) and time are set when the tree is whole.
    pub(super) fn folder(
        &mut self,
        place: &Place,
        mode: Option<u32>,
        mtime: Option<Timespec>,
    ) -> Result<()> {
        if place.before != Before::SameFolder {
            self.new_folder(&place.path)?;
        }
        self.folders
            .insert(Arc::clone(&place.path), FolderMeta { mode, mtime });
        Ok(())
    }

    /// Ends a file that the maker began.
    pub(super) fn end_file(
        &mut self,
        path: &Arc<[u8]>,
        file: &File,
        mtime: Option<Timespec>,
    ) -> Result<()> {
        let entry = finish(&self.maker, path, file, mtime)?;
        self.entries.push(entry);
        Ok(())
    }

    /// The place of the entry of a file that is finished elsewhere.
    pub(super) fn begin_file(&mut self, path: &Arc<[u8]>) -> usize {
        self.entries.push(entry(path, 'f'));
        self.entries.len() - 1
    }

    /// What became of the files that were created.
    pub(super) fn finished(&mut self, files: Vec<(usize, TreeEntry)>) {
        for (place, entry) in files {
            self.entries[place] = entry;
        }
    }

    /// Keeps an entry that was made elsewhere.
    pub(super) fn keep(&mut self, entry: TreeEntry) {
        self.entries.push(entry);
    }

    pub(super) fn link(
        &mut self,
        place: &Place,
        target: &[u8],
        mtime: Option<Timespec>,
    ) -> Result<()> {
        self.maker.link(&place.path, target, mtime)?;
        self.entries.push(entry(&place.path, 'l'));
        Ok(())
    }

    pub(super) fn hard_link(&mut self, place: &Place) -> Result<()> {
        if place.before == Before::Itself {
            return Ok(());
        }
        let names = place.names.as_deref().unwrap_or_default();
        self.maker.hard_link(&place.path, names)?;
        let kind = if place.is_link { 'l' } else { 'h' };
        self.entries.push(entry(&place.path, kind));
        Ok(())
    }

    /// Modes and times of folders, deepest first, and the last look at links.
    pub(super) fn settle(mut self) -> Result<Summary> {
        self.filter.finish()?;
        let umask = self.maker.umask();
        let mut mtimes = BTreeMap::new();
        // In reverse order of their bytes, what is below a folder comes before it.
        for (path, meta) in self.folders.iter().rev() {
            let mode = meta.mode.unwrap_or(FOLDER_MODE & !umask);
            let set = || {
                let folder = self.maker.open(path)?;
                rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))?;
                if let Some(mtime) = meta.mtime {
                    rustix::fs::futimens(&folder, &timestamps(mtime))?;
                }
                rustix::fs::fstat(&folder)
            };
            let stat = set().map_err(|e| self.maker.failed(e, "set a folder's mode", path))?;
            mtimes.insert(Arc::clone(path), mtime_ns(&stat));
        }
        for entry in &mut self.entries {
            if entry.kind == 'd' {
                entry.mtime_ns = mtimes.get(&entry.path).copied().unwrap_or_default();
            }
        }
        if self.replaced {
            self.forget_replaced();
        }
        Ok(Summary {
            bytes: self.entries.iter().map(|entry| entry.size).sum(),
            left_out: self.filter.left_out().clone(),
            entries: self.entries,
        })
    }

    fn new_folder(&mut self, path: &Arc<[u8]>) -> Result<()> {
        self.maker.folder(path)?;
        self.folders.insert(Arc::clone(path), FolderMeta::default());
        self.entries.push(entry(path, 'd'));
        Ok(())
    }

    fn forget_replaced(&mut self) {
        let mut seen = HashSet::new();
        let last: Vec<bool> = self
            .entries
            .iter()
            .rev()
            .map(|entry| seen.insert(&entry.path))
            .collect();
        let mut last = last.into_iter().rev();
        self.entries.retain(|_| last.next().unwrap_or(true));
    }
}

/// Sets a file's time and says what is on the disk.
pub(super) fn finish(
    maker: &Maker<'_>,
    path: &Arc<[u8]>,
    file: &File,
    mtime: Option<Timespec>,
) -> Result<TreeEntry> {
    let set = || {
        if let Some(mtime) = mtime {
            rustix::fs::futimens(file.as_fd(), &timestamps(mtime))?;
        }
        rustix::fs::fstat(file.as_fd())
    };
    let stat = set().map_err(|e| maker.failed(e, "set a file's time", path))?;
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    maker.ended(file, size);
    Ok(TreeEntry {
        size,
        mtime_ns: mtime_ns(&stat),
        ..entry(path, 'f')
    })
}

/// Notes what files are on the disk after another program changed some and removed others.
pub(super) fn look_again(root: BorrowedFd<'_>, shown: &Path, summary: &mut Summary) -> Result<()> {
    let mut entries = Vec::with_capacity(summary.entries.len());
    for mut entry in summary.entries.drain(..) {
        if entry.kind == 'f' {
            let path = OsStr::from_bytes(&entry.path);
            match rustix::fs::statat(root, path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    entry.size = u64::try_from(stat.st_size).unwrap_or_default();
                    entry.mtime_ns = mtime_ns(&stat);
                }
                Err(Errno::NOENT) => continue,
                Err(error) => {
                    let path = shown.join(path);
                    return Err(Error::of_path(&error.into(), "look at a file", &path));
                }
            }
        }
        entries.push(entry);
    }
    summary.bytes = entries.iter().map(|entry| entry.size).sum();
    summary.entries = entries;
    Ok(())
}

/// What writing to a file of the tree failed with.
pub(super) fn write_failed(maker: &Maker<'_>, path: &[u8], error: std::io::Error) -> Error {
    maker.failed(error, "write a file", path)
}

fn entry(path: &Arc<[u8]>, kind: char) -> TreeEntry {
    TreeEntry {
        path: Arc::clone(path),
        kind,
        size: 0,
        mtime_ns: 0,
    }
}

#[expect(
    clippy::useless_conversion,
    reason = "field types differ by architecture"
)]
fn mtime_ns(stat: &rustix::fs::Stat) -> i64 {
    let seconds = i64::try_from(stat.st_mtime).unwrap_or_default();
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
