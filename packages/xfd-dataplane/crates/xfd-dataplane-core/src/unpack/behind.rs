//! Has the kernel write a tree out while more of it is unpacked, so that its sync finds little left.
//!
//! Only a beginning, which tells of no failure: those come out of the sync of the whole tree, whose
//! descriptor is older than the files.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Bytes of one file that are let gather.
const STEP: u64 = 8 << 20;

/// Files, and ends of files, that are smaller are left to the sync: for them the call costs more
/// than it spares.
const SMALLEST: u64 = 64 << 10;

/// Begins to write what lies before `to`, if another step was filled since `from`.
pub(super) fn wrote(file: &File, from: u64, to: u64) {
    let (begun, filled) = (from / STEP * STEP, to / STEP * STEP);
    if filled > begun {
        begin(file, begun, filled - begun);
    }
}

/// Begins to write the last bytes of a file of this size.
pub(super) fn ended(file: &File, size: u64) {
    let left = size % STEP;
    if left >= SMALLEST {
        begin(file, size - left, left);
    }
}

fn begin(file: &File, offset: u64, length: u64) {
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` lives.
    let done = unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            offset.cast_signed(),
            length.cast_signed(),
            libc::SYNC_FILE_RANGE_WRITE,
        )
    };
    if done != 0 {
        // Some file systems have none; their sync does it all.
        tracing::trace!(error = %std::io::Error::last_os_error(), "a tree is not written behind");
    }
}
