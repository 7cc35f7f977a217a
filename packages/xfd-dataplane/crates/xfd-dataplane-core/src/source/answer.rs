//! Which bytes an HTTP answer carries, for S3 and plain web servers alike. Pure.

use std::ops::Range;

use aws_smithy_runtime_api::http::Headers;

use super::origin::Get;
use crate::error::{Error, Kind, Result};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Bytes wanted; None for all of the object.
    pub range: Option<&'a Range<u64>>,
    /// The object's size as it was found; None where nobody has asked for it yet.
    pub size: Option<u64>,
}

/// What an answer's head says of its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head<'a> {
    /// HTTP status.
    pub status: u16,
    /// Number of the body's bytes.
    pub content_length: Option<u64>,
    /// Value of the Content-Range header.
    pub content_range: Option<&'a str>,
    /// Value of the Content-Encoding header.
    pub content_encoding: Option<&'a str>,
    /// Value of the Content-Type header.
    pub content_type: Option<&'a str>,
}

/// Where the wanted bytes lie in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes before them.
    pub skip: u64,
    /// Their number; None for everything up to an end that is not known.
    pub take: Option<u64>,
    /// Whether the body has to end with them.
    pub is_all: bool,
}

impl Window {
    /// Of the bytes that a GET asked for, in an answer with a status and these headers.
    ///
    /// # Errors
    /// `OriginAnswer` and `ObjectChanged`: see [`Head::window`].
    pub(super) fn of(get: &Get<'_>, status: u16, headers: &Headers) -> Result<Self> {
        Head::of(status, headers)?.window(Asked {
            range: get.range.as_ref(),
            size: get.size,
        })
    }
}

impl<'a> Head<'a> {
    /// Of an answer with a status and these headers.
    ///
    /// # Errors
    /// `OriginAnswer` for a Content-Length that is no number.
    pub(super) fn of(status: u16, headers: &'a Headers) -> Result<Self> {
        let length = headers.get("content-length").map(|it| it.trim().parse());
        let length = length
            .transpose()
            .map_err(|_| wrong("The origin's Content-Length is no number".to_owned()))?;
        Ok(Self {
            status,
            content_length: length,
            content_range: headers.get("content-range"),
            content_encoding: headers.get("content-encoding"),
            content_type: headers.get("content-type"),
        })
    }

    /// Finds the wanted bytes.
    ///
    /// * A server may ignore a Range header (RFC 9110, 14.2) and send all of the object, with
    ///   status 200; the range is then cut out of it. A 206 has to carry exactly the range asked
    ///   for.
    /// * Whatever an answer says of the whole object's size has to be the size that was found. What
    ///   was found is never cut out of something larger, nor taken from something smaller.
    /// * A body of unknown length has to end with the object's last byte.
    /// * An encoded body is taken as it is stored: nothing here decodes one, and one of another
    ///   size is refused as any other is.
    ///
    /// # Errors
    /// `OriginAnswer` if the answer cannot hold what was asked for; it names both sizes.
    pub(super) fn window(self, asked: Asked<'_>) -> Result<Window> {
        match (asked.range, self.content_range, self.status) {
            (None, Some(range), _) => Err(wrong(format!(
                "The origin sent the range {range:?} where all was asked for"
            ))),
            (None, None, 200) => self.all(asked.size),
            (Some(range), Some(sent), 200 | 206) => self.part(range, sent, asked.size),
            (Some(range), None, 200) => self.slice(range, asked.size),
            (_, None, 206) => Err(self.without_range()),
            (_, _, status) => Err(wrong(format!(
                "The origin answered with status {status} where an object's bytes were asked for"
            ))),
        }
    }

    fn all(self, size: Option<u64>) -> Result<Window> {
        self.compare(self.content_length, size)?;
        Ok(Window {
            skip: 0,
            take: size.or(self.content_length),
            is_all: true,
        })
    }

