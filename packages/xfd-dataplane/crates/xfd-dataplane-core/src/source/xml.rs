//! Reads a store's XML documents strictly.
//!
//! The SDK's reader takes a document that breaks off between two elements for a whole one. This
//! one reports every element, and an error unless the document is well nested and complete.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) String);

impl From<&str> for Broken {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// What happens to the innermost element.
pub(super) enum Event<'a> {
    /// It opens.
    Start,
    /// It has an attribute of this name and value, as they are written.
    Attribute(&'a str, &'a str),
    /// It closes; its own text, with references resolved, without the text of its children.
    End(String),
}

/// Calls `on` for each element that opens or closes, with the names of all open elements from the
/// root to it. Namespace prefixes are left out.
///
/// # Errors
/// `Broken` if the body is not one complete UTF-8 document; whatever `on` returns.
pub(super) fn walk<E: From<Broken>>(
    body: &[u8],
    mut on: impl FnMut(&[&str], Event<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let text = std::str::from_utf8(body).map_err(|_| Broken::from("it is not UTF-8"))?;
    let mut open: Vec<&str> = Vec::new();
    let mut content = String::new();
    let mut has_root = false;
    for token in Tokenizer::from(text) {
        match token.map_err(|error| Broken(error.to_string()))? {
            Token::ElementStart { local, .. } => {
                open.push(local.as_str());
                content.clear();
                on(&open, Event::Start)?;
            }
            Token::Attribute { local, value, .. } => {
                on(&open, Event::Attribute(local.as_str(), value.as_str()))?;
            }
            Token::Text { text } => content.push_str(&unescape(text.as_str())?),
            Token::Cdata { text, .. } => content.push_str(text.as_str()),
            Token::ElementEnd { end, .. } => {
                match end {
                    ElementEnd::Open => continue,
                    ElementEnd::Close(_, local) if open.last() != Some(&local.as_str()) => {
                        return Err(Broken(format!("</{local}> closes another element")).into());
                    }
                    ElementEnd::Close(..) | ElementEnd::Empty => {}
                }
                on(&open, Event::End(std::mem::take(&mut content)))?;
                open.pop();
                has_root |= open.is_empty();
            }
            _ => {}
        }
    }
    match has_root && open.is_empty() {
        true => Ok(()),
        false => Err(Broken::from("it breaks off").into()),
    }
}

/// Resolves the references in a text (XML 1.0, 4.1 and 4.6).
fn unescape(text: &str) -> Result<String, Broken> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let end = rest[at..].find(';').map(|end| at + end);
        let character = end.and_then(|end| character_of(&rest[at + 1..end]));
        let (Some(end), Some(character)) = (end, character) else {
            return Err(Broken::from("it has a reference to nothing"));
        };
        plain.push(character);
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    Ok(plain)
}

/// The character that a reference names, without its `&` and `;`.
fn character_of(reference: &str) -> Option<char> {
    let number = match reference {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => reference.strip_prefix('#')?,
    };
    let code = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Result<Vec<(String, String)>, Broken> {
        let mut texts = Vec::new();
        walk(body.as_bytes(), |open, event| {
            if let Event::End(text) = event {
                texts.push((open.join("/"), text));
            }
            Ok::<_, Broken>(())
        })?;
        Ok(texts)
    }

    #[test]
    fn each_element_is_reported_with_its_path_and_text() {
        let texts = texts("<?xml version=\"1.0\"?><a xmlns=\"x\"><s:b>1 &lt; 2</s:b><c/></a>");
        let expected = [("a/b", "1 < 2"), ("a/c", ""), ("a", "")];
        assert_eq!(
            texts.unwrap(),
            expected.map(|(path, text)| (path.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn a_document_that_is_not_whole_is_broken() {
        for body in [
            "",
            "{}",
            "<a>",
            "<a></b>",
            "</a>",
            "<a><b></a></b>",
            "<a>&nothing;</a>",
            "<a>&#xd800;</a>",
        ] {
            assert!(texts(body).is_err(), "{body}");
        }
    }
}
