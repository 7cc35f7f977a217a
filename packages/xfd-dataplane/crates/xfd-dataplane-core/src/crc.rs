//! CRC-64/NVME, the checksum of every chunk, and the combining of checksums.
//!
//! Parameters: the Rocksoft model of the NVM Express NVM command set specification 1.0d, 5.2.1.3.4
//! (polynomial 0xAD93D23594C93659, reflected, initial value and final xor all ones). Check value
//! of "123456789": 0xAE8B14860A799888.

use crc_fast::{CrcAlgorithm, Digest};

/// A running CRC-64/NVME over bytes that arrive in order.
#[derive(Clone)]
pub struct Crc64 {
    digest: Digest,
}

impl Crc64 {
    /// Starts over nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            digest: Digest::new(CrcAlgorithm::Crc64Nvme),
        }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of all bytes so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.digest.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum of bytes at once.
#[must_use]
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

/// The checksum of two byte strings one after the other, from their checksums and the second's
/// length in bytes.
#[must_use]
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    crc_fast::checksum_combine(CrcAlgorithm::Crc64Nvme, first, second, second_len)
}

#[cfg(test)]
mod tests {
    use super::{Crc64, combine, crc64};

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        let mut crc = Crc64::new();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), crc64(b"123456789"));
        assert_eq!(
            combine(crc64(b"1234"), crc64(b"56789"), 5),
            crc64(b"123456789")
        );
    }
}
