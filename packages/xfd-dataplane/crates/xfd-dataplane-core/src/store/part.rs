//! Open files with an object's bytes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::journal::Journal;
use crate::threads::{Mutex, locked};

/// A part file that is being written, and its journal.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: File,
    pub(crate) journal: Journal,
    /// The kernel lets one thread write to a file at a time, and the others spin. Waiting here
    /// leaves the processor to other work.
    writing: Mutex<()>,
}

impl Part {
    pub(crate) fn new(file: File, journal: Journal) -> Self {
        Self {
            file,
            journal,
            writing: Mutex::default(),
        }
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        let _alone = locked(&self.writing);
        self.file.write_all_at(bytes, offset)
    }
}

/// An open file with the object's bytes.
pub(crate) enum Handle {
    Part(Arc<Part>),
    File(File),
}

impl Handle {
    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Part(part) => &part.file,
            Self::File(file) => file,
        }
    }
}
