//! The archive's bytes, and whose fault it is when they end early.

use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::streams::{Counted, Gzip, Zstd};
use super::task::Archive;
use crate::decides::archive::caps::Ratio;
use crate::error::{Error, Kind, Result};
use crate::model::UnpackMethod;

/// Read size towards the archive's file or the download.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads the archive; its errors are ours wrapped in `io::Error`, so that they come through a
/// decoder unchanged and are distinguished from the decoder's own.
pub(super) struct Source<'a> {
    inner: Box<dyn Read + Send + 'a>,
    cancel: &'a AtomicBool,
}

impl<'a> Source<'a> {
    pub(super) fn open(archive: Archive<'a>, cancel: &'a AtomicBool) -> Result<Self> {
        let inner = match archive {
            Archive::Stream(stream) => stream,
            Archive::File(path) => Box::new(
                crate::beside::open_data(path)
                    .map_err(|e| Error::of_path(&e, "open the archive", path))?,
            ),
        };
        Ok(Self { inner, cancel })
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        check(self.cancel).map_err(io::Error::other)?;
        match self.inner.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(io::Error::other(ours(error, unreadable))),
            Ok(read) => {
                check(self.cancel).map_err(io::Error::other)?;
                Ok(read)
            }
        }
    }
}

/// An error once `cancel` is set.
pub(super) fn check(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(Kind::Cancelled, "Unpacking was cancelled"));
    }
    Ok(())
}

/// The archive's bytes without their compression.
pub(super) fn decoder<'a>(
    method: UnpackMethod,
    source: Source<'a>,
    ratio: Ratio,
) -> impl FnOnce() -> io::Result<Box<dyn Read + 'a>> + Send + 'a {
    move || {
        let buffered = |source| BufReader::with_capacity(BUFFER_BYTES, source);
        Ok(match method {
            UnpackMethod::TarGz | UnpackMethod::Gz => {
                Box::new(Counted::new(Gzip::new(buffered(source)), ratio))
            }
            UnpackMethod::TarZst => Box::new(Counted::new(Zstd::new(buffered(source))?, ratio)),
            UnpackMethod::Tar | UnpackMethod::Zip => Box::new(Counted::new(source, ratio)),
        })
    }
}

/// The disk did not give the archive.
pub(super) fn unreadable(error: &io::Error) -> Error {
    let what = format!("Could not read the archive: {error}");
    Error::new(Kind::Destination, what)
}

/// What reading the archive failed with: our own error if it is one, else the archive is corrupt.
pub(super) fn corrupt(error: io::Error) -> Error {
    ours(error, |error| {
        let text = error.to_string();
        // zstd has no error code of its own for a frame with a larger window than it takes.
        if text.contains("too much memory") {
            return Error::new(Kind::ArchiveUnsupported, text);
        }
        let what = if error.kind() == io::ErrorKind::UnexpectedEof {
            "The archive ends too early".to_owned()
        } else {
            format!("The archive cannot be read: {text}")
        };
        Error::new(Kind::ArchiveCorrupt, what)
    })
}

fn ours(error: io::Error, otherwise: impl FnOnce(&io::Error) -> Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(ours) => Error::clone(ours),
        None => otherwise(&error),
    }
}
