//! The fields of a tar header, as everything that reads tar reads them.
//!
//! Four generations share one layout: V7, POSIX ustar, old GNU and star. Numbers are octal with
//! spaces before and spaces or NULs after, or GNU's base 256 where the first bit is set. A field
//! that matters to nothing but looks, the mode and the time, is taken for blank if it is
//! malformed; a size has to be right.

use std::io;
use std::ops::Range;

use super::sparse;

/// Of headers and of what data is padded to, in bytes.
pub(super) const BLOCK: usize = 512;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..263;
const PREFIX: Range<usize> = 345..500;

/// POSIX's; GNU's has a space in place of the NUL, and times in place of the prefix.
const USTAR: &[u8] = b"ustar\0";

const GNU_SPARSE: Range<usize> = 386..482;
const GNU_IS_EXTENDED: usize = 482;
const GNU_REAL_SIZE: Range<usize> = 483..495;
const GNU_MORE_SPARSE: Range<usize> = 0..504;
const GNU_MORE_IS_EXTENDED: usize = 504;

/// A sparse piece: offset and length.
const PIECE: usize = 24;

/// A block whose checksum is that of a header.
pub(super) struct Header([u8; BLOCK]);

/// Why a numeric field has no value.
#[derive(Debug, PartialEq, Eq)]
enum NoNumber {
    Blank,
    Malformed,
}

impl Header {
    /// A block as a header; None if its checksum says that it is none.
    pub(super) fn new(block: [u8; BLOCK]) -> Option<Self> {
        // The field of the checksum itself counts as spaces. Some old systems summed signed bytes.
        let summed = || block[..CHECKSUM.start].iter().chain(&block[KIND..]);
        let spaces = i64::from(b' ') * CHECKSUM.len() as i64;
        let unsigned = spaces + summed().map(|byte| i64::from(*byte)).sum::<i64>();
        let signed = spaces + summed().map(|b| i64::from(b.cast_signed())).sum::<i64>();
        let said = number(&block[CHECKSUM]).ok()?;
        (said == unsigned || said == signed).then_some(Self(block))
    }

    /// The type flag.
    pub(super) fn kind(&self) -> u8 {
        self.0[KIND]
    }

    /// Bytes that follow; a blank field is 0.
    pub(super) fn size(&self) -> io::Result<u64> {
        size(&self.0[SIZE], "size")
    }

    /// Permission bits; None where the field is blank or no number.
    pub(super) fn mode(&self) -> Option<u32> {
        number(&self.0[MODE])
            .ok()
            .and_then(|mode| u32::try_from(mode).ok())
    }

    /// Seconds since the epoch, which they are themselves where the field is blank or no number.
    pub(super) fn mtime(&self) -> i64 {
        number(&self.0[MTIME]).unwrap_or_default()
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(&self.0[NAME]);
        let prefix = match self.0[MAGIC] == *USTAR {
            true => text(&self.0[PREFIX]),
            false => b"",
        };
        match prefix.is_empty() {
            true => name.to_vec(),
            false => [prefix, b"/", name].concat(),
        }
    }

    pub(super) fn link(&self) -> &[u8] {
        text(&self.0[LINK])
    }

    /// Size of a sparse file of the old GNU format, holes included.
    pub(super) fn real_size(&self) -> io::Result<u64> {
        size(&self.0[GNU_REAL_SIZE], "real size")
    }

    /// The first pieces of such a file, and whether a block of more follows.
    pub(super) fn pieces(&self) -> io::Result<(Vec<(u64, u64)>, bool)> {
        let is_extended = self.0[GNU_IS_EXTENDED] != 0;
        Ok((pieces(&self.0[GNU_SPARSE])?, is_extended))
    }
}

/// A block of more pieces, and whether another one follows.
pub(super) fn more_pieces(block: &[u8; BLOCK]) -> io::Result<(Vec<(u64, u64)>, bool)> {
    let is_extended = block[GNU_MORE_IS_EXTENDED] != 0;
    Ok((pieces(&block[GNU_MORE_SPARSE])?, is_extended))
}

fn pieces(bytes: &[u8]) -> io::Result<Vec<(u64, u64)>> {
    bytes
        .chunks_exact(PIECE)
        .map(|piece| piece.split_at(PIECE / 2))
        .filter(|(_, length)| length[0] != 0)
        .map(|(offset, length)| {
            let get = |field| size(field, "piece").map_err(|_| sparse::malformed());
            Ok((get(offset)?, get(length)?))
        })
        .collect()
}

fn size(field: &[u8], name: &str) -> io::Result<u64> {
    let found = match number(field) {
        Ok(number) => u64::try_from(number).ok(),
        Err(NoNumber::Blank) => Some(0),
        Err(NoNumber::Malformed) => None,
    };
    found.ok_or_else(|| {
        let what = format!("the {name} in a tar header is no number");
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// What stands before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

fn number(field: &[u8]) -> Result<i64, NoNumber> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return base_256(field).ok_or(NoNumber::Malformed);
    }
    // A NUL at the start is what some tools left of a field that the one before ran over.
    let start = field.iter().position(|byte| !b" \t\0".contains(byte));
    let digits = &field[start.ok_or(NoNumber::Blank)?..];
    let end = digits.iter().position(|byte| b" \0".contains(byte));
    let digits = &digits[..end.unwrap_or(digits.len())];
    let is_octal = |byte: &u8| (b'0'..=b'7').contains(byte);
    let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| unsigned.iter().all(is_octal))
        .and_then(|digits| i64::from_str_radix(digits, 8).ok())
        .ok_or(NoNumber::Malformed)
}

/// Two's complement of all bits but the first, which marks it.
fn base_256(field: &[u8]) -> Option<i64> {
    let is_negative = field.first()? & 0x40 != 0;
    let first = if is_negative { -1_i128 } else { 0 };
    // The longest field has 95 bits.
    let value = field
        .iter()
        .enumerate()
        .fold(first, |value, (place, byte)| {
            let byte = match (place, is_negative) {
                (0, false) => byte & 0x7f,
                _ => *byte,
            };
            value << 8 | i128::from(byte)
        });
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_dialect() {
        let table: [(&[u8], Result<i64, NoNumber>); 18] = [
            (b"0000644\0", Ok(0o644)),
            (b"   644 \0", Ok(0o644)),
            (b"644\0\0\0\0\0", Ok(0o644)),
            (b"644 \0\0\0\0", Ok(0o644)),
            (b"00000644", Ok(0o644)),
            (b"\x000000644", Ok(0o644)),
            (b"\0 644 \0\0", Ok(0o644)),
            (b"644\0junk", Ok(0o644)),
            (b"      -1", Ok(-1)),
            (b"        ", Err(NoNumber::Blank)),
            (b"\0\0\0\0\0\0\0\0", Err(NoNumber::Blank)),
            (b"  \0  \0  ", Err(NoNumber::Blank)),
            (b"0000648\0", Err(NoNumber::Malformed)),
            (b"rw-r--r-", Err(NoNumber::Malformed)),
            (b"\x80\0\0\0\0\0\x01\xa4", Ok(0o644)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Ok(-2)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Ok(i64::MAX)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", Err(NoNumber::Malformed)),
        ];
        for (field, value) in table {
            assert_eq!(number(field), value, "{}", field.escape_ascii());
        }
    }
}
