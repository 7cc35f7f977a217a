//! A piece of an open file, to be read, or to be sent without being read.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustix::io::Errno;

use super::part::Handle;
use crate::error::{Error, Kind, Result};

/// A range of a file. The file stays open as long as one of its spans lives, also if its object
/// lands or is removed meanwhile.
pub struct FileSpan {
    handle: Arc<Handle>,
    offset: u64,
    length: u64,
}

impl FileSpan {
    pub(crate) fn new(handle: Arc<Handle>, offset: u64, length: u64) -> Self {
        Self {
            handle,
            offset,
            length,
        }
    }

    /// Bytes left.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads from its start, as much as one call gives. `room` is reused once the bytes are
    /// dropped.
    ///
    /// # Errors
    /// What the disk said; `Destination` for a file that ends before the span.
    pub fn read(&self, room: &mut BytesMut) -> Result<Bytes> {
        let want = usize::try_from(self.length).unwrap_or(usize::MAX);
        room.clear();
        room.reserve(want);
        let read = loop {
            let spare = &mut room.spare_capacity_mut()[..want];
            match rustix::io::pread(self.handle.file(), spare, self.offset) {
                Ok((read, _)) => break read.len(),
                Err(Errno::INTR) => {}
                Err(error) => {
                    return Err(Error::of_path(&error.into(), "read the object", ""));
                }
            }
        };
        if read == 0 {
            return Err(Error::new(
                Kind::Destination,
                "The file is shorter than its chunks",
            ));
        }
        // SAFETY: the call above has written the first `read` bytes of the spare room.
        unsafe { room.set_len(read) };
        Ok(room.split().freeze())
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// As [`FileSpan::read`].
    pub fn read_all(mut self, room: &mut BytesMut) -> Result<Bytes> {
        let first = self.read(room)?;
        self.advance(first.len());
        if self.length == 0 {
            return Ok(first);
        }
        let mut all = BytesMut::from(first);
        while self.length > 0 {
            let more = self.read(room)?;
            self.advance(more.len());
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }

    /// Sends from its start, at most `max` bytes and as many as the socket takes, by sendfile. The
    /// span then starts after them.
    ///
    /// # Errors
    /// `UnexpectedEof` for a file that ends before the span; what the system said, `WouldBlock`
    /// included.
    pub fn send(&mut self, socket: impl AsFd, max: usize) -> io::Result<usize> {
        let want = max.min(usize::try_from(self.length).unwrap_or(max));
        let file = self.handle.file();
        let sent = rustix::fs::sendfile(socket, file, Some(&mut self.offset), want)?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.length -= sent as u64;
        Ok(sent)
    }

    /// Drops bytes from its start.
    pub fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.length = self.length.saturating_sub(bytes as u64);
    }
}

impl std::fmt::Debug for FileSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSpan")
            .field("offset", &self.offset)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
