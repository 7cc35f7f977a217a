//! The records of a group, in one file beside its folder: a line each, the last one of a path
//! counts.
//!
//! ```text
//! ["PATH",SIZE,ETAG|null,LAST_MODIFIED_NS|null,MTIME_NS,[[LENGTH,CRC64],…]]    a file
//! {"path":"PATH","record":{…}}                                  anything else, as it is recorded
//! {"path":"PATH","record":null}                                 takes the earlier lines back
//! ```
//!
//! Lines are appended, a pack's with one write, and never synced. A file's line is there before the
//! file has its name: where a part file lies instead, of the size and time of the line, a run was
//! killed between the two, and the next one reads those bytes again and need not fetch them. The
//! manifest is written anew when the group is left and lines do not count any more.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::home::{self, Home};
use super::record::{FORMAT, Record};
use super::slot::{Slot, locked};
use crate::beside::{Dir, Opened};
use crate::decides::cache::Pin;
use crate::error::{Error, Kind, Result};

/// Bytes of a manifest and of one line of it that are read at most.
pub(crate) const MANIFEST_MOST: u64 = 4 << 30;
const LINE_MOST: u64 = 64 << 20;

/// One line; paths are relative to the group's folder. Small files have little room for it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    File(
        PathBuf,
        u64,
        Option<String>,
        Option<i64>,
        i64,
        Vec<(u64, u64)>,
    ),
    Other {
        path: PathBuf,
        #[serde(default)]
        record: Option<Record>,
    },
}

impl Line {
    fn new(path: PathBuf, record: Option<Record>) -> Self {
        match record {
            Some(Record {
                pin,
                file: Some((size, mtime_ns)),
                chunks,
                tree: None,
                ..
            }) if pin.size == size => {
                Self::File(path, size, pin.etag, pin.last_modified_ns, mtime_ns, chunks)
            }
            record => Self::Other { path, record },
        }
    }

    fn read(self) -> (PathBuf, Option<Record>) {
        match self {
            Self::File(path, size, etag, last_modified_ns, mtime_ns, chunks) => {
                let record = Record {
                    format: FORMAT,
                    pin: Pin {
                        size,
                        etag,
                        last_modified_ns,
                    },
                    file: Some((size, mtime_ns)),
                    chunks,
                    tree: None,
                };
                (path, Some(record))
            }
            Self::Other { path, record } => (path, record),
        }
    }
}

/// Records of files by their slots: those with a manifest, each manifest's with one write.
///
/// # Errors
/// What the disk said; other manifests may have been written then.
pub(crate) fn append_all<'a>(records: impl IntoIterator<Item = (&'a Slot, Record)>) -> Result<()> {
    let mut by_group = BTreeMap::new();
    for (slot, record) in records {
        if let (Some(manifest), Some(group)) = (&slot.manifest, &slot.object.group) {
            let (_, lines) = by_group.entry(group).or_insert((manifest, Vec::new()));
            lines.push((slot.object.destination.clone(), Some(record)));
        }
    }
    by_group
        .into_values()
        .try_for_each(|(manifest, lines)| locked(manifest).append(lines))
}

/// The manifest of one group.
#[derive(Debug)]
pub(crate) struct Manifest {
    folder: PathBuf,
    opened: Arc<Opened>,
    /// Where it is written, once something is.
    home: Option<Home>,
    records: HashMap<PathBuf, Record>,
    /// Files that a manifest at another place tells of, which stays as it is.
    told_elsewhere: HashSet<PathBuf>,
    taken_back: HashSet<PathBuf>,
    /// Lines of the file that no longer count, a torn one included.
    outdated: usize,
    ends_torn: bool,
}

impl Manifest {
    /// Reads the manifest of a folder; where there is none, it is empty.
    pub(crate) fn read(opened: &Arc<Opened>, folder: &Path) -> Result<Self> {
        let mut manifest = Self {
            folder: folder.to_owned(),
            opened: opened.clone(),
            home: None,
            records: HashMap::new(),
            told_elsewhere: HashSet::new(),
            taken_back: HashSet::new(),
            outdated: 0,
            ends_torn: false,
        };
        manifest.reload()?;
        Ok(manifest)
    }

    /// Decides where it is written, with its folder made. True if that was not decided before.
    ///
    /// # Errors
    /// `DestinationNotWritable`.
    pub(crate) fn settle(&mut self) -> Result<bool> {
        if self.home.is_some() {
            return Ok(false);
        }
        let homes = home::homes(&self.opened, &self.folder)?;
        self.home = Some(home::writable(&homes, &self.folder)?);
        Ok(true)
    }

