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
///
/// The first one is moved over the second's bits, a multiplication by x^(8 length) modulo the
/// polynomial; initial value and final xor cancel out. The power comes from its binary digits and a
/// table of x^(2^n), as in `crc32_combine` of zlib 1.2.12. Packs combine a checksum for each small
/// file, so this has to cost less than reading one.
#[must_use]
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    if first == 0 {
        return second;
    }
    let mut moved = first;
    let mut digits = second_len;
    // A byte has 2^3 bits; no length has a digit that leads beyond the table.
    let mut power = 3;
    while digits != 0 {
        if digits & 1 == 1 {
            moved = multiply(moved, POWERS[power % 64]);
        }
        digits >>= 1;
        power += 1;
    }
    moved ^ second
}

/// The polynomial with its bits reversed: the highest bit is the coefficient of x^0.
const POLYNOMIAL: u64 = 0xAD93_D235_94C9_3659_u64.reverse_bits();

/// x^(2^n) modulo the polynomial.
const POWERS: [u64; 64] = {
    let mut powers = [1 << 62; 64];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = multiply(powers[place - 1], powers[place - 1]);
        place += 1;
    }
    powers
};

/// The product of two polynomials modulo the polynomial.
const fn multiply(one: u64, mut other: u64) -> u64 {
    let mut product = 0;
    let mut left = one;
    while left != 0 {
        // All ones where the coefficient is 1.
        product ^= other & (left >> 63).wrapping_neg();
        left <<= 1;
        other = (other >> 1) ^ (POLYNOMIAL & (other & 1).wrapping_neg());
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn combining_over_any_length_is_as_the_library_does_it() {
        let library = |first, second, length| {
            crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc64Nvme, first, second, length)
        };
        for digit in 0..45 {
            let length = 1_u64 << digit;
            for length in [length - 1, length, length + 1] {
                assert_eq!(combine(17, 4, length), library(17, 4, length), "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_combined_checksum_is_that_of_the_bytes(
            first in proptest::collection::vec(any::<u8>(), 0..2000),
            second in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let both = [first.as_slice(), &second].concat();
            let combined = combine(crc64(&first), crc64(&second), second.len() as u64);
            prop_assert_eq!(combined, crc64(&both));
        }
    }
}
