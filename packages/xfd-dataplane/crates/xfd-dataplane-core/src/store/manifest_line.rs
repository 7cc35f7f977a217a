//! The lines of a manifest.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::record::{FORMAT, Record};
use crate::decides::cache::ObjectVersion;

/// One line. Paths are relative to the group's folder. A file's line has no field names, to be
/// short; one that was not synced has its mark last.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    File(
        PathBuf,
        u64,
        Option<String>,
        Option<i64>,
        i64,
        Vec<(u64, u64)>,
        #[serde(default, skip_serializing_if = "Option::is_none")] Option<String>,
    ),
    Other {
        path: PathBuf,
        #[serde(default)]
        record: Option<Record>,
    },
}

impl Line {
    pub(crate) fn new(path: PathBuf, record: Option<Record>) -> Self {
        match record {
            Some(Record {
                version,
                file: Some((size, mtime_ns)),
                chunks,
                tree: None,
                inode: None,
                pins,
                unsynced,
                ..
            }) if version.size == size && pins.is_empty() => Self::File(
                path,
                size,
                version.etag,
                version.last_modified_ns,
                mtime_ns,
                chunks,
                unsynced,
            ),
            record => Self::Other { path, record },
        }
    }

    /// The path, and the record; None for a line that takes earlier ones back.
    pub(crate) fn into_parts(self) -> (PathBuf, Option<Record>) {
        match self {
            Self::File(path, size, etag, last_modified_ns, mtime_ns, chunks, unsynced) => {
                let record = Record {
                    format: FORMAT,
                    version: ObjectVersion {
                        size,
                        etag,
                        last_modified_ns,
                    },
                    file: Some((size, mtime_ns)),
                    chunks,
                    tree: None,
                    inode: None,
                    pins: Vec::new(),
                    unsynced,
                };
                (path, Some(record))
            }
            Self::Other { path, record } => (path, record),
        }
    }
}

/// The text of a line, without its end.
pub(crate) fn text_of(path: PathBuf, record: Option<Record>) -> serde_json::Result<Box<[u8]>> {
    serde_json::to_vec(&Line::new(path, record)).map(Vec::into_boxed_slice)
}

/// The record of a line that [`text_of`] made.
pub(crate) fn record_of(text: &[u8]) -> Option<Record> {
    serde_json::from_slice::<Line>(text).ok()?.into_parts().1
}
