//! Names in records: text where they are UTF-8, which nearly all are, else a list of their bytes.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};

/// Writes a name; for `serde(with = "bytes_text")`.
pub(crate) fn serialize<S: Serializer>(
    name: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let bytes = name.as_ref();
    match std::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => bytes.serialize(serializer),
    }
}

/// Reads one.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Name).map(T::from)
}

struct Name;

impl<'de> Visitor<'de> for Name {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name as text or as a list of bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Vec<u8>, A::Error> {
        let mut name = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            name.push(byte);
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Named {
        #[serde(with = "super")]
        name: Arc<[u8]>,
    }

    #[test]
    fn names_come_back_as_they_were_and_old_ones_are_text() {
        for name in [&b"plain"[..], "é".as_bytes(), b"latin\xe9", b"", b"\"\\\n"] {
            let named = Named { name: name.into() };
            let text = serde_json::to_string(&named).unwrap();
            assert_eq!(
                serde_json::from_str::<Named>(&text).unwrap(),
                named,
                "{text}"
            );
        }
        let old: Named = serde_json::from_str(r#"{"name": "a/b"}"#).unwrap();
        assert_eq!(&*old.name, b"a/b");
        assert!(serde_json::from_str::<Named>(r#"{"name": [256]}"#).is_err());
    }
}
