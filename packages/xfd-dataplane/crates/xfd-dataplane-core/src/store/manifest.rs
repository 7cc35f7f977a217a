//! The records of a group in one file beside its folder, one on each line. The last line of a path
//! counts.
//!
//! ```text
//! ["PATH",SIZE,ETAG|null,LAST_MODIFIED_NS|null,MTIME_NS,[[LENGTH,CRC64],…]]    a file
//! ["PATH",…,"MARK"]                               the same, not synced: see [`super::boot`]
//! {"path":"PATH","record":{…}}                                  anything else, as its record
//! {"path":"PATH","record":null}                                 takes the earlier lines back
//! ```
//!
//! Lines are appended, a pack's with one write. A file's line is written before the file gets its
//! name, and synced with it if files are. If a run is killed between the two, the next one finds a part file of
//! the line's size and time, reads it again, and need not fetch it. The manifest is rewritten when
//! the group is left and some of its lines do not count any more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::home::{self, Home};
use super::manifest_line::{Line, record_of, text_of};
use super::record::{FORMAT, Record};
use crate::beside::{Anchor, Dir, Opened};
use crate::error::{Error, Kind, Result};
use rustix::fs::OFlags;

/// Bytes of a manifest that are read at most.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 30;

/// Bytes of one line that are read at most.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// The manifest of one group.
#[derive(Debug)]
pub(crate) struct Manifest {
    folder: PathBuf,
    /// The folder of its file, if that is neither beside the folder nor inside it.
    apart: Option<PathBuf>,
    opened: Arc<Opened>,
    /// Where it is written, once that is decided.
    home: Option<Home>,
    /// The line of each record, which takes a third of the record's memory.
    records: HashMap<PathBuf, Box<[u8]>>,
    /// Files with a line in the manifest at the other place, which stays as it is.
    in_other: HashSet<PathBuf>,
    /// Files whose last line takes the earlier ones back.
    taken_back: HashSet<PathBuf>,
    /// Lines of the file that no longer count, a torn one included.
    outdated: usize,
    /// The last line of the file is torn.
    ends_torn: bool,
}

impl Manifest {
    /// Reads the manifest of a folder; it is empty if there is none. `apart` is the folder of the
    /// manifest of a hub cache's blobs.
    pub(crate) fn read(opened: &Arc<Opened>, folder: &Path, apart: Option<&Path>) -> Result<Self> {
        let mut manifest = Self {
            folder: folder.to_owned(),
            apart: apart.map(PathBuf::from),
            opened: opened.clone(),
            home: None,
            records: HashMap::new(),
            in_other: HashSet::new(),
            taken_back: HashSet::new(),
            outdated: 0,
            ends_torn: false,
        };
        manifest.reload()?;
        Ok(manifest)
    }

    /// Decides where it is written. True if that was not decided before.
    ///
    /// # Errors
    /// `DestinationNotWritable`.
    pub(crate) fn settle(&mut self) -> Result<bool> {
        if self.home.is_some() {
            return Ok(false);
        }
        if let Some(apart) = &self.apart {
            let failed = |error| Error::of_path(&error, "keep a record", apart);
            std::fs::create_dir_all(apart).map_err(failed)?;
        }
        let homes = self.homes()?;
        self.home = Some(home::writable(&homes, &self.folder)?);
        Ok(true)
    }

