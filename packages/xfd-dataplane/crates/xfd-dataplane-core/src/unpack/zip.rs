//! A finished zip file becomes a tree: placed entry by entry as its directory has them, then
//! written by several threads, links last.
//!
//! The directory is read by ourselves, since tools that search for it find different ones in some
//! archives ([`directory`]), and so that no more than one entry of it is in memory.
//!
//! Times are the extended timestamp's where there is one. A DOS time has no zone and is taken as
//! UTC, so that all nodes make the same tree (`unzip` takes it as local, which is the same where
//! the zone is UTC).

mod content;
mod cp437;
mod directory;
mod entry;
mod fields;
mod reader;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::Timespec;

use self::entry::{Content, Described, Entries, Type};
use self::reader::At;
use super::maker::Maker;
use super::source::{check, corrupt, unreadable};
use super::tree::{Tree, finish, write_failed};
use crate::decides::archive::{EntryKind, Filter, Place};
use crate::error::{Error, Kind, Result};
use crate::model::TreeEntry;
use crate::threads::{Mutex, locked};

/// Longest target of a symbolic link that Linux takes, in bytes.
const MAX_TARGET: u64 = 4096;

const BUFFER_BYTES: usize = 128 * 1024;

/// Files that a thread takes at once: neighbours in the archive, mostly of one folder.
const BATCH: usize = 16;

/// More threads than this only wait for the file system.
const MAX_THREADS: usize = 16;

/// A file to be written.
struct Job {
    path: Arc<[u8]>,
    mode: u32,
    mtime: Option<Timespec>,
    content: Content,
}

/// A symbolic link to be made.
struct Link {
    place: Place,
    target: Vec<u8>,
    mtime: Option<Timespec>,
}

/// Unpacks the whole archive.
pub(super) fn unpack(path: &Path, tree: &mut Tree<'_>, cancel: &AtomicBool) -> Result<()> {
    let file =
        crate::beside::open_data(path).map_err(|e| Error::of_path(&e, "open the archive", path))?;
    let at = At::new(&file);
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    let directory = directory::find(&file, length)?;
    let (jobs, links) = place(Entries::new(directory, &at), &at, tree, cancel)?;
    for entry in write(&at, &jobs, tree, cancel)? {
        tree.keep(entry);
    }
    for link in links {
        tree.link(&link.place, &link.target, link.mtime)?;
    }
    Ok(())
}

/// Asks the filter for every entry and makes the folders.
fn place(
    mut entries: Entries<'_>,
    at: &At<'_>,
    tree: &mut Tree<'_>,
    cancel: &AtomicBool,
) -> Result<(Vec<Job>, Vec<Link>)> {
    let mut jobs: HashMap<Arc<[u8]>, Job> = HashMap::new();
    let mut links: HashMap<Arc<[u8]>, Link> = HashMap::new();
    let mut spans = Vec::new();
    while let Some(described) = entries.next()? {
        check(cancel)?;
        spans.push(described.span);
        let target = match described.kind {
            Type::Link => target(at, described.content)?,
            _ => Vec::new(),
        };
        let what = match described.kind {
            Type::Folder => EntryKind::Folder,
            Type::File => EntryKind::File,
            Type::Link => EntryKind::Link(&target),
            Type::Special => EntryKind::Special,
        };
        let Some(place) = tree.place(&described.path, what)? else {
            continue;
        };
        // A path that came before, perhaps under another spelling.
        jobs.remove(&place.path);
        links.remove(&place.path);
        let mode = mode(&described, tree);
        let (path, mtime) = (Arc::clone(&place.path), described.mtime);
        match described.kind {
            Type::Folder => tree.folder(&place, Some(mode), mtime)?,
            Type::File => {
                let job = Job {
                    path: Arc::clone(&path),
                    mode,
                    mtime,
                    content: described.content,
                };
                jobs.insert(path, job);
            }
            Type::Link => {
                let link = Link {
                    place,
                    target,
                    mtime,
                };
                links.insert(path, link);
            }
            Type::Special => {}
        }
    }
    entry::check_overlaps(&mut spans)?;
    let mut jobs: Vec<Job> = jobs.into_values().collect();
    jobs.sort_by_key(|job| job.content.start);
    let mut links: Vec<Link> = links.into_values().collect();
    links.sort_by(|a, b| a.place.path.cmp(&b.place.path));
    Ok((jobs, links))
}

