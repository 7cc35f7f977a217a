//! Values of PAX records.

use std::io;

/// A decimal number.
///
/// # Errors
/// `InvalidData` for anything else.
pub(super) fn number(text: &[u8]) -> io::Result<u64> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("a number"))
}

pub(super) fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what} in a PAX header is malformed"),
    )
}
