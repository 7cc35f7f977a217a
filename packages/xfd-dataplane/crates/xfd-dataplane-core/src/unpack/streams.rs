//! What comes out of compressed streams: several gzip members or zstd frames follow each other as
//! one stream, and zeros after them are what a tape or a block device was filled up with.

use std::io::{self, BufRead, Read};

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::decides::archive::caps::Ratio;

/// All members of a gzip file.
pub(super) struct Gzip<R> {
    /// None between two members.
    member: Option<flate2::bufread::GzDecoder<R>>,
    /// Set when there is no member.
    rest: Option<R>,
    any: bool,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            member: None,
            rest: Some(inner),
            any: false,
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(member) = &mut self.member {
                let read = member.read(into)?;
                if read > 0 || into.is_empty() {
                    return Ok(read);
                }
                self.rest = self
                    .member
                    .take()
                    .map(flate2::bufread::GzDecoder::into_inner);
            }
            let Some(mut inner) = self.rest.take() else {
                return Ok(0);
            };
            if self.any && !skip_zeros(&mut inner)? {
                return Ok(0);
            }
            self.any = true;
            self.member = Some(flate2::bufread::GzDecoder::new(inner));
        }
    }
}

/// All frames of a zstd file; skippable ones are nothing.
pub(super) struct Zstd<R> {
    inner: R,
    decoder: Decoder<'static>,
    /// Whether a frame has started, and is not at its end.
    in_frame: bool,
    any: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(inner: R) -> io::Result<Self> {
        Ok(Self {
            inner,
            decoder: Decoder::new()?,
            in_frame: false,
            any: false,
        })
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if self.any && !skip_zeros(&mut self.inner)? {
                    return Ok(0);
                }
                self.decoder.reinit()?;
                (self.in_frame, self.any) = (true, true);
            }
            let bytes = self.inner.fill_buf()?;
            let is_end = bytes.is_empty();
            let mut from = InBuffer::around(bytes);
            let mut to = OutBuffer::around(into);
            let hint = self.decoder.run(&mut from, &mut to)?;
            let (taken, made) = (from.pos(), to.pos());
            self.inner.consume(taken);
            self.in_frame = hint > 0;
            if made > 0 {
                return Ok(made);
            }
            if is_end && self.in_frame {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Reads zeros; whether something follows them.
fn skip_zeros(inner: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = inner.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let is_all = zeros == bytes.len();
        inner.consume(zeros);
        if !is_all {
            return Ok(true);
        }
    }
}

/// Counts all that comes out of a decoder.
pub(super) struct Counted<R> {
    inner: R,
    ratio: Ratio,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(inner: R, ratio: Ratio) -> Self {
        Self { inner, ratio }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.ratio.grow(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}
