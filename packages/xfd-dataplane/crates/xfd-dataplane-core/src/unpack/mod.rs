//! Archives become trees: unpacked into a staged folder beside the destination ([`stage`]), which
//! is then exchanged with it in one step ([`Staged::put_in_place`]).
//!
//! Streams (`tar`, `tar.gz`, `tar.zst`, `gz`) are unpacked as far as their bytes are there in
//! order; a zip has its directory at its end and is unpacked from the finished file, in parallel.
//!
//! ```text
//!   source ── the archive's bytes, cancellable
//!     └─ pump ── streams: decompression on its own thread, a ring of buffers
//!          ├─ tar ── members ── header, pax, sparse; finisher ── bytes and times of small files, a thread
//!          └─ gz
//!   zip ── entries over threads
//!   conda ── the prefix of a packed environment
//!   maker ── creates entries below the staged root; tree ── modes and times of folders, summary
//!   staging ── claims, exchanges, removes
//! ```

mod conda;
mod finisher;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gz;
mod header;
mod maker;
mod members;
mod pax;
mod pax_values;
mod place;
mod pump;
mod source;
mod sparse;
mod staging;
mod streams;
mod tar;
mod task;
mod tree;
mod write_behind;
mod zip;

pub(crate) use place::check_place;
pub use task::{Archive, Summary, Task};

use crate::decides::archive::Filter;
use crate::decides::archive::caps::Ratio;
use crate::error::{Error, Kind, Result};
use crate::model::UnpackMethod;

/// A whole tree beside its destination. Dropped, it is removed.
pub struct Staged {
    staging: staging::Staging,
    summary: Summary,
    key: String,
    sync: bool,
}

impl Staged {
    /// What it is made of.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Exchanges it with the destination. On an error the destination is as before and nothing
    /// staged is left. Blocking.
    ///
    /// # Errors
    /// `DestinationNotEmpty`, `DestinationNotWritable`, `DiskFull`, `Destination`.
    pub fn put_in_place(self) -> Result<Summary> {
        let exchanged = self.staging.exchange(self.sync);
        exchanged.map_err(|error| error.with_object(self.key))?;
        Ok(self.summary)
    }
}

/// Unpacks and puts the tree in its place.
///
/// # Errors
/// Those of [`stage`] and of [`Staged::put_in_place`].
pub fn unpack(task: Task<'_>) -> Result<Summary> {
    stage(task)?.put_in_place()
}

/// Unpacks into a tree beside the destination, synced if asked.
///
/// On any error nothing staged is left. Blocking; uses one thread more for streams and one for
/// each core for zip.
///
/// Permission bits are the archive's: less the process's umask for tar, as `tar -x` does for an
/// ordinary user, and as they are for zip, as `unzip` does. Set-id and sticky bits and owners are
/// dropped.
///
/// # Errors
/// `ArchiveCorrupt`, `ArchiveUnsafe`, `ArchiveTooLarge`, `ArchiveUnsupported`,
/// `CondaUnpack`, `DestinationNotEmpty`, `DestinationNotWritable`, `DiskFull`, `Destination`,
/// `Cancelled`.
pub fn stage(task: Task<'_>) -> Result<Staged> {
    let key = task.key;
    run(task).map_err(|error| error.with_object(key))
}

fn run(task: Task<'_>) -> Result<Staged> {
    let staging = staging::Staging::claim(task.destination, task.replace)?;
    let filter = Filter::new(task.caps, task.links, task.archive_bytes);
    let mut tree = tree::Tree::new(staging.root(), staging.shown(), filter, task.sync);
    match (task.method, task.archive) {
        (UnpackMethod::Zip, Archive::File(path)) => zip::unpack(path, &mut tree, task.cancel)?,
        (UnpackMethod::Zip, Archive::Stream(_)) => {
            return Err(Error::new(
                Kind::Internal,
                "A zip was to be unpacked from a stream",
            ));
        }
        (method, archive) => {
            let source = source::Source::open(archive, task.cancel)?;
            let key = task.key;
            let ratio = Ratio::new(task.caps, task.archive_bytes);
            pump::with(
                source::decoder(method, source, ratio),
                |piped| match method {
                    UnpackMethod::Gz => gz::unpack(piped, key, &mut tree),
                    _ => tar::unpack(piped, &mut tree),
                },
            )?;
        }
    }
    let mut summary = tree.settle()?;
    if task.conda_unpack {
        conda::unpack(&staging, &mut summary, task.cancel)?;
    }
    if task.sync {
        staging.sync()?;
    }
    source::check(task.cancel)?;
    Ok(Staged {
        staging,
        summary,
        key: task.key.to_owned(),
        sync: task.sync,
    })
}
