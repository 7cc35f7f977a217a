//! One page of a list, read strictly. Pure.
//!
//! The SDK's reader takes a document that breaks off between two elements for a short one, and a
//! missing element for one that says "no". An incomplete list would pass for a complete one.

use std::collections::HashMap;

use super::super::xml::{Broken, Event, walk};

/// What is read of a page: of two that differ, either may be the one that is meant.
const ONCE: [&str; 9] = [
    "IsTruncated",
    "NextContinuationToken",
    "NextMarker",
    "KeyCount",
    "EncodingType",
    "Key",
    "Size",
    "ETag",
    "LastModified",
];

/// What a page says, in the words of the S3 API reference ("ListObjectsV2", "ListObjects").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The names of the fields of each `Contents`, and their text.
    pub objects: Vec<HashMap<String, String>>,
    /// Text of the fields of the page itself; of repeated ones, the last.
    fields: HashMap<String, String>,
    /// Groups of keys, which nobody asked for.
    pub groups: usize,
}

/// Why an answer is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    /// It is no XML document, or one that breaks off.
    Broken(String),
    /// A document of another kind, by the name of its root.
    Other(String),
}

impl From<Broken> for NoPage {
    fn from(Broken(why): Broken) -> Self {
        Self::Broken(why)
    }
}

impl Page {
    /// Reads a whole document.
    pub(super) fn read(body: &[u8]) -> Result<Self, NoPage> {
        let mut page = Self::default();
        walk(body, |open, event| match (open, event) {
            ([root], Event::Start) if *root != "ListBucketResult" => {
                Err(NoPage::Other((*root).to_owned()))
            }
            ([_, "Contents"], Event::Start) => {
                page.objects.push(HashMap::new());
                Ok(())
            }
            ([_, "CommonPrefixes"], Event::Start) => {
                page.groups += 1;
                Ok(())
            }
            (_, Event::Start | Event::Attribute(..)) => Ok(()),
            (_, Event::End(text)) => page.keep(open, text),
        })?;
        Ok(page)
    }

    /// Keeps the text of the innermost of the open elements.
    fn keep(&mut self, open: &[&str], text: String) -> Result<(), NoPage> {
        let (fields, name) = match (open, self.objects.last_mut()) {
            ([_, name], _) if *name != "Contents" => (&mut self.fields, *name),
            ([_, "Contents", name], Some(object)) => (object, *name),
            _ => return Ok(()),
        };
        match fields.insert((*name).to_owned(), text) {
            Some(before) if ONCE.contains(&name) && fields.get(name) != Some(&before) => Err(
                NoPage::Broken(format!("it has two of {name}, which differ")),
            ),
            _ => Ok(()),
        }
    }

    /// The text of a field that is there and not empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let text = self.fields.get(name)?;
        (!text.is_empty()).then_some(text.as_str())
    }

    /// Whether the answer is one of version 2: it has fields that version 1 does not have.
    pub(super) fn is_version_2(&self) -> bool {
        ["KeyCount", "NextContinuationToken", "ContinuationToken"]
            .iter()
            .any(|name| self.fields.contains_key(*name))
    }

    /// Whether keys are written as in an HTML form.
    pub(super) fn is_encoded(&self) -> bool {
        let word = self.field("EncodingType");
        word.is_some_and(|word| word.trim().eq_ignore_ascii_case("url"))
    }

    /// Whether a key has the character that stands for one that could not be written.
    pub(super) fn is_garbled(&self) -> bool {
        let keys = self.objects.iter().filter_map(|object| object.get("Key"));
        keys.into_iter().any(|key| key.contains('\u{fffd}'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(body: &str) -> Result<String, NoPage> {
        Page::read(body.as_bytes()).map(|page| page.objects[0]["Key"].clone())
    }

    #[test]
    fn text_is_read_as_it_was_meant() {
        for (written, key) in [
            ("a/b", "a/b"),
            (" a ", " a "),
            ("a&amp;b&lt;&#x41;&#233;", "a&b<Aé"),
            ("<![CDATA[a&b]]>", "a&b"),
            ("&#1;", "\u{1}"),
        ] {
            let body = format!(
                "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3\"><Contents>\n\
                 <Owner><ID>x</ID></Owner><Key>{written}</Key></Contents></ListBucketResult>\n"
            );
            assert_eq!(key_of(&body).as_deref(), Ok(key));
        }
    }

    #[test]
    fn a_document_that_is_not_whole_or_of_another_kind_is_no_page() {
        let whole = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key>\
                     </Contents></ListBucketResult>";
        assert!(Page::read(whole.as_bytes()).is_ok());
        for cut in 0..whole.len() {
            assert!(Page::read(&whole.as_bytes()[..cut]).is_err(), "{cut}");
        }
        for (body, root) in [
            ("<html><body/></html>", "html"),
            ("<Error><Code>SlowDown</Code></Error>", "Error"),
            ("<ListAllMyBucketsResult/>", "ListAllMyBucketsResult"),
        ] {
            let error = Page::read(body.as_bytes()).unwrap_err();
            assert_eq!(error, NoPage::Other(root.to_owned()));
        }
        for body in [
            "{}",
            "<ListBucketResult></Contents>",
            "<ListBucketResult><Key>a</Size></ListBucketResult>",
            "<ListBucketResult><Key>&nothing;</Key></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated><IsTruncated>false</IsTruncated>\
             </ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Key>b</Key></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Size>1</Size><Size>2</Size></Contents>\
             </ListBucketResult>",
        ] {
            let error = Page::read(body.as_bytes()).unwrap_err();
            assert!(matches!(error, NoPage::Broken(_)), "{body}: {error:?}");
        }
    }
}
