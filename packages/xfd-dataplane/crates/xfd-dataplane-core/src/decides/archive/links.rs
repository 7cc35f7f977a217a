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
        let mut at: Vec<u8> = Vec::new();
        let mut ahead: Vec<&[u8]> = components(folder).rev().collect();
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                if at.is_empty() && self.links == Links::Safe {
                    return Err(refused_unless_trusted(
                        path,
                        "would be written out of the tree through a symbolic link",
                    ));
                }
                at.truncate(parent(&at).len());
                continue;
            }
            let next = join(&at, part);
            match self.placed.get(&*next) {
                Some(Placed::Link(target)) => {
                    followed += 1;
                    if followed > MAX_LINKS {
                        return Err(refused(path, "lies below links that lead to each other"));
                    }
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    ahead.extend(components(target).rev());
                }
                Some(Placed::File | Placed::LeftOut) => return Err(contradiction(&next)),
                Some(Placed::Folder { .. }) | None => at = next,
            }
            if at.len() > MAX_PATH_BYTES {
                return Err(too_long(path));
            }
        }
        Ok(Cow::Owned(join(&at, name)))
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
        let mut at = parent(path).to_vec();
        let mut ahead: Vec<&[u8]> = components(target).rev().collect();
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                if at.is_empty() {
                    return true;
                }
                at.truncate(parent(&at).len());
                continue;
            }
            let next = join(&at, part);
            match self.placed.get(&*next) {
                Some(Placed::Link(target)) => {
                    followed += 1;
                    if followed > MAX_LINKS {
                        return false;
                    }
                    ahead.extend(components(target).rev());
                }
                _ => at = next,
            }
        }
        false
    }
}
