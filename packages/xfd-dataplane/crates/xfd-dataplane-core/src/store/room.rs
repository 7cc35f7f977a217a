//! Whether the missing bytes fit on the disk, before the first of them is fetched.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Room};
use crate::error::{Error, Kind, Result};

/// Bytes to be written, by folder.
#[derive(Default)]
pub(crate) struct Needs {
    by_folder: HashMap<PathBuf, u64>,
}

impl Needs {
    /// Adds bytes that go into the folder of `path`.
    pub(crate) fn add(&mut self, path: &Path, bytes: u64) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        match self.by_folder.get_mut(folder) {
            Some(sum) => *sum = sum.saturating_add(bytes),
            None => {
                self.by_folder.insert(folder.to_owned(), bytes);
            }
        }
    }

    /// Compares the bytes for each file system with its free room.
    ///
    /// # Errors
    /// `DiskFull`, with both figures; `Destination` if a file system does not answer.
    pub(crate) fn check(&self, disk: &dyn Disk) -> Result<()> {
        let mut by_device: HashMap<u64, (Room, u64, &Path)> = HashMap::new();
        for (folder, bytes) in &self.by_folder {
            if *bytes == 0 {
                continue;
            }
            let existing = nearest_existing(folder);
            let room = disk
                .room(existing)
                .map_err(|error| Error::of_path(&error, "ask how much room there is", existing))?;
            let entry = by_device.entry(room.device).or_insert((room, 0, folder));
            entry.1 = entry.1.saturating_add(*bytes);
        }
        for (room, needed, folder) in by_device.into_values() {
            if needed > room.free {
                return Err(Error::new(
                    Kind::DiskFull,
                    format!("{needed} bytes are needed and {} are free", room.free),
                )
                .with_path(folder));
            }
        }
        Ok(())
    }
}

fn nearest_existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|above| above.is_dir())
        .unwrap_or(Path::new("/"))
}
