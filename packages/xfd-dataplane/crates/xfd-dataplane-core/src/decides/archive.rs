//! Which entry of an archive may become part of a tree, and where.
//!
//! Names, links and sizes of an archive are untrusted. A [`Filter`] keeps what was placed so far
//! and answers for each entry with its place or a refusal:
//!
//! - no absolute path, no `..`, no NUL in an entry's path; `./` and doubled slashes are nothing;
//! - nothing is placed below a symbolic link, so no link can redirect a write, and until the tree
//!   is whole no link matters to anything;
//! - a symbolic link's target is relative and ends inside the tree. `..` at its start is counted
//!   against the link's folder, which is made of real folders only. `..` after a name could climb
//!   from wherever another link leads; such links are resolved once more when all is placed;
//! - a hard link names a file or a link of this archive;
//! - a path that comes again replaces what was there, as GNU tar does, but a folder with something
//!   in it is not replaced;
//! - entries, bytes and, above 100 MiB, unpacked bytes for each archived byte are bounded.

mod links;
mod paths;

use std::collections::HashMap;

use self::paths::{clean, climbs_after_a_name, contradiction, parent, refused};
use crate::error::{Error, Kind, Result};
use crate::model::UnpackCaps;

/// Unpacked bytes up to which their ratio to the archive's is not looked at.
pub const RATIO_FREE_BYTES: u64 = 100 << 20;

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
    /// A device or a named pipe.
    Special,
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
    /// Path relative to the tree, without `.`, doubled or trailing slashes; empty for the tree.
    pub path: Vec<u8>,
    /// What has to make way.
    pub before: Before,
    /// Folders above it that no entry named, outermost first; to be made first.
    pub folders: Vec<Vec<u8>>,
    /// For a hard link, the path that it names, cleaned like `path`.
    pub names: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Placed {
    Folder { children: u64 },
    File,
    Link(Vec<u8>),
}

/// Keeps what was placed of one archive. Memory grows with the number of entries.
#[derive(Debug)]
pub struct Filter {
    caps: UnpackCaps,
    archive_bytes: u64,
    entries: u64,
    bytes: u64,
    placed: HashMap<Vec<u8>, Placed>,
    /// Links whose target has `..` after a name.
    doubtful: Vec<Vec<u8>>,
}

impl Filter {
    /// For an archive of `archive_bytes`.
    #[must_use]
    pub fn new(caps: UnpackCaps, archive_bytes: u64) -> Self {
        Self {
            caps,
            archive_bytes,
            entries: 0,
            bytes: 0,
            placed: HashMap::from([(Vec::new(), Placed::Folder { children: 0 })]),
            doubtful: Vec::new(),
        }
    }

    /// Bytes of files let through so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Places the next entry.
    ///
    /// # Errors
    /// `ArchiveUnsafe`, `ArchiveTooLarge` for too many entries, `ArchiveCorrupt` for an archive
    /// that has one path as a folder and as a file.
    pub fn place(&mut self, path: &[u8], what: What<'_>) -> Result<Place> {
        self.entries += 1;
        if self.entries > self.caps.max_entries {
            return Err(Error::new(
                Kind::ArchiveTooLarge,
                format!(
                    "The archive has more than {} entries",
                    self.caps.max_entries
                ),
            ));
        }
        let clean = clean(path)?;
        let names = match what {
            What::Special => return Err(refused(path, "is a device or a named pipe")),
            What::HardLink(target) => Some(self.named(path, target)?),
            What::Link(target) => {
                self.check_link(&clean, path, target)?;
                None
            }
            What::Folder | What::File => None,
        };
        if clean.is_empty() && what != What::Folder {
            return Err(refused(path, "takes the place of the whole tree"));
        }
        let folders = self.missing_folders(&clean, path)?;
        let before = self.before(&clean, what, names.as_deref(), path)?;
        for folder in &folders {
            self.put(folder, Placed::Folder { children: 0 });
        }
        if matches!(
            before,
            Before::Nothing | Before::EmptyFolder | Before::Other
        ) {
            let placed = match what {
                What::Folder => Placed::Folder { children: 0 },
                What::Link(target) => Placed::Link(target.to_vec()),
                // A hard link to a symbolic link is that link once more, in another folder.
                _ => match names.as_ref().and_then(|names| self.placed.get(names)) {
                    Some(Placed::Link(target)) => Placed::Link(target.clone()),
                    _ => Placed::File,
                },
            };
            if let Placed::Link(target) = &placed
                && climbs_after_a_name(target)
            {
                self.doubtful.push(clean.clone());
            }
            self.put(&clean, placed);
        }
        Ok(Place {
            path: clean,
            before,
            folders,
            names,
        })
    }

    /// Lets `bytes` more of a file through.
    ///
    /// # Errors
    /// `ArchiveTooLarge`.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(max) = self.caps.max_bytes
            && self.bytes > max
        {
            return Err(Error::new(
                Kind::ArchiveTooLarge,
                format!("The archive unpacks to more than {max} bytes"),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "a bound, not a count")]
        let most = self.archive_bytes as f64 * self.caps.max_ratio;
        #[expect(clippy::cast_precision_loss, reason = "a bound, not a count")]
        if self.bytes > RATIO_FREE_BYTES && self.bytes as f64 > most {
            return Err(Error::new(
                Kind::ArchiveTooLarge,
                format!(
                    "The archive of {} bytes unpacks to more than {} times as much",
                    self.archive_bytes, self.caps.max_ratio
                ),
            ));
        }
        Ok(())
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
                return Err(refused(path, "is a symbolic link out of the tree"));
            }
        }
        Ok(())
    }

    /// Folders above `clean` that are not there; an error if something else is in their place.
    fn missing_folders(&self, clean: &[u8], path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut missing = Vec::new();
        let mut above = parent(clean);
        while !clean.is_empty() {
            match self.placed.get(above) {
                Some(Placed::Folder { .. }) => break,
                Some(Placed::Link(_)) => {
                    return Err(refused(path, "would be written through a symbolic link"));
                }
                Some(Placed::File) => {
                    return Err(contradiction(above));
                }
                None => missing.push(above.to_vec()),
            }
            above = parent(above);
        }
        missing.reverse();
        Ok(missing)
    }

    fn before(
        &self,
        clean: &[u8],
        what: What<'_>,
        names: Option<&[u8]>,
        path: &[u8],
    ) -> Result<Before> {
        match self.placed.get(clean) {
            None => Ok(Before::Nothing),
            Some(Placed::Folder { .. }) if what == What::Folder => Ok(Before::SameFolder),
            Some(Placed::Folder { children: 0 }) => Ok(Before::EmptyFolder),
            Some(Placed::Folder { .. }) => Err(contradiction(path)),
            Some(_) if names == Some(clean) => Ok(Before::Itself),
            Some(_) => Ok(Before::Other),
        }
    }

    fn put(&mut self, clean: &[u8], placed: Placed) {
        if self.placed.insert(clean.to_vec(), placed).is_none()
            && let Some(Placed::Folder { children }) = self.placed.get_mut(parent(clean))
        {
            *children += 1;
        }
    }
}
