//! One thread's view of the shared archive file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::unpack::source;

const BUFFER_BYTES: usize = 64 * 1024;

/// Reads at positions of its own, buffered: small entries that follow each other cost one read.
#[derive(Clone)]
pub(super) struct At<'f> {
    file: &'f File,
    position: u64,
    buffer: Vec<u8>,
    /// Position of the buffer's first byte.
    start: u64,
}

impl<'f> At<'f> {
    pub(super) fn new(file: &'f File) -> Self {
        Self {
            file,
            position: 0,
            buffer: Vec::new(),
            start: 0,
        }
    }

    fn read_at(&self, into: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(into, position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Beyond what the system has as positions there is nothing.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(0),
                Err(error) => return Err(io::Error::other(source::unreadable(&error))),
                Ok(read) => return Ok(read),
            }
        }
    }

    /// What of the buffer lies at the position.
    fn buffered(&self) -> &[u8] {
        self.position
            .checked_sub(self.start)
            .and_then(|from| usize::try_from(from).ok())
            .and_then(|from| self.buffer.get(from..))
            .unwrap_or_default()
    }
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() {
            if into.len() >= BUFFER_BYTES {
                let read = self.read_at(into, self.position)?;
                self.position += read as u64;
                return Ok(read);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(BUFFER_BYTES, 0);
            let read = self.read_at(&mut buffer, self.position)?;
            buffer.truncate(read);
            self.buffer = buffer;
            self.start = self.position;
        }
        let buffered = self.buffered();
        let length = buffered.len().min(into.len());
        into[..length].copy_from_slice(&buffered[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for At<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            // Nobody asks for the end.
            SeekFrom::End(_) => None,
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