    fn part(self, asked: &Range<u64>, sent: &str, size: Option<u64>) -> Result<Window> {
        let (sent, total) = parse_content_range(sent)?;
        self.compare(total, size)?;
        if sent != *asked {
            return Err(wrong(format!(
                "The origin sent bytes {} to {} where {} to {} were asked for",
                sent.start, sent.end, asked.start, asked.end
            )));
        }
        let wanted = asked.end - asked.start;
        if let Some(length) = self.content_length.filter(|length| *length != wanted) {
            return Err(wrong(format!(
                "The origin's Content-Length is {length} where its Content-Range has {wanted} bytes"
            )));
        }
        Ok(Window {
            skip: 0,
            take: Some(wanted),
            is_all: true,
        })
    }

    fn slice(self, asked: &Range<u64>, size: Option<u64>) -> Result<Window> {
        self.compare(self.content_length, size)?;
        let size = size.or(self.content_length);
        if let Some(size) = size.filter(|size| *size < asked.end) {
            return Err(wrong(format!(
                "The object ends at byte {size}, before byte {}, which was asked for",
                asked.end
            )));
        }
        Ok(Window {
            skip: asked.start,
            take: Some(asked.end - asked.start),
            // Else the rest is not read: the body of the object's last byte shows whether it ends.
            is_all: size == Some(asked.end),
        })
    }

    /// Compares the whole object's size in this answer with the one that was found.
    fn compare(self, reported: Option<u64>, found: Option<u64>) -> Result<()> {
        let mut error = match check_size(reported, found) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let encoding = self.content_encoding.map(str::trim);
        if let Some(encoding) = encoding.filter(|it| !it.eq_ignore_ascii_case("identity")) {
            error.what = format!("{}, with the Content-Encoding {encoding:?}", error.what);
        }
        Err(error)
    }

    fn without_range(self) -> Error {
        let media = self.content_type.unwrap_or_default().trim_start();
        wrong(match media.to_ascii_lowercase().starts_with("multipart/") {
            true => format!("The origin sent {media:?} where one range was asked for"),
            false => "The origin sent a part and does not say which (Content-Range)".to_owned(),
        })
    }
}

/// Compares the size of an object in an answer with the one that was found.
///
/// # Errors
/// `OriginAnswer`, which names both.
pub(super) fn check_size(reported: Option<u64>, found: Option<u64>) -> Result<()> {
    match (reported, found) {
        (Some(reported), Some(found)) if reported != found => Err(wrong(format!(
            "The origin answers with an object of {reported} bytes, and it was found with {found}"
        ))
        .with_remedy(OTHER_SIZE)),
        _ => Ok(()),
    }
}

/// What to do about an object that has another size than it was found with.
pub(super) const OTHER_SIZE: &str = "If the object was overwritten meanwhile, start again; \
    otherwise the store, or a proxy before it, answers with something else: fetch it by hand and look";

fn wrong(what: String) -> Error {
    Error::new(Kind::OriginAnswer, what)
}

/// Reads `bytes 0-9/100`; the whole size is None where it is `*`.
///
/// # Errors
/// `OriginAnswer` for anything else.
pub(super) fn parse_content_range(header: &str) -> Result<(Range<u64>, Option<u64>)> {
    let parse = || {
        let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let range = first.trim().parse().ok()?..last.trim().parse::<u64>().ok()?.checked_add(1)?;
        if size == "*" {
            return Some((range, None));
        }
        Some((range, Some(size.trim().parse().ok()?)))
    };
    parse().ok_or_else(|| wrong(format!("The Content-Range {header:?} cannot be read")))
}

