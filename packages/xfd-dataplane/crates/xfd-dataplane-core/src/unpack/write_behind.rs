//! Has a tree written out while more of it is unpacked. The tree's sync reports what could not be
//! written: its descriptor is older than the files.

use std::fs::File;

use crate::writeback;

/// Bytes of one file that are let gather.
const STEP: u64 = 8 << 20;

/// Files, and ends of files, that are smaller are left to the sync: for them the call costs more
/// than it spares.
const SMALLEST: u64 = 64 << 10;

/// What lies between `from` and `to` of a file was written.
pub(super) fn wrote(file: &File, from: u64, to: u64) {
    writeback::wrote(file, from, to, STEP);
}

/// Begins to write the last bytes of a file of this size.
pub(super) fn ended(file: &File, size: u64) {
    let left = size % STEP;
    if left >= SMALLEST {
        writeback::begin(file, size - left, left);
    }
}
