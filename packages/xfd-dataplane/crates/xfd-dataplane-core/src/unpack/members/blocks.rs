//! Headers, extension headers and padding, block by block.

use std::io::{self, BufRead, Read};

use tar::Header;

use super::{BLOCK, Members, invalid, padding};

/// Longest PAX header or GNU long name that is read into memory; old sparse maps are the longest.
const MAX_HEADER_BYTES: u64 = 32 << 20;

impl Members<'_> {
    /// The next header; None at the end marker.
    pub(super) fn header(&mut self) -> io::Result<Option<Header>> {
        let bytes = match self.block() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.any => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "no end marker",
                ));
            }
            other => other?,
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = |range: std::ops::Range<usize>| -> u32 {
            bytes[range].iter().map(|byte| u32::from(*byte)).sum()
        };
        let mut header = Header::new_old();
        *header.as_mut_bytes() = bytes;
        // The field of the checksum itself counts as eight spaces.
        let sum = sum(0..148) + 8 * u32::from(b' ') + sum(156..BLOCK);
        if header.cksum().ok() != Some(sum) {
            return Err(invalid(if self.any {
                "a tar header's checksum is wrong"
            } else {
                "it is not a tar archive"
            }));
        }
        self.any = true;
        Ok(Some(header))
    }

    pub(super) fn long(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let mut bytes = self.extension(header)?;
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(bytes)
    }

    pub(super) fn extension(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.entry_size()?;
        if size > MAX_HEADER_BYTES {
            return Err(invalid("an extension header is too long"));
        }
        let mut bytes = Vec::new();
        self.piped.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.skip(padding(size))?;
        Ok(bytes)
    }

    pub(super) fn block(&mut self) -> io::Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.piped.read_exact(&mut block)?;
        Ok(block)
    }

    pub(super) fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let available = self.piped.fill_buf()?.len() as u64;
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let skipped = available.min(bytes);
            self.piped
                .consume(usize::try_from(skipped).unwrap_or(usize::MAX));
            bytes -= skipped;
        }
        Ok(())
    }

    /// Reads what follows the end marker, which has to be padding: anything else would be lost.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.piped.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(invalid("something follows the archive's end marker"));
            }
            let length = bytes.len();
            self.piped.consume(length);
        }
    }
}
