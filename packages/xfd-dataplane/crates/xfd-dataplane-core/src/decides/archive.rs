//! Which entry of an archive may become part of a tree, and where.
//!
//! Names, links and sizes of an archive are untrusted. A [`Filter`] keeps what was placed so far,
//! and gives each entry its place or refuses it:
//!
//! - A path is not absolute and has no `..` and no NUL. `./` and doubled slashes are dropped.
//! - An entry below a symbolic link of the archive goes to the link's target inside the tree. The
//!   filter resolves it from what was placed, so that a place has no link in its path and the
//!   kernel never follows one.
//! - A symbolic link's target is relative and ends inside the tree. Each `..` at its start is
//!   counted against the link's folder, which has real folders only in its path. `..` after a name
//!   could climb from the target of another link, so such links are resolved again when all is
//!   placed.
//! - A hard link names a file or a link of this archive.
//! - A path that comes again replaces the earlier entry, as with GNU tar. A folder that is not
//!   empty is not replaced.
//! - Entries, bytes of files, the ratio of decoded to archived bytes above 100 MiB, and the memory
//!   for names are bounded ([`caps`]).
//!
//! A trusted archive (`Links::Keep`) may have links to any path; they are made as they are. An
//! entry below one goes where the link would lead if the tree were the whole file system, so
//! nothing is written outside of the tree. Devices, pipes and sockets are left out, and named in
//! the report.

pub mod caps;
mod links;
mod paths;

use std::collections::HashMap;
use std::sync::Arc;

use self::caps::{Names, Ratio, too_large};
use self::paths::{
    check_names, clean, climbs_after_a_name, contradiction, parent, refused,
    refused_unless_trusted, unsupported,
};
use crate::error::Result;
use crate::model::{LeftOut, Links, UnpackCaps};

/// What an archive says an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link with its target.
    Link(&'a [u8]),
    /// Another name for the entry of this path.
    HardLink(&'a [u8]),
    /// A device, a named pipe or a socket.
    Special,
    /// A kind that is not unpacked, by its type flag.
    Unknown(u8),
}

/// What is at the path of an accepted entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// A folder, and the entry is one too: it only gets the entry's mode and time.
    SameFolder,
    /// An empty folder, to be removed first.
    EmptyFolder,
    /// A file or a link, to be unlinked first.
    Other,
    /// The entry that the hard link names: nothing is to be done.
    Itself,
}

/// Where an accepted entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path relative to the tree, without `.`, links, doubled or trailing slashes; empty for the
    /// tree.
    pub path: Arc<[u8]>,
    /// What has to be removed first.
    pub before: Before,
    /// Folders above it that no entry named, outermost first; to be made first.
    pub folders: Vec<Arc<[u8]>>,
    /// For a hard link, the path that it names, in the same form as `path`.
    pub names: Option<Vec<u8>>,
    /// Whether it is a symbolic link, which a hard link to one is.
    pub is_link: bool,
}

#[derive(Debug)]
enum Placed {
    Folder { children: u64 },
    File,
    Link(Box<[u8]>),
    LeftOut,
}

/// The entries that were placed of one archive, and its limits.
#[derive(Debug)]
pub struct Filter {
    caps: UnpackCaps,
    links: Links,
    entries: u64,
    bytes: u64,
    ratio: Ratio,
    names: Names,
    placed: HashMap<Arc<[u8]>, Placed>,
    /// Links whose target has `..` after a name.
    doubtful: Vec<Arc<[u8]>>,
    left_out: LeftOut,
}

