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

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::paths::{RECORD, beside, is_absent};
use super::record::{FORMAT, Record, replace};
use super::slot::{Slot, locked};
use crate::decides::cache::Pin;
use crate::error::{Error, Result};

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
    path: PathBuf,
    records: HashMap<PathBuf, Record>,
    /// Lines of the file that no longer count, a torn one included.
    outdated: usize,
    ends_torn: bool,
}

impl Manifest {
    /// Reads the manifest beside a folder; a line that is torn or of another format is skipped.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = beside(folder, RECORD);
        let mut manifest = Self {
            folder: folder.to_owned(),
            path,
            records: HashMap::new(),
            outdated: 0,
            ends_torn: false,
        };
        manifest.reload()?;
        Ok(manifest)
    }

    /// Reads it again: another writer of this disk may have been busy.
    pub(crate) fn reload(&mut self) -> Result<()> {
        let path = self.path.clone();
        let failed = |error: std::io::Error| Error::of_path(&error, "read the manifest", &path);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => {
                self.records.clear();
                self.outdated = 0;
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        self.records.clear();
        self.outdated = 0;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut text = Vec::new();
        loop {
            text.clear();
            if reader.read_until(b'\n', &mut text).map_err(failed)? == 0 {
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

    fn take(&mut self, path: PathBuf, record: Option<Record>) {
        let before = match record.filter(|record| record.format == FORMAT) {
            Some(record) => self.records.insert(path, record),
            None => {
                self.outdated += 1;
                self.records.remove(&path)
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
        let failed =
            |error: std::io::Error| Error::of_path(&error, "write the manifest", &self.path);
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
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o666)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&self.path)
            .and_then(|mut file| file.write_all(&text))
            .map_err(failed)?;
        self.ends_torn = false;
        for (path, record) in taken {
            self.take(path, record);
        }
        Ok(())
    }

    /// Writes the file anew without the lines that no longer count, if there are any.
    pub(crate) fn tidy(&mut self) -> Result<()> {
        if self.outdated == 0 {
            return Ok(());
        }
        let mut paths: Vec<_> = self.records.keys().cloned().collect();
        paths.sort_unstable();
        let mut text = Vec::new();
        for path in paths {
            let record = self.records.get(&path).cloned();
            write_line(&mut text, path, record)
                .map_err(|error| Error::of_path(&error, "write the manifest", &self.path))?;
        }
        replace(&self.path, &text)?;
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
