//! The place of a group's manifest and lock.
//!
//! They are beside the group's folder, so that programs that list it do not see them. They are
//! inside it
//! - if this user may not write beside it, as with a user's volume below a folder of root's;
//! - if the folder is a mount point, so that a volume keeps its records when it is mounted
//!   elsewhere.
//!
//! A manifest at the other place is read too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::paths::{LOCK, RECORD, beside};
use crate::beside::{Anchor, Dir, Opened};
use crate::error::{Error, Kind, Result};

/// Names in the folder itself.
const MANIFEST_INSIDE: &str = ".xfd";
const LOCK_INSIDE: &str = ".xfd-lock";

/// A place for a manifest and a lock.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    anchor: Arc<Anchor>,
    pub(crate) manifest: PathBuf,
    pub(crate) lock: PathBuf,
}

impl Home {
    fn beside(anchor: Arc<Anchor>, folder: &Path) -> Self {
        Self {
            anchor,
            manifest: beside(folder, RECORD),
            lock: beside(folder, LOCK),
        }
    }

    pub(crate) fn inside(anchor: Arc<Anchor>, folder: &Path) -> Self {
        Self {
            anchor,
            manifest: folder.join(MANIFEST_INSIDE),
            lock: folder.join(LOCK_INSIDE),
        }
    }

    /// Whether its folder is still the one that has its name.
    pub(crate) fn is_there(&self) -> bool {
        self.anchor.check_named(Path::new("")).is_ok()
    }

    pub(crate) fn dir(&self) -> Result<Dir> {
        self.anchor.dir(Path::new(""))
    }

    fn check(&self) -> Result<()> {
        let dir = self.dir()?;
        dir.check_writable()
            .map_err(|error| Error::of_path(&error, "keep a record", &self.manifest))?;
        dir.check_replaceable(&self.manifest)?;
        dir.check_replaceable(&self.lock)
    }
}

/// The places for a folder's manifest, the better one last.
pub(crate) fn homes(opened: &Arc<Opened>, folder: &Path) -> Result<Vec<Home>> {
    let above = match folder.parent() {
        Some(above) => Anchor::find(opened, above).ok().flatten(),
        None => None,
    };
    let beside = above.map(|above| Home::beside(above, folder));
    let inside = Anchor::find(opened, folder)?.map(|inside| Home::inside(inside, folder));
    let (Some(beside), Some(inside)) = (&beside, &inside) else {
        return Ok(beside.into_iter().chain(inside).collect());
    };
    let prefers_inside = match inside.anchor.is_mount_point() {
        true => inside.check().is_ok(),
        false => beside.check().is_err(),
    };
    Ok(match prefers_inside {
        true => vec![beside.clone(), inside.clone()],
        false => vec![inside.clone(), beside.clone()],
    })
}

/// The place to write to.
///
/// # Errors
/// `DestinationNotWritable` if this user may write to neither; `Internal` without a folder.
pub(crate) fn writable(homes: &[Home], folder: &Path) -> Result<Home> {
    let mut first = None;
    for home in homes.iter().rev() {
        match home.check() {
            Ok(()) => return Ok(home.clone()),
            Err(error) => first = first.or(Some(error.into_kind(Kind::DestinationNotWritable))),
        }
    }
    Err(first
        .unwrap_or_else(|| Error::new(Kind::Internal, "A prefix has no folder").with_path(folder)))
}
