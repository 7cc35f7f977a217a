//! Documents of Blob Storage: a page of a list, an error. Pure, and as strict as those of S3.

use std::collections::HashMap;

use aws_smithy_types::date_time::Format;
use percent_encoding::percent_decode_str;

use super::super::super::pin::canonical;
use super::super::super::xml::{Broken, Event, walk};
use super::super::checksums::better;
use super::super::transport::{Reason, nanoseconds};
use crate::error::{Error, Kind, Result};
use crate::model::FoundObject;

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub objects: Vec<FoundObject>,
    /// What the next page is asked for by; None at the end.
    pub next: Option<String>,
}

/// The text of a blob's elements by name; `Encoded` where its name is escaped.
type Fields = HashMap<String, String>;

impl Page {
    /// # Errors
    /// `OriginAnswer` for what is no whole list.
    pub(super) fn read(document: &[u8]) -> Result<Self> {
        let mut root = String::new();
        let mut blobs: Vec<Fields> = Vec::new();
        let mut next = None;
        walk(document, |open, event| {
            match (open, event) {
                ([name], Event::Start) => root = (*name).to_owned(),
                ([_, "Blobs", "Blob"], Event::Start) => blobs.push(Fields::new()),
                ([_, "Blobs", "Blob", "Name"], Event::Attribute("Encoded", value)) => {
                    keep(&mut blobs, "Encoded", value.to_owned())?;
                }
                (
                    [_, "Blobs", "Blob", name] | [_, "Blobs", "Blob", "Properties", name],
                    Event::End(text),
                ) => keep(&mut blobs, name, text)?,
                ([_, "NextMarker"], Event::End(text)) => next = Some(text),
                _ => {}
            }
            Ok::<_, Broken>(())
        })
        .map_err(|Broken(why)| wrong(format!("The origin's list cannot be read: {why}")))?;
        if root != "EnumerationResults" {
            let what = format!("The origin answered a list with a document of the kind {root:?}");
            return Err(wrong(what));
        }
        let Some(next) = next else {
            return Err(wrong(
                "The origin's list does not say whether it is whole (NextMarker)",
            ));
        };
        Ok(Self {
            objects: blobs.iter().map(found).collect::<Result<_>>()?,
            next: Some(next).filter(|marker| !marker.is_empty()),
        })
    }
}

/// Of two fields that differ, either may be the one that is meant.
fn keep(blobs: &mut [Fields], name: &str, text: String) -> std::result::Result<(), Broken> {
    let Some(fields) = blobs.last_mut() else {
        return Ok(());
    };
    match fields.insert(name.to_owned(), text) {
        Some(before) if fields.get(name) != Some(&before) => {
            Err(Broken(format!("it has two of {name}, which differ")))
        }
        _ => Ok(()),
    }
}

fn found(fields: &Fields) -> Result<FoundObject> {
    let field = |name: &str| fields.get(name).map(String::as_str);
    let Some(name) = field("Name").filter(|name| !name.is_empty()) else {
        return Err(wrong("The origin lists an object without a name"));
    };
    let key = match field("Encoded") {
        // Written so where it has characters that XML has no place for.
        Some("true") => percent_decode_str(name)
            .decode_utf8()
            .map_err(|_| wrong(format!("The origin lists the key {name:?}, not UTF-8")))?
            .into_owned(),
        _ => name.to_owned(),
    };
    let size = field("Content-Length").map(str::trim);
    let Some(size) = size.and_then(|size| size.parse().ok()) else {
        let what = format!("The origin's list has an object of the size {size:?}");
        return Err(wrong(what).with_object(key));
    };
    let time = field("Last-Modified");
    let is_folder = field("ResourceType") == Some("directory");
    Ok(FoundObject {
        // An account with folders lists them among the blobs.
        key: match is_folder {
            true => format!("{key}/"),
            false => key,
        },
        size,
        etag: field("Etag").and_then(canonical),
        last_modified_ns: time.and_then(|time| nanoseconds(time, Format::HttpDate)),
        checksum: better(None, field("Content-MD5")),
        refused: None,
        location: None,
    })
}

