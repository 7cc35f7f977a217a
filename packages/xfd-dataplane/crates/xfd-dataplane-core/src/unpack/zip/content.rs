//! The content of an entry, decompressed and compared with its checksum.

use std::io::{self, Read, Seek, SeekFrom};

use crc_fast::{CrcAlgorithm, Digest};
use flate2::read::DeflateDecoder;

use super::entry::Content;
use super::reader::At;

/// Reads an entry; its end is an error unless size and checksum are those of the directory.
pub(super) struct Opened<'f> {
    reader: Reader<'f>,
    said: Content,
    crc: Digest,
    size: u64,
}

enum Reader<'f> {
    Stored(io::Take<At<'f>>),
    Deflated(Box<DeflateDecoder<io::Take<At<'f>>>>),
}

pub(super) fn open<'f>(file: &At<'f>, said: Content) -> io::Result<Opened<'f>> {
    let mut file = file.clone();
    file.seek(SeekFrom::Start(said.start))?;
    let packed = file.take(said.packed);
    Ok(Opened {
        reader: match said.is_deflated {
            true => Reader::Deflated(Box::new(DeflateDecoder::new(packed))),
            false => Reader::Stored(packed),
        },
        said,
        crc: Digest::new(CrcAlgorithm::Crc32IsoHdlc),
        size: 0,
    })
}

impl Read for Opened<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.reader {
            Reader::Stored(reader) => reader.read(into)?,
            Reader::Deflated(reader) => reader.read(into)?,
        };
        self.crc.update(&into[..read]);
        self.size += read as u64;
        if read == 0 && !into.is_empty() {
            let is_right =
                self.size == self.said.size && self.crc.finalize() == u64::from(self.said.crc);
            if !is_right {
                let what = "an entry's size or checksum is not what the zip's directory says";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(read)
    }
}
