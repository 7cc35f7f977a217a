//! Which entry of an archive may become part of a tree, and where.
//!
//! Names, links and sizes of an archive are untrusted. A [`Filter`] keeps what was placed so far
//! and answers for each entry with its place or a refusal:
//!
//! - no absolute path, no `..`, no NUL in an entry's path; `./` and doubled slashes are nothing;
//! - an entry below a symbolic link of the archive goes where the link leads inside the tree. That
//!   is worked out here, from what was placed: a place has no link in its path, and the kernel is
//!   never asked to follow one;
//! - a symbolic link's target is relative and ends inside the tree. `..` at its start is counted
//!   against the link's folder, which is made of real folders only. `..` after a name could climb
//!   from wherever another link leads; such links are resolved once more when all is placed;
//! - a hard link names a file or a link of this archive;
//! - a path that comes again replaces what was there, as GNU tar does, but a folder with something
//!   in it is not replaced;
//! - entries, bytes of files, decoded bytes for each archived byte above 100 MiB, and the memory
//!   that names take are bounded ([`caps`]).
//!
//! An archive that one trusts (`Links::Keep`) may have links to anywhere: they are made as they are.
//! An entry below one goes where it would lead if the tree were the whole file system, so still
//! nothing is written outside of it. Devices, pipes and sockets are left out, and named.

pub mod caps;
mod links;
mod paths;

use std::collections::HashMap;
use std::sync::Arc;

use self::caps::{Names, Ratio, too_large};
use self::paths::{
    clean, climbs_after_a_name, contradiction, parent, refused, refused_unless_trusted, unsupported,
};
use crate::error::Result;
use crate::model::{LeftOut, Links, UnpackCaps};

/// What an archive says an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
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

/// What an accepted entry finds at its path.
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
    /// The very entry that a hard link names: nothing to be done.
    Itself,
}

/// Where an accepted entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path relative to the tree, without `.`, links, doubled or trailing slashes; empty for the
    /// tree.
    pub path: Arc<[u8]>,
    /// What has to make way.
    pub before: Before,
    /// Folders above it that no entry named, outermost first; to be made first.
    pub folders: Vec<Arc<[u8]>>,
    /// For a hard link, the path that it names, clean like `path`.
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

/// Keeps what was placed of one archive.
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

    /// Bytes of files let through so far.
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
    /// Linux does not take.
    pub fn place(&mut self, path: &[u8], what: What<'_>) -> Result<Option<Place>> {
        self.entries += 1;
        if self.entries > self.caps.max_entries {
            return Err(too_large(format!(
                "The archive has more than {} entries",
                self.caps.max_entries
            )));
        }
        let cleaned = clean(path, self.links)?;
        if cleaned.is_empty() && what != What::Folder {
            return Err(refused(path, "takes the place of the whole tree"));
        }
        let clean = self.resolved(&cleaned, path)?;
        let names = match what {
            What::Special | What::Unknown(_) if self.links == Links::Keep => {
                return self.leave_out(&clean).map(|()| None);
            }
            What::Special => {
                let why = "is a device, a named pipe or a socket";
                return Err(refused_unless_trusted(path, why));
            }
            What::Unknown(flag) => return Err(unsupported(path, flag)),
            What::HardLink(target) => match self.named(&clean, path, target)? {
                Some(names) => Some(names),
                None => return self.leave_out(&clean).map(|()| None),
            },
            What::Link(target) => {
                self.check_link(&clean, path, target)?;
                None
            }
            What::Folder | What::File => None,
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
                What::Folder => Placed::Folder { children: 0 },
                What::Link(target) => Placed::Link(target.into()),
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

    /// Lets `bytes` more of a file through.
    ///
    /// # Errors
    /// `ArchiveTooLarge`.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.grow_hole(bytes)?;
        self.ratio.grow(bytes)
    }

    /// Lets a file have a hole of `bytes`, which takes no room on the disk and came out of no
    /// decoder: it counts as bytes of files only.
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

    /// Looks once more at links that could not be judged before all was placed.
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

    /// Keeps the name, so that a hard link to it is known for what it is.
    fn leave_out(&mut self, clean: &[u8]) -> Result<()> {
        self.left_out.add(clean);
        if !self.placed.contains_key(clean) {
            self.names.keep(clean, b"")?;
            self.placed.insert(clean.into(), Placed::LeftOut);
        }
        Ok(())
    }

    /// Folders above `clean`, which is resolved, that are not there.
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
        what: What<'_>,
        names: Option<&[u8]>,
        path: &[u8],
    ) -> Result<Before> {
        match self.placed.get(clean) {
            None | Some(Placed::LeftOut) => Ok(Before::Nothing),
            Some(Placed::Folder { .. }) if what == What::Folder => Ok(Before::SameFolder),
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
