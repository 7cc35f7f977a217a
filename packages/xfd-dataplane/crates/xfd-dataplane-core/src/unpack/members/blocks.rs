//! Headers, extension headers and padding, block by block.

use std::io::{self, BufRead, Read};

use super::{BLOCK, Header, Members, invalid, padding};

/// Longest PAX header that is read into memory: maps of sparse files and extended attributes are
/// the longest.
const MAX_HEADER_BYTES: u64 = 16 << 20;

impl Members<'_> {
    /// The next header; None at the end marker, or where the stream ends between two members, as
    /// that of some tools does.
    pub(super) fn header(&mut self) -> io::Result<Option<Header>> {
        if self.any && self.piped.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::new(block).ok_or_else(|| {
            invalid(if self.any {
                "a tar header's checksum is wrong"
            } else {
                "it is not a tar archive"
            })
        })?;
        self.any = true;
        Ok(Some(header))
    }

    /// A GNU long name. It ends at its first NUL: some tools write several.
    pub(super) fn long(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let mut bytes = self.extension(header)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.unwrap_or(bytes.len()));
        Ok(bytes)
    }

    pub(super) fn extension(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.size()?;
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

    /// Reads what follows the end marker. Tools leave it alone, and some fill their last record
    /// with whatever was in memory. A second archive is refused: tools would leave its files out
    /// without a word.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            let mut block = [0; BLOCK];
            let mut length = 0;
            while length < BLOCK {
                let bytes = self.piped.fill_buf()?;
                if bytes.is_empty() {
                    return Ok(());
                }
                let taken = bytes.len().min(BLOCK - length);
                block[length..length + taken].copy_from_slice(&bytes[..taken]);
                self.piped.consume(taken);
                length += taken;
            }
            if block.iter().any(|byte| *byte != 0) && Header::new(block).is_some() {
                return Err(invalid(
                    "another archive follows its end marker, and would be lost",
                ));
            }
        }
    }
}