/// Code and message of an error document, as far as the body is one.
pub(super) fn reason_of(body: &[u8]) -> Reason {
    let (mut code, mut message) = (None, None);
    // Some begin with a mark of their encoding.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // A document that breaks off may have named its code already.
    let _ = walk(body, |open, event| {
        match (open, event) {
            ([_, "Code"], Event::End(text)) => code = Some(text),
            ([_, "Message"], Event::End(text)) => {
                message = text.lines().next().map(str::to_owned);
            }
            _ => {}
        }
        Ok::<_, Broken>(())
    });
    (code, message)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(Kind::OriginAnswer, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "<Blob><Name>p/a &amp; b</Name><Properties>\
        <Creation-Time>Tue, 02 Jan 2024 03:04:04 GMT</Creation-Time>\
        <Last-Modified>Tue, 02 Jan 2024 03:04:05 GMT</Last-Modified><Etag>0x8D1</Etag>\
        <Content-Length>5</Content-Length><Content-MD5>XUFAKrxLKna5cZ2REBfFkg==</Content-MD5>\
        </Properties><OrMetadata/></Blob>";

    fn list(blobs: &str, end: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults \
             ServiceEndpoint=\"https://a\" ContainerName=\"c\"><Prefix>p/</Prefix>\
             <Blobs>{blobs}</Blobs>{end}</EnumerationResults>"
        )
    }

    #[test]
    fn a_page_has_blobs_and_how_to_go_on() {
        let page = Page::read(list(BLOB, "<NextMarker>m</NextMarker>").as_bytes()).unwrap();
        assert_eq!(page.next.as_deref(), Some("m"));
        let found = &page.objects[0];
        assert_eq!((found.key.as_str(), found.size), ("p/a & b", 5));
        assert_eq!(found.etag.as_deref(), Some("\"0x8D1\""));
        assert_eq!(found.last_modified_ns, Some(1_704_164_645_000_000_000));
        let md5 = "5d41402abc4b2a76b9719d911017c592";
        assert_eq!(found.checksum.as_ref().unwrap().value, md5);
        let last = Page::read(list("", "<NextMarker />").as_bytes()).unwrap();
        assert!(last.objects.is_empty() && last.next.is_none());
    }

    #[test]
    fn folders_and_escaped_names_are_read_as_they_are_meant() {
        let folder = BLOB.replace("<Etag>", "<ResourceType>directory</ResourceType><Etag>");
        let escaped = BLOB.replace("<Name>p/a &amp; b", "<Name Encoded=\"true\">p/%EF%BF%BE%20");
        for (blob, key) in [(folder, "p/a & b/"), (escaped, "p/\u{fffe} ")] {
            let page = Page::read(list(&blob, "<NextMarker/>").as_bytes()).unwrap();
            assert_eq!(page.objects[0].key, key);
        }
    }

    #[test]
    fn a_document_that_is_not_whole_or_of_another_kind_is_no_page() {
        let whole = list(BLOB, "<NextMarker/>");
        for cut in 0..whole.len() {
            assert!(Page::read(&whole.as_bytes()[..cut]).is_err(), "{cut}");
        }
        for body in [
            list(BLOB, ""),
            list(
                &BLOB.replace("<Content-Length>5</Content-Length>", ""),
                "<NextMarker/>",
            ),
            list(&BLOB.replace("Length>5<", "Length>five<"), "<NextMarker/>"),
            list(&BLOB.replace("p/a &amp; b", ""), "<NextMarker/>"),
            list(
                &BLOB.replace("<OrMetadata/>", "<Name>b</Name>"),
                "<NextMarker/>",
            ),
            "<ListBucketResult/>".to_owned(),
            "<html><body/></html>".to_owned(),
        ] {
            let error = Page::read(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind, Kind::OriginAnswer, "{body}");
        }
    }

    #[test]
    fn an_error_says_its_code_and_the_first_line_of_its_words() {
        let body = "\u{feff}<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code>\
                    <Message>The specified container does not exist.\nRequestId:1</Message></Error>";
        let (code, message) = reason_of(body.as_bytes());
        assert_eq!(code.as_deref(), Some("ContainerNotFound"));
        let words = "The specified container does not exist.";
        assert_eq!(message.as_deref(), Some(words));
        assert_eq!(reason_of(b"<html>"), (None, None));
    }
}