impl Filter {
    /// For an archive of `archive_bytes`.
    #[must_use]
    pub fn new(caps: UnpackCaps, links: Links, archive_bytes: u64) -> Self {
        Self {
            caps,
            links,
            entries: 0,
            bytes: 0,
            ratio: Ratio::new(caps, archive_bytes),
            names: Names::new(caps, archive_bytes),
            placed: HashMap::from([(Arc::default(), Placed::Folder { children: 0 })]),
            doubtful: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Bytes of files so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was left out so far.
    #[must_use]
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Places the next entry; None if it is left out.
    ///
    /// # Errors
    /// `ArchiveUnsafe`, `ArchiveTooLarge` for too many entries or names, `ArchiveCorrupt` for an
    /// archive that has one path as a folder and as a file, `ArchiveUnsupported` for paths that
    /// Linux does not take, or names in them.
    pub fn place(&mut self, path: &[u8], what: EntryKind<'_>) -> Result<Option<Place>> {
        self.entries += 1;
        if self.entries > self.caps.max_entries {
            return Err(too_large(format!(
                "The archive has more than {} entries",
                self.caps.max_entries
            )));
        }
        let cleaned = clean(path, self.links)?;
        if cleaned.is_empty() && what != EntryKind::Folder {
            return Err(refused(path, "takes the place of the whole tree"));
        }
        let clean = self.resolved(&cleaned, path)?;
        check_names(&clean, path)?;
        let names = match what {
            EntryKind::Special | EntryKind::Unknown(_) if self.links == Links::Keep => {
                return self.leave_out(&clean).map(|()| None);
            }
            EntryKind::Special => {
                let why = "is a device, a named pipe or a socket";
                return Err(refused_unless_trusted(path, why));
            }
            EntryKind::Unknown(flag) => return Err(unsupported(path, flag)),
            EntryKind::HardLink(target) => match self.named(&clean, path, target)? {
                Some(names) => Some(names),
                None => return self.leave_out(&clean).map(|()| None),
            },
            EntryKind::Link(target) => {
                self.check_link(&clean, path, target)?;
                None
            }
            EntryKind::Folder | EntryKind::File => None,
        };
        let before = self.before(&clean, what, names.as_deref(), path)?;
        let folders = self.missing_folders(&clean);
        for folder in &folders {
            self.put(folder, Placed::Folder { children: 0 })?;
        }
        let clean: Arc<[u8]> = Arc::from(&*clean);
        if matches!(
            before,
            Before::Nothing | Before::EmptyFolder | Before::Other
        ) {
            let placed = match what {
                EntryKind::Folder => Placed::Folder { children: 0 },
                EntryKind::Link(target) => Placed::Link(target.into()),
                // A hard link to a symbolic link is that link once more, in another folder.
                _ => match names.as_ref().and_then(|names| self.placed.get(&**names)) {
                    Some(Placed::Link(target)) => Placed::Link(target.clone()),
                    _ => Placed::File,
                },
            };
            if let Placed::Link(target) = &placed
                && self.links == Links::Safe
                && climbs_after_a_name(target)
            {
                self.doubtful.push(Arc::clone(&clean));
            }
            self.put(&clean, placed)?;
        }
        Ok(Some(Place {
            is_link: matches!(self.placed.get(&clean), Some(Placed::Link(_))),
            path: clean,
            before,
            folders,
            names,
        }))
    }

    /// Counts `bytes` more of a file.
    ///
    /// # Errors
    /// `ArchiveTooLarge`.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.grow_hole(bytes)?;
        self.ratio.grow(bytes)
    }

    /// Counts a hole of `bytes` in a file. It takes no room on the disk and no decoder made it, so
    /// it does not count for the ratio.
    ///
    /// # Errors
    /// `ArchiveTooLarge`.
    pub fn grow_hole(&mut self, bytes: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.caps.max_bytes {
            Some(max) if self.bytes > max => Err(too_large(format!(
                "The archive unpacks to more than {max} bytes"
            ))),
            _ => Ok(()),
        }
    }

    /// Checks the links that could not be judged before all was placed.
    ///
    /// # Errors
    /// `ArchiveUnsafe`.
    pub fn finish(&self) -> Result<()> {
        for path in &self.doubtful {
            if let Some(Placed::Link(target)) = self.placed.get(path)
                && self.leaves(path, target)
            {
                let why = "is a symbolic link out of the tree";
                return Err(refused_unless_trusted(path, why));
            }
        }
        Ok(())
    }

    /// Keeps the name, so that a hard link to it is left out too.
    fn leave_out(&mut self, clean: &[u8]) -> Result<()> {
        self.left_out.add(clean);
        if !self.placed.contains_key(clean) {
            self.names.keep(clean, b"")?;
            self.placed.insert(clean.into(), Placed::LeftOut);
        }
        Ok(())
    }

    /// Folders above the resolved path `clean` that were not placed.
    fn missing_folders(&self, clean: &[u8]) -> Vec<Arc<[u8]>> {
        let mut missing: Vec<Arc<[u8]>> = Vec::new();
        let mut above = parent(clean);
        while !self.placed.contains_key(above) {
            missing.push(above.into());
            above = parent(above);
        }
        missing.reverse();
        missing
    }

    fn before(
        &self,
        clean: &[u8],
        what: EntryKind<'_>,
        names: Option<&[u8]>,
        path: &[u8],
    ) -> Result<Before> {
        match self.placed.get(clean) {
            None | Some(Placed::LeftOut) => Ok(Before::Nothing),
            Some(Placed::Folder { .. }) if what == EntryKind::Folder => Ok(Before::SameFolder),
            Some(Placed::Folder { children: 0 }) => Ok(Before::EmptyFolder),
            Some(Placed::Folder { .. }) => Err(contradiction(path)),
            Some(_) if names == Some(clean) => Ok(Before::Itself),
            Some(_) => Ok(Before::Other),
        }
    }

    fn put(&mut self, clean: &Arc<[u8]>, placed: Placed) -> Result<()> {
        let target: &[u8] = match &placed {
            Placed::Link(target) => target,
            _ => b"",
        };
        self.names.keep(clean, target)?;
        let before = self.placed.insert(Arc::clone(clean), placed);
        if matches!(before, None | Some(Placed::LeftOut))
            && let Some(Placed::Folder { children }) = self.placed.get_mut(parent(clean))
        {
            *children += 1;
        }
        Ok(())
    }
}
