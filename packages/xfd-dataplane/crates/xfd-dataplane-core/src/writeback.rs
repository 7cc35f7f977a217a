//! Has the kernel begin to write a file out while more of it comes, so that its sync finds little
//! left.
//!
//! Failures are not reported here but by the sync.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Begins to write what lies before `to`, if another `step` bytes were filled since `from`.
pub(crate) fn wrote(file: &File, from: u64, to: u64, step: u64) {
    let (written, filled) = (from / step * step, to / step * step);
    if filled > written {
        begin(file, written, filled - written);
    }
}

/// Begins to write these bytes.
pub(crate) fn begin(file: &File, offset: u64, length: u64) {
    // SAFETY: the call takes numbers only, and the descriptor is open as long as `file` lives.
    unsafe {
        // Some file systems cannot do it; their sync then writes everything.
        libc::sync_file_range(
            file.as_raw_fd(),
            offset.cast_signed(),
            length.cast_signed(),
            libc::SYNC_FILE_RANGE_WRITE,
        );
    }
}
