//! Whether a file that was never synced still has its bytes: it does until the machine starts anew.
//!
//! The kernel writes a file's size, time and name within seconds, and its bytes up to half a minute
//! later. After a power loss between the two, a record is right about size and time of a file of
//! zeros. So the record of a file that was not synced names the start of the machine. If that was
//! another one, the file is read again before it counts.
//!
//! Disks of one machine alone have such records. A network's server has the bytes once the file is
//! closed, and other machines read the records there. Layers of a container image are read on other
//! machines too, which start long after the image was made.

use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// `f_type` of ext4, XFS, Btrfs, F2FS, ZFS and bcachefs, as statfs(2) lists them.
const OF_ONE_MACHINE: [u64; 6] = [
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0xF2F5_2010,
    0x2FC1_2FC1,
    0xCA45_1A4E,
];

/// What the record of a file names that is not synced, in a folder; None if it need not.
pub(crate) fn mark(folder: BorrowedFd<'_>) -> Option<String> {
    let found = rustix::fs::fstatfs(folder).ok()?;
    // The kernel's word is signed on some processors, and longer than the number.
    let kind = (found.f_type as u64) & 0xFFFF_FFFF;
    OF_ONE_MACHINE.contains(&kind).then(now)?
}

/// Whether the machine has not started anew since a record was written with this mark.
pub(crate) fn is_sure(mark: Option<&str>) -> bool {
    mark.is_none_or(|mark| now().as_deref() == Some(mark))
}

/// The first digits of the kernel's id of this start.
fn now() -> Option<String> {
    static NOW: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let id = std::fs::read_to_string(BOOT_ID).ok()?;
        id.split('-').next().map(str::to_owned)
    };
    NOW.get_or_init(read).clone()
}
