//! Maps of sparse files: which pieces of a file are in the archive, the rest being holes.
//!
//! Formats: old GNU headers, and GNU's PAX versions 0.0, 0.1 and 1.0, as the manual of GNU tar
//! describes them.

use std::io;

use super::pax_values::number;

/// Pieces of one file beyond which its map is taken for an attack on memory: 16 MiB of it, and a
/// file of 4 GiB of which every other page is a hole has no more.
pub(super) const MAX_PIECES: usize = 1 << 20;

/// Pieces in their order, not overlapping, within `size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    /// Offset in the file and length, both in bytes.
    pub(super) pieces: Vec<(u64, u64)>,
    /// Of the file, holes included.
    pub(super) size: u64,
}

impl Map {
    /// A checked map; `data` bytes of the file are in the archive.
    pub(super) fn new(pieces: Vec<(u64, u64)>, size: u64, data: u64) -> io::Result<Self> {
        let mut end = 0;
        let mut total: u64 = 0;
        for (offset, length) in &pieces {
            let next = offset.checked_add(*length).ok_or_else(malformed)?;
            // GNU tar ends a map with an empty piece at the file's end.
            if *offset < end || next > size {
                return Err(malformed());
            }
            end = next;
            total += length;
        }
        if total != data {
            return Err(malformed());
        }
        Ok(Self { pieces, size })
    }

    /// A file without holes.
    pub(super) fn whole(size: u64) -> Self {
        Self {
            pieces: vec![(0, size)],
            size,
        }
    }

    /// Bytes of it that are in the archive; no more than `size`, as pieces do not overlap.
    pub(super) fn stored(&self) -> u64 {
        self.pieces.iter().map(|(_, length)| length).sum()
    }

    /// Whether it is one of those.
    pub(super) fn is_whole(&self) -> bool {
        self.pieces == [(0, self.size)]
    }
}

/// A map as it is read: offsets and lengths in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pieces: Vec<(u64, u64)>,
    offset: Option<u64>,
}

impl Numbers {
    pub(super) fn push(&mut self, number: u64) -> io::Result<()> {
        match self.offset.take() {
            None => self.offset = Some(number),
            Some(_) if self.pieces.len() == MAX_PIECES => return Err(malformed()),
            Some(offset) => self.pieces.push((offset, number)),
        }
        Ok(())
    }

    /// The pieces, when all numbers are there.
    pub(super) fn pieces(&self) -> io::Result<&[(u64, u64)]> {
        match self.offset {
            None => Ok(&self.pieces),
            Some(_) => Err(malformed()),
        }
    }
}

/// Reads a version 1.0 map, which lies in whole blocks before the data: decimal lines, the number
/// of pieces first. Returns the pieces and how many bytes the map took.
pub(super) fn read(
    mut block: impl FnMut() -> io::Result<[u8; 512]>,
) -> io::Result<(Vec<(u64, u64)>, u64)> {
    let mut numbers = Numbers::default();
    let mut line = Vec::new();
    let mut taken = 0;
    let mut expected = None;
    loop {
        taken += 512;
        for byte in block()? {
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err(malformed());
                }
                continue;
            }
            let value = number(&line)?;
            line.clear();
            match expected {
                None => {
                    let count = usize::try_from(value).map_err(|_| malformed())?;
                    if count > MAX_PIECES {
                        return Err(malformed());
                    }
                    expected = Some(count);
                }
                Some(_) => numbers.push(value)?,
            }
            if expected == Some(numbers.pieces.len()) && numbers.offset.is_none() {
                return Ok((numbers.pieces, taken));
            }
        }
    }
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the map of a sparse file is malformed",
    )
}
