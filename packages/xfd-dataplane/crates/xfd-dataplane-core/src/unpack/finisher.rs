//! The second half of making a small file, on a thread of its own: its bytes, its time, and a look
//! at what is on the disk then. Creating a file takes the file system about as long as all of that.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustix::fs::Timespec;

use super::maker::Maker;
use super::tree::{finish, write_failed};
use crate::error::{Error, Kind, Result};
use crate::model::TreeEntry;

/// Larger files are written where they are created.
pub(super) const MAX_BYTES: u64 = 64 * 1024;

/// Files that are handed over at once: one by one, waking the other thread would cost more than it
/// does.
const BATCH: usize = 16;

/// Batches that may wait. Each of their files is open, and its bytes are in memory.
const WAITING: usize = 3;

/// A file that was created.
pub(super) struct Unfinished {
    /// Its place in the tree's list of entries.
    pub(super) entry: usize,
    pub(super) path: Arc<[u8]>,
    pub(super) file: File,
    pub(super) bytes: Vec<u8>,
    pub(super) mtime: Option<Timespec>,
}

/// Takes files that were created.
pub(super) struct Finisher {
    to: SyncSender<Vec<Unfinished>>,
    batch: Vec<Unfinished>,
}

/// Entries of the files that were finished, with their places.
type Finished = Vec<(usize, TreeEntry)>;

/// Runs `create`, and finishes the files that it gives on another thread; `maker` is for errors.
///
/// # Errors
/// What a file could not be finished for, else that of `create`.
pub(super) fn with(
    maker: &Maker<'_>,
    create: impl FnOnce(&mut Finisher) -> Result<()>,
) -> Result<Finished> {
    std::thread::scope(|scope| {
        let (to, unfinished) = sync_channel(WAITING);
        let thread = scope.spawn(|| finish_all(maker, unfinished));
        let mut finisher = Finisher {
            to,
            batch: Vec::with_capacity(BATCH),
        };
        let created = create(&mut finisher).and_then(|()| finisher.hand_over());
        drop(finisher);
        let finished = thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        created.map(|()| finished)
    })
}

fn finish_all(maker: &Maker<'_>, batches: Receiver<Vec<Unfinished>>) -> Result<Finished> {
    let mut finished = Finished::new();
    for unfinished in batches.into_iter().flatten() {
        let Unfinished {
            entry,
            path,
            file,
            bytes,
            mtime,
        } = unfinished;
        file.write_all_at(&bytes, 0)
            .map_err(|error| write_failed(maker, &path, error))?;
        finished.push((entry, finish(maker, &path, &file, mtime)?));
    }
    Ok(finished)
}

impl Finisher {
    /// Takes a file. An error says no more than that the other thread has ended by one of its own.
    pub(super) fn take(&mut self, unfinished: Unfinished) -> Result<()> {
        self.batch.push(unfinished);
        match self.batch.len() {
            BATCH => self.hand_over(),
            _ => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<()> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let handed = self.to.send(batch);
        handed.map_err(|_| Error::new(Kind::Internal, "No thread finishes files any more"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn unfinished(entry: usize, file: File) -> Unfinished {
        Unfinished {
            entry,
            path: Arc::from(*b"file"),
            file,
            bytes: vec![7; 10],
            mtime: None,
        }
    }

    #[test]
    fn files_are_finished_each_as_its_entry() {
        let tree = tempfile::tempdir().unwrap();
        let root = File::open(tree.path()).unwrap();
        let maker = Maker::new(root.as_fd(), tree.path(), false);
        let finished = with(&maker, |finisher| {
            (0..40).try_for_each(|entry| {
                finisher.take(unfinished(entry, tempfile::tempfile().unwrap()))
            })
        });
        let finished = finished.unwrap();
        let places: Vec<usize> = finished.iter().map(|(entry, _)| *entry).collect();
        assert_eq!(places, Vec::from_iter(0..40));
        assert!(finished.iter().all(|(_, entry)| entry.size == 10));
    }

    #[test]
    fn a_file_that_cannot_be_written_ends_the_creation_of_more_by_its_own_error() {
        let tree = tempfile::tempdir().unwrap();
        let root = File::open(tree.path()).unwrap();
        let maker = Maker::new(root.as_fd(), tree.path(), false);
        let mut taken = 0;
        let failed = with(&maker, |finisher| {
            for entry in 0.. {
                // A file that is open for reading only.
                finisher.take(unfinished(entry, File::open("/proc/self/exe").unwrap()))?;
                taken += 1;
            }
            Ok(())
        });
        let error = failed.unwrap_err();
        assert!(error.to_string().contains("write a file"), "{error}");
        assert!(taken <= BATCH * (WAITING + 2), "{taken}");
    }
}