/// The Range header of a range that is not empty.
pub(super) fn range_header(range: Option<&Range<u64>>) -> Option<String> {
    range
        .filter(|range| !range.is_empty())
        .map(|range| format!("bytes={}-{}", range.start, range.end - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an object of 100 bytes.
    fn window(range: Option<Range<u64>>, head: Head<'_>) -> Result<(u64, Option<u64>, bool)> {
        let asked = Asked {
            range: range.as_ref(),
            size: Some(100),
        };
        let window = head.window(asked)?;
        Ok((window.skip, window.take, window.is_all))
    }

    fn head(status: u16, length: Option<u64>, range: Option<&str>) -> Head<'_> {
        Head {
            status,
            content_length: length,
            content_range: range,
            ..Head::default()
        }
    }

    #[test]
    fn an_answer_that_holds_what_was_asked_for_is_taken() {
        for (range, head, expected) in [
            (
                Some(10..20),
                head(206, Some(10), Some("bytes 10-19/100")),
                (0, Some(10), true),
            ),
            (
                Some(10..20),
                head(206, None, Some("bytes 10-19/*")),
                (0, Some(10), true),
            ),
            // Not as it should be, and clear.
            (
                Some(10..20),
                head(200, Some(10), Some("bytes 10-19/100")),
                (0, Some(10), true),
            ),
            // A server that knows no ranges. The object's end shows whether it is all.
            (
                Some(10..20),
                head(200, Some(100), None),
                (10, Some(10), false),
            ),
            (Some(10..20), head(200, None, None), (10, Some(10), false)),
            (Some(90..100), head(200, None, None), (90, Some(10), true)),
            (
                Some(0..100),
                head(200, Some(100), None),
                (0, Some(100), true),
            ),
            (None, head(200, Some(100), None), (0, Some(100), true)),
            (None, head(200, None, None), (0, Some(100), true)),
        ] {
            assert_eq!(
                window(range.clone(), head),
                Ok(expected),
                "{range:?} {head:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_holds_something_else_is_refused() {
        for (range, head) in [
            // Another range, or one that is not known.
            (Some(10..20), head(206, Some(10), Some("bytes 0-9/100"))),
            (Some(10..20), head(206, Some(11), Some("bytes 10-20/100"))),
            (Some(10..20), head(206, Some(9), Some("bytes 10-18/100"))),
            (Some(10..20), head(206, Some(9), Some("bytes 10-19/100"))),
            (Some(10..20), head(206, None, Some("10-19"))),
            (Some(10..20), head(206, None, Some("bytes */100"))),
            (Some(10..20), head(206, None, Some("bytes 19-10/100"))),
            (
                Some(10..20),
                head(206, None, Some("bytes 10-18446744073709551615/*")),
            ),
            (Some(10..20), head(206, Some(10), None)),
            (None, head(206, Some(100), None)),
            (None, head(206, Some(100), Some("bytes 0-99/100"))),
            (None, head(200, Some(10), Some("bytes 0-9/100"))),
            // No success that has an object's bytes.
            (None, head(203, Some(100), None)),
            (None, head(204, None, None)),
            (Some(10..20), head(202, Some(100), None)),
        ] {
            let error = window(range.clone(), head).unwrap_err();
            assert_eq!(error.kind, Kind::OriginAnswer, "{range:?} {head:?}");
        }
        let parts = Head {
            content_type: Some("multipart/byteranges; boundary=x"),
            ..head(206, Some(200), None)
        };
        let error = window(Some(10..20), parts).unwrap_err();
        assert!(error.what.contains("multipart/byteranges"), "{error}");
    }

    #[test]
    fn an_answer_about_an_object_of_another_size_is_refused_with_both_sizes() {
        for (range, head) in [
            (Some(10..20), head(206, Some(10), Some("bytes 10-19/200"))),
            (Some(10..20), head(206, Some(10), Some("bytes 10-19/20"))),
            (Some(10..20), head(200, Some(200), None)),
            (Some(10..20), head(200, Some(20), None)),
            (Some(0..100), head(200, Some(200), None)),
            (None, head(200, Some(200), None)),
            (None, head(200, Some(20), None)),
            (None, head(200, Some(0), None)),
        ] {
            let reported = match (head.content_range, head.content_length) {
                (Some(range), _) => range.split_once('/').unwrap().1.to_owned(),
                (None, length) => length.unwrap().to_string(),
            };
            let error = window(range.clone(), head).unwrap_err();
            assert_eq!(error.kind, Kind::OriginAnswer);
            let names = |size: &str| error.what.contains(&format!(" {size}"));
            assert!(
                names(&reported) && names("100"),
                "{range:?} {head:?}: {error}"
            );
        }
        let zipped = Head {
            content_encoding: Some("gzip"),
            ..head(200, Some(40), None)
        };
        let error = window(None, zipped).unwrap_err();
        assert!(error.what.contains("gzip"), "{error}");
    }
}