    /// Where it and its group's lock are; None before that is decided.
    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }

    /// Reads it again: another writer of this disk may have been busy.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.records.clear();
        self.told_elsewhere.clear();
        let mut homes = home::homes(&self.opened, &self.folder)?;
        if let Some(home) = &self.home {
            homes.retain(|other| other.manifest != home.manifest);
            homes.push(home.clone());
        }
        let last = homes.pop();
        for home in homes {
            self.reload_from(&home)?;
        }
        let elsewhere = std::mem::take(&mut self.records);
        self.told_elsewhere = elsewhere.keys().cloned().collect();
        self.taken_back.clear();
        self.outdated = 0;
        self.ends_torn = false;
        if let Some(home) = last {
            self.reload_from(&home)?;
        }
        for (path, record) in elsewhere {
            if !self.taken_back.contains(&path) {
                self.records.entry(path).or_insert(record);
            }
        }
        Ok(())
    }

    fn reload_from(&mut self, home: &Home) -> Result<()> {
        let path = &home.manifest;
        let failed = |error: std::io::Error| Error::of_path(&error, "read the manifest", path);
        let opened = home.dir()?.open(path, OFlags::RDONLY, MANIFEST_MOST);
        let opened = opened.map_err(failed)?;
        let Some(file) = opened else { return Ok(()) };
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut line = (&mut reader).take(LINE_MOST);
            if line.read_until(b'\n', &mut text).map_err(failed)? == 0 {
                return Ok(());
            }
            self.ends_torn = !text.ends_with(b"\n");
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) => {
                    let (path, record) = line.read();
                    self.take(path, record);
                }
                Err(_) => self.outdated += 1,
            }
        }
    }

    fn place(&mut self) -> Result<(Dir, PathBuf)> {
        self.settle()?;
        match &self.home {
            Some(home) => Ok((home.dir()?, home.manifest.clone())),
            None => Err(Error::new(Kind::Internal, "A manifest has no place")),
        }
    }

    fn take(&mut self, path: PathBuf, record: Option<Record>) {
        let before = match record.filter(|record| record.format == FORMAT) {
            Some(record) => {
                self.taken_back.remove(&path);
                self.records.insert(path, record)
            }
            None => {
                self.outdated += 1;
                let before = self.records.remove(&path);
                self.taken_back.insert(path);
                before
            }
        };
        self.outdated += usize::from(before.is_some());
    }

    /// The record of a file below the folder.
    pub(crate) fn get(&self, destination: &Path) -> Option<&Record> {
        self.records
            .get(destination.strip_prefix(&self.folder).ok()?)
    }

    /// Adds records, or takes them back, with one write. What is recorded already is not written.
    pub(crate) fn append(
        &mut self,
        lines: impl IntoIterator<Item = (PathBuf, Option<Record>)>,
    ) -> Result<()> {
        let folder = self.folder.clone();
        let failed = |error: io::Error| Error::of_path(&error, "write the manifest", &folder);
        let mut text = Vec::new();
        if self.ends_torn {
            text.push(b'\n');
        }
        let mut taken = Vec::new();
        for (destination, record) in lines {
            let Ok(path) = destination.strip_prefix(&self.folder) else {
                continue;
            };
            if self.records.get(path) == record.as_ref() {
                continue;
            }
            write_line(&mut text, path.to_owned(), record.clone()).map_err(failed)?;
            taken.push((path.to_owned(), record));
        }
        if taken.is_empty() {
            return Ok(());
        }
        let (dir, path) = self.place()?;
        let flags = OFlags::WRONLY | OFlags::APPEND;
        let opened = match dir.open(&path, flags, MANIFEST_MOST) {
            Ok(Some(file)) => Some(file),
            Ok(None) => {
                // A manifest that is not believed has no torn line of ours.
                self.ends_torn = false;
                Some(dir.create(&path, OFlags::APPEND)?)
            }
            // Root's, for one who may only read it: he gets one of his own.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => return Err(failed(error)),
        };
        let is_appended = opened.is_some();
        if let Some(mut file) = opened {
            file.write_all(&text).map_err(failed)?;
            self.ends_torn = false;
        }
        for (path, record) in taken {
            self.take(path, record);
        }
        match is_appended {
            true => Ok(()),
            false => self.write_anew(),
        }
    }

    /// Writes the file anew without the lines that no longer count, if there are any.
    pub(crate) fn tidy(&mut self) -> Result<()> {
        // Where nothing was to be written, the lock is not ours either.
        match self.home {
            Some(_) if self.outdated > 0 => self.write_anew(),
            _ => Ok(()),
        }
    }

    fn write_anew(&mut self) -> Result<()> {
        // What was taken back is told as long as the other manifest tells of it.
        let told: BTreeSet<_> = self.records.keys().chain(&self.told_elsewhere).collect();
        let paths: Vec<PathBuf> = told.into_iter().cloned().collect();
        let mut text = Vec::new();
        for path in paths {
            let record = self.records.get(&path).cloned();
            write_line(&mut text, path, record)
                .map_err(|error| Error::of_path(&error, "write the manifest", &self.folder))?;
        }
        let (dir, path) = self.place()?;
        dir.replace(&path, &text)?;
        self.outdated = 0;
        self.ends_torn = false;
        Ok(())
    }
}

fn write_line(text: &mut Vec<u8>, path: PathBuf, record: Option<Record>) -> std::io::Result<()> {
    serde_json::to_writer(&mut *text, &Line::new(path, record))?;
    text.push(b'\n');
    Ok(())
}