    /// Where it and its group's lock are; None until that is decided.
    pub(crate) fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }

    /// Reads it again, since another writer of this disk may have changed it, or somebody may have
    /// removed its folder.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.home.take_if(|home| !home.is_there());
        self.records.clear();
        self.in_other.clear();
        let mut homes = self.homes()?;
        if let Some(home) = &self.home {
            homes.retain(|other| other.manifest != home.manifest);
            homes.push(home.clone());
        }
        let last = homes.pop();
        for home in homes {
            self.reload_from(&home)?;
        }
        let other = std::mem::take(&mut self.records);
        self.in_other = other.keys().cloned().collect();
        self.taken_back.clear();
        self.outdated = 0;
        self.ends_torn = false;
        if let Some(home) = last {
            self.reload_from(&home)?;
        }
        for (path, line) in other {
            if !self.taken_back.contains(&path) {
                self.records.entry(path).or_insert(line);
            }
        }
        Ok(())
    }

    fn homes(&self) -> Result<Vec<Home>> {
        let Some(apart) = &self.apart else {
            return home::homes(&self.opened, &self.folder);
        };
        let anchor = Anchor::find(&self.opened, apart)?;
        let home = anchor.map(|anchor| Home::inside(anchor, apart));
        Ok(home.into_iter().collect())
    }

    fn reload_from(&mut self, home: &Home) -> Result<()> {
        let path = &home.manifest;
        let failed = |error: std::io::Error| Error::of_path(&error, "read the manifest", path);
        let Some(file) = open(home)? else {
            return Ok(());
        };
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut line = (&mut reader).take(MAX_LINE_BYTES);
            if line.read_until(b'\n', &mut text).map_err(failed)? == 0 {
                return Ok(());
            }
            self.ends_torn = !text.ends_with(b"\n");
            match serde_json::from_slice::<Line>(&text) {
                Ok(line) => {
                    let (path, record) = line.into_parts();
                    let record = record.filter(|record| record.format == FORMAT);
                    let line = record.and_then(|record| text_of(path.clone(), Some(record)).ok());
                    self.take(path, line);
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

    fn take(&mut self, path: PathBuf, line: Option<Box<[u8]>>) {
        let before = match line {
            Some(line) => {
                self.taken_back.remove(&path);
                self.records.insert(path, line)
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

    /// Opens its file, to sync it; None if nothing was written.
    pub(crate) fn open(&self) -> Result<Option<File>> {
        self.home.as_ref().map_or(Ok(None), open)
    }

    /// The record of a file below the folder.
    pub(crate) fn get(&self, destination: &Path) -> Option<Record> {
        let line = self
            .records
            .get(destination.strip_prefix(&self.folder).ok()?)?;
        record_of(line)
    }

    /// Adds records, or takes them back, with one write. Records that do not change are not
    /// written.
    pub(crate) fn append(
        &mut self,
        lines: impl IntoIterator<Item = (PathBuf, Option<Record>)>,
    ) -> Result<()> {
        let folder = self.folder.clone();
        let failed = |error: io::Error| Error::of_path(&error, "write the manifest", &folder);
        let line_of = |path: &Path, record| {
            text_of(path.to_owned(), record).map_err(|error| failed(error.into()))
        };
        let mut text = Vec::new();
        if self.ends_torn {
            text.push(b'\n');
        }
        let mut taken = Vec::new();
        for (destination, record) in lines {
            let Ok(path) = destination.strip_prefix(&self.folder) else {
                continue;
            };
            let is_kept = record.is_some();
            let line = line_of(path, record)?;
            let before = self.records.get(path);
            if before == Some(&line) || !is_kept && before.is_none() {
                continue;
            }
            text.extend_from_slice(&line);
            text.push(b'\n');
            taken.push((path.to_owned(), is_kept.then_some(line)));
        }
        if taken.is_empty() {
            return Ok(());
        }
        let (dir, path) = match self.place() {
            Ok(place) => place,
            // A blob's record saves one reading of the blob. That is no reason to fail it.
            Err(error) if self.apart.is_some() => {
                tracing::warn!(%error, "record_not_written");
                for (path, line) in taken {
                    self.take(path, line);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let flags = OFlags::WRONLY | OFlags::APPEND;
        let opened = match dir.open(&path, flags, MAX_MANIFEST_BYTES) {
            Ok(Some(file)) => Some(file),
            Ok(None) => {
                // The torn line was in a manifest that is not believed, which is replaced.
                self.ends_torn = false;
                Some(dir.create(&path, OFlags::APPEND)?)
            }
            // Root's manifest, which this user may only read: a manifest of its own replaces it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => return Err(failed(error)),
        };
        let is_appended = opened.is_some();
        if let Some(mut file) = opened {
            file.write_all(&text).map_err(failed)?;
            self.ends_torn = false;
        }
        for (path, line) in taken {
            self.take(path, line);
        }
        match is_appended {
            true => Ok(()),
            false => self.rewrite(),
        }
    }

    /// Rewrites the file without the lines that no longer count, if there are any.
    pub(crate) fn tidy(&mut self) -> Result<()> {
        // Without a place to write to, the lock is not ours either.
        match self.home {
            Some(_) if self.outdated > 0 => self.rewrite(),
            _ => Ok(()),
        }
    }

    fn rewrite(&mut self) -> Result<()> {
        // A record that was taken back needs a line as long as the other manifest has it.
        let paths: BTreeSet<_> = self.records.keys().chain(&self.in_other).collect();
        let failed = |error| Error::of_path(&error, "write the manifest", &self.folder);
        let mut text = Vec::new();
        for path in paths {
            match self.records.get(path) {
                Some(line) => text.extend_from_slice(line),
                None => {
                    let line = text_of(path.clone(), None);
                    text.extend_from_slice(&line.map_err(|error| failed(error.into()))?);
                }
            }
            text.push(b'\n');
        }
        let (dir, path) = self.place()?;
        dir.replace(&path, &text)?;
        self.outdated = 0;
        self.ends_torn = false;
        Ok(())
    }
}

fn open(home: &Home) -> Result<Option<File>> {
    let path = &home.manifest;
    home.dir()?
        .open(path, OFlags::RDONLY, MAX_MANIFEST_BYTES)
        .map_err(|error| Error::of_path(&error, "open the manifest", path))
}
