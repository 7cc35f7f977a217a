//! What changes about an object while it is fetched.

use super::chunk_sums::ChunkSums;

/// Where an object's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the part file, if there are any.
    Part,
    /// At the destination.
    Destination,
}

/// What changes about an object while it is fetched.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) location: Location,
    pub(crate) sums: ChunkSums,
    /// Its file has passed all checks and is synced. Unless a tree is to come, it is at its
    /// destination.
    pub(crate) file_done: bool,
    /// The tree at its tree's destination was made by xfd.
    pub(crate) tree_is_ours: bool,
    /// It may have a journal; files of a pack have none.
    pub(crate) has_journal: bool,
    /// Device and inode of the part file that was opened last.
    pub(crate) part: Option<(u64, u64)>,
    /// The part file has its size and blocks.
    pub(crate) preallocated: bool,
    /// How often the part file was started over, or a chunk of it was lost.
    pub(crate) generation: u32,
    /// Bytes committed since the last sync of its part file started.
    pub(crate) unsynced: u64,
    /// A sync of the part file is under way.
    pub(crate) is_syncing: bool,
    /// The checksum that differed from the pin when the object was read last.
    pub(crate) unpinned_digest: Option<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            location: Location::Part,
            sums: ChunkSums::default(),
            file_done: false,
            tree_is_ours: false,
            has_journal: true,
            part: None,
            preallocated: false,
            generation: 0,
            unsynced: 0,
            is_syncing: false,
            unpinned_digest: None,
        }
    }
}

impl Facts {
    /// The next bytes go to a new part file.
    pub(crate) fn start_over(&mut self) {
        self.location = Location::Part;
        self.sums = ChunkSums::default();
        self.file_done = false;
        self.has_journal = true;
        self.part = None;
        self.preallocated = false;
        self.generation += 1;
    }
}
