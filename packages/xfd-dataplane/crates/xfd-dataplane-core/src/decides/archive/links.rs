//! Where an archive's links lead.

use super::paths::{clean, components, parent, refused};
use super::{Filter, Placed};
use crate::error::Result;

/// Links followed while resolving one path; more is a loop, as for the kernel.
const MAX_LINKS: usize = 40;

impl Filter {
    /// The entry that a hard link names.
    pub(super) fn named(&self, path: &[u8], target: &[u8]) -> Result<Vec<u8>> {
        let target = clean(target)
            .map_err(|_| refused(path, "is a hard link to something outside of the tree"))?;
        match self.placed.get(&target) {
            Some(Placed::File) => Ok(target),
            Some(Placed::Link(leads)) => {
                self.check_link(&clean(path)?, path, leads)?;
                Ok(target)
            }
            _ => Err(refused(path, "is a hard link to no file of the archive")),
        }
    }

    pub(super) fn check_link(&self, clean: &[u8], path: &[u8], target: &[u8]) -> Result<()> {
        if target.is_empty() || target.contains(&0) {
            return Err(refused(path, "is a symbolic link without a target"));
        }
        if target.first() == Some(&b'/') {
            return Err(refused(path, "is a symbolic link to an absolute path"));
        }
        let mut depth = components(clean).count().saturating_sub(1);
        for part in components(target) {
            if part == b".." {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| refused(path, "is a symbolic link out of the tree"))?;
            } else {
                depth += 1;
            }
        }
        Ok(())
    }

    /// Whether following `target` from the link at `path` leaves the tree, with all that was
    /// placed. What is not there counts as a folder, so that nothing made later changes the answer.
    pub(super) fn leaves(&self, path: &[u8], target: &[u8]) -> bool {
        let mut at: Vec<Vec<u8>> = components(parent(path)).map(<[u8]>::to_vec).collect();
        let mut ahead: Vec<Vec<u8>> = components(target).map(<[u8]>::to_vec).collect();
        ahead.reverse();
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                if at.pop().is_none() {
                    return true;
                }
                continue;
            }
            at.push(part);
            if let Some(Placed::Link(next)) = self.placed.get(&at.join(&b'/')) {
                followed += 1;
                if followed > MAX_LINKS {
                    return false;
                }
                at.pop();
                ahead.extend(
                    components(next)
                        .map(<[u8]>::to_vec)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev(),
                );
            }
        }
        false
    }
}