/// The archive's permission bits as they are, as `unzip` has it; where it has none, the usual.
fn mode(described: &Described, tree: &Tree<'_>) -> u32 {
    described.mode.unwrap_or_else(|| {
        let usual = match described.kind {
            Type::Folder => 0o777,
            _ => 0o666,
        };
        usual & !tree.maker.umask()
    })
}

/// A symbolic link's target is its content.
fn target(at: &At<'_>, content: Content) -> Result<Vec<u8>> {
    let mut target = Vec::new();
    content::open(at, content)
        .and_then(|opened| opened.take(MAX_TARGET + 1).read_to_end(&mut target))
        .map_err(corrupt)?;
    if target.len() as u64 > MAX_TARGET {
        return Err(Error::new(
            Kind::ArchiveCorrupt,
            "A symbolic link's target in the archive is too long",
        ));
    }
    Ok(target)
}

/// Writes the files on all cores; their entries in the order of the jobs.
fn write(
    at: &At<'_>,
    jobs: &[Job],
    tree: &mut Tree<'_>,
    cancel: &AtomicBool,
) -> Result<Vec<TreeEntry>> {
    let threads = std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .min(jobs.len().div_ceil(BATCH))
        .clamp(1, MAX_THREADS);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let filter = Mutex::new(&mut tree.filter);
    let maker = &tree.maker;
    let results: Vec<Result<Vec<(usize, TreeEntry)>>> = std::thread::scope(|scope| {
        let work = || {
            let worker = Worker {
                maker: maker.again(),
                at: at.clone(),
                filter: &filter,
                cancel,
                stop: &stop,
            };
            worker.run(jobs, &next)
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let theirs = others.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| {
                Err(Error::new(Kind::Internal, "A thread of unpacking panicked"))
            })
        });
        std::iter::once(mine).chain(theirs).collect()
    });
    let mut entries = Vec::with_capacity(jobs.len());
    for result in results {
        entries.extend(result?);
    }
    entries.sort_by_key(|(job, _)| *job);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// One thread's part.
struct Worker<'w, 'a> {
    maker: Maker<'a>,
    at: At<'w>,
    filter: &'w Mutex<&'w mut Filter>,
    cancel: &'w AtomicBool,
    /// Set when any thread failed.
    stop: &'w AtomicBool,
}

impl Worker<'_, '_> {
    fn run(mut self, jobs: &[Job], next: &AtomicUsize) -> Result<Vec<(usize, TreeEntry)>> {
        let mut entries = Vec::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = jobs.get(first..jobs.len().min(first + BATCH)) else {
                return Ok(entries);
            };
            for (job, number) in batch.iter().zip(first..) {
                match self.one(job, &mut buffer) {
                    Ok(Some(entry)) => entries.push((number, entry)),
                    Ok(None) => return Ok(entries),
                    Err(error) => {
                        self.stop.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
        }
    }

    /// None when another thread failed.
    fn one(&mut self, job: &Job, buffer: &mut [u8]) -> Result<Option<TreeEntry>> {
        let mut zipped = content::open(&self.at, job.content).map_err(corrupt)?;
        let file = self.maker.file(&job.path, job.mode)?;
        let mut size: u64 = 0;
        loop {
            check(self.cancel)?;
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let read = match zipped.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(corrupt)?,
            };
            if read == 0 {
                break;
            }
            size += read as u64;
            locked(self.filter).grow(read as u64)?;
            (&file)
                .write_all(&buffer[..read])
                .map_err(|e| write_failed(&self.maker, &job.path, e))?;
            self.maker.wrote(&file, size - read as u64, size);
        }
        finish(&self.maker, &job.path, &file, job.mtime).map(Some)
    }
}
