//! Opens a path below a folder in one call, through no link.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::path::Arg;

const RULES: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Knows whether the system has `openat2`, as far as that is known.
#[derive(Debug)]
pub(crate) struct Beneath {
    has_openat2: AtomicBool,
}

impl Default for Beneath {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Clone for Beneath {
    fn clone(&self) -> Self {
        Self::new(self.has_openat2.load(Ordering::Relaxed))
    }
}

impl Beneath {
    pub(crate) fn new(has_openat2: bool) -> Self {
        Self {
            has_openat2: AtomicBool::new(has_openat2),
        }
    }

    /// Opens `path`; None where the system does not take it (before Linux 5.6, or forbidden): the
    /// caller goes folder by folder then.
    pub(crate) fn open(
        &self,
        root: BorrowedFd<'_>,
        path: impl Arg,
        flags: OFlags,
        mode: Mode,
    ) -> Option<rustix::io::Result<OwnedFd>> {
        if !self.has_openat2.load(Ordering::Relaxed) {
            return None;
        }
        match openat2(root, path, flags, mode, RULES) {
            // A filter on system calls says that it is not permitted.
            Err(Errno::NOSYS | Errno::PERM) => {
                self.has_openat2.store(false, Ordering::Relaxed);
                None
            }
            // Something was renamed meanwhile, so it could not be known to be beneath.
            Err(Errno::AGAIN) => None,
            opened => Some(opened),
        }
    }
}
