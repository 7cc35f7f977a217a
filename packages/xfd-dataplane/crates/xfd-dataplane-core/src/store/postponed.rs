//! Why a whole object does not land now: its chunks changed, or no one wants it.

use super::slot::Slot;
use crate::error::{Error, Kind};

/// Chunks of an earlier run are not what they were.
pub(crate) fn damaged(slot: &Slot, chunks: u32) -> Error {
    let what = format!("{chunks} chunks of an earlier run were damaged on the disk");
    Error::new(Kind::Cancelled, what)
        .with_object(&slot.object.found.key)
        .with_path(slot.part_path())
}

/// One of its chunks turned out bad after it was whole. It lands when that was fetched again.
pub(crate) fn lacks_chunks() -> Error {
    Error::new(Kind::Cancelled, "The object lacks chunks again")
}

pub(crate) fn unwanted() -> Error {
    Error::new(Kind::Cancelled, "The object is no longer wanted")
}
