//! Records of PAX extended headers, as POSIX.1-2001 `pax` describes them, with GNU tar's records
//! for sparse files. A record is `LENGTH KEY=VALUE\n`; the length counts all of it, so values may
//! have any byte in them.

use std::io;

use rustix::fs::Timespec;

use super::pax_values::{malformed, number};
use super::sparse::Numbers;

/// Longest name that is kept, in bytes; Linux takes a sixteenth of that.
const MAX_NAME_BYTES: usize = 64 << 10;

/// The records that matter to unpacking.
#[derive(Clone, Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) linkpath: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<Timespec>,
    pub(super) sparse: Option<SparseRecords>,
}

/// `GNU.sparse.*`: versions 0.0 and 0.1 have their map here, 1.0 has it before the file's data.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseRecords {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) map: Numbers,
}

impl Pax {
    /// Takes an extended header's records over; later ones win, an empty value takes one back. A
    /// time that is none leaves the header's: GNU tar does so, and nobody loses a file by it.
    pub(super) fn apply(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        // Some tools fill up with NULs.
        while bytes.iter().any(|byte| *byte != 0) {
            let (key, value, rest) = record(bytes).ok_or_else(|| malformed("a record"))?;
            self.take(key, value)?;
            bytes = rest;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let some = (!value.is_empty()).then_some(value);
        match key {
            b"path" => self.path = some.map(name).transpose()?,
            b"linkpath" => self.linkpath = some.map(name).transpose()?,
            b"size" => self.size = some.map(number).transpose()?,
            b"mtime" => self.mtime = some.and_then(time),
            _ => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse
                        .get_or_insert_with(SparseRecords::default)
                        .take(key, value)?;
                }
            }
        }
        Ok(())
    }
}

impl SparseRecords {
    fn take(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match key {
            b"major" => self.major = number(value)?,
            b"minor" => self.minor = number(value)?,
            b"name" => self.name = Some(name(value)?),
            b"size" | b"realsize" => self.size = Some(number(value)?),
            b"offset" | b"numbytes" => self.map.push(number(value)?)?,
            b"map" => {
                self.map = Numbers::default();
                for value in value.split(|byte| *byte == b',') {
                    self.map.push(number(value)?)?;
                }
            }
            // `numblocks` says what the map's length says.
            _ => {}
        }
        Ok(())
    }
}

/// Key, value and what follows the first record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&bytes[..space]).ok()?).ok()?;
    let body = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    // GNU tar lets more than one blank stand before the key.
    let blanks = body.iter().take_while(|byte| b" \t".contains(byte)).count();
    let body = &body[blanks..];
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], &bytes[length..]))
}

fn name(value: &[u8]) -> io::Result<Vec<u8>> {
    match value.len() {
        0..=MAX_NAME_BYTES => Ok(value.to_vec()),
        _ => Err(malformed("a name")),
    }
}

/// Decimal seconds since the epoch, maybe negative, maybe with a fraction; digits beyond
/// nanoseconds are cut off towards the past.
fn time(text: &[u8]) -> Option<Timespec> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let whole = number(parts.next().unwrap_or_default()).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut nanoseconds = (0..9).fold(0, |sum, digit| {
        sum * 10 + i64::from(fraction.get(digit).map_or(0, |byte| byte - b'0'))
    });
    let mut seconds = i64::try_from(whole).ok()?;
    if negative {
        let more = fraction.iter().skip(9).any(|byte| *byte != b'0');
        nanoseconds += i64::from(more);
        seconds = -seconds;
        if nanoseconds > 0 {
            seconds -= 1;
            nanoseconds = 1_000_000_000 - nanoseconds;
        }
    }
    Some(Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> io::Result<Pax> {
        let mut pax = Pax::default();
        pax.apply(bytes)?;
        Ok(pax)
    }

    #[test]
    fn a_value_may_have_a_line_break() {
        let pax = parsed(b"12 path=a\nb\n20 linkpath=c=\n\n d\n\n").unwrap_or_default();
        assert_eq!(pax.path.as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(pax.linkpath.as_deref(), Some(&b"c=\n\n d\n"[..]));
    }

    #[test]
    fn times_keep_nanoseconds_on_both_sides_of_the_epoch() {
        let at = |text: &[u8]| time(text).map(|t| (t.tv_sec, t.tv_nsec));
        assert_eq!(
            at(b"1700000000.123456789"),
            Some((1_700_000_000, 123_456_789))
        );
        assert_eq!(at(b"5"), Some((5, 0)));
        assert_eq!(at(b"-1.5"), Some((-2, 500_000_000)));
        assert_eq!(at(b"1.0000000009"), Some((1, 0)));
        assert_eq!(at(b"-0.0000000001"), Some((-1, 999_999_999)));
        for none in [&b"1.x"[..], b"", b"now", b"99999999999999999999", b"1e9"] {
            assert_eq!(at(none), None);
        }
    }

    #[test]
    fn a_wrong_length_is_malformed() {
        assert!(parsed(b"99 path=a\n").is_err());
        assert!(parsed(b"3 path=a\n").is_err());
        assert!(parsed(b"x path=a\n").is_err());
    }
}
