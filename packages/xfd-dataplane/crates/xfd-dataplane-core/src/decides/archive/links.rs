//! Resolves an archive's links.

use std::borrow::Cow;

use super::paths::{
    MAX_PATH_BYTES, clean, components, contradiction, join, parent, refused,
    refused_unless_trusted, split, too_long,
};
use super::{Filter, Placed};
use crate::error::Result;
use crate::model::Links;

/// Links followed for one path at most, as in the kernel. More count as a loop.
const MAX_LINKS: usize = 40;

/// What a way through the tree does at a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    /// It ends there.
    End,
    /// It goes on: the file may give way to a folder.
    AreFolders,
}

/// Where a way through the tree leads.
enum Followed {
    To(Vec<u8>),
    Outside,
    /// Links lead to each other.
    Around,
    /// To something below this file.
    Below(Vec<u8>),
    /// The path is too long for the kernel.
    TooFar,
}

impl Filter {
    /// The path of an entry without links in it. Links of this archive above the entry are followed
    /// as if the tree were the whole file system: an absolute link starts at the tree's root, and
    /// `..` there stays there.
    pub(super) fn resolved<'p>(&self, clean: &'p [u8], path: &[u8]) -> Result<Cow<'p, [u8]>> {
        let (folder, name) = split(clean);
        // Everything above a placed folder is a folder.
        if matches!(self.placed.get(folder), Some(Placed::Folder { .. })) {
            return Ok(Cow::Borrowed(clean));
        }
        match self.follow(b"", folder, Files::End) {
            Followed::To(at) => Ok(Cow::Owned(join(&at, name))),
            Followed::Outside => Err(refused_unless_trusted(
                path,
                "would be written out of the tree through a symbolic link",
            )),
            Followed::Around => Err(refused(path, "lies below links that lead to each other")),
            Followed::Below(file) => Err(contradiction(&file)),
            Followed::TooFar => Err(too_long(path)),
        }
    }

    /// The entry that a hard link names; None if it was left out.
    pub(super) fn named(&self, at: &[u8], path: &[u8], target: &[u8]) -> Result<Option<Vec<u8>>> {
        let target = clean(target, self.links)
            .map_err(|_| refused(path, "is a hard link to something outside of the tree"))?;
        let target = self.resolved(&target, path)?;
        match self.placed.get(&*target) {
            Some(Placed::File) => Ok(Some(target.into_owned())),
            Some(Placed::Link(leads)) => {
                self.check_link(at, path, leads)?;
                Ok(Some(target.into_owned()))
            }
            Some(Placed::LeftOut) => Ok(None),
            _ => Err(refused(path, "is a hard link to no file of the archive")),
        }
    }

    /// Whether a symbolic link may be made.
    pub(super) fn check_link(&self, clean: &[u8], path: &[u8], target: &[u8]) -> Result<()> {
        if target.is_empty() || target.contains(&0) {
            return Err(refused(path, "is a symbolic link without a target"));
        }
        if target.len() > MAX_PATH_BYTES {
            return Err(too_long(path));
        }
        if self.links == Links::Keep {
            return Ok(());
        }
        if target.first() == Some(&b'/') {
            return Err(refused_unless_trusted(
                path,
                "is a symbolic link to an absolute path",
            ));
        }
        let mut depth = components(clean).count().saturating_sub(1);
        for part in components(target) {
            if part == b".." {
                depth = depth.checked_sub(1).ok_or_else(|| {
                    refused_unless_trusted(path, "is a symbolic link out of the tree")
                })?;
            } else {
                depth += 1;
            }
        }
        Ok(())
    }

    /// Whether following `target` from the link at `path` leaves the tree, given all that was
    /// placed. A missing entry counts as a folder, so that entries made later do not change the
    /// answer.
    pub(super) fn leaves(&self, path: &[u8], target: &[u8]) -> bool {
        match self.follow(parent(path), target, Files::AreFolders) {
            Followed::Outside | Followed::TooFar => true,
            Followed::To(_) | Followed::Around | Followed::Below(_) => false,
        }
    }

    /// Goes along `way` from the folder `from`, through the links of this archive. An absolute link
    /// starts at the tree's root. A `..` there leads outside, unless links are trusted: then it stays
    /// there.
    fn follow(&self, from: &[u8], way: &[u8], files: Files) -> Followed {
        let mut at = from.to_vec();
        let mut ahead: Vec<&[u8]> = components(way).rev().collect();
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                if at.is_empty() && self.links == Links::Safe {
                    return Followed::Outside;
                }
                at.truncate(parent(&at).len());
                continue;
            }
            let next = join(&at, part);
            match self.placed.get(&*next) {
                Some(Placed::Link(target)) => {
                    followed += 1;
                    if followed > MAX_LINKS {
                        return Followed::Around;
                    }
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    ahead.extend(components(target).rev());
                }
                Some(Placed::File | Placed::LeftOut) if files == Files::End => {
                    return Followed::Below(next);
                }
                _ => at = next,
            }
            if at.len() > MAX_PATH_BYTES {
                return Followed::TooFar;
            }
        }
        Followed::To(at)
    }
}
