//! The records of a group, in one file beside its folder: a line each, the last one of a path
//! counts. Lines are appended as files land, and the file is written anew when the group is left.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::paths::{RECORD, beside, is_absent};
use super::record::{FORMAT, Record, replace};
use crate::error::{Error, Result};

/// One line.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Relative to the group's folder.
    path: PathBuf,
    /// None takes back an earlier line.
    #[serde(default)]
    record: Option<Record>,
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
                Ok(line) => self.take(line.path, line.record),
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

    /// Adds records, or takes them back, with one write.
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
            let line = Line {
                path: path.to_owned(),
                record,
            };
            serde_json::to_writer(&mut text, &line).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
            taken.push(line);
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
        for line in taken {
            self.take(line.path, line.record);
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
            serde_json::to_writer(&mut text, &Line { path, record })
                .map_err(|error| Error::of_path(&error.into(), "write the manifest", &self.path))?;
            text.push(b'\n');
        }
        replace(&self.path, &text)?;
        self.outdated = 0;
        self.ends_torn = false;
        Ok(())
    }
}
