//! Checksums of whole objects, as the stores write them: in base 64. Pure.

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::base64;

use crate::model::{Checksum, ChecksumAlgorithm};

/// Of Google: `crc32c=…,md5=…`, in one header or in several.
pub(super) fn of_google(headers: &Headers) -> Option<Checksum> {
    let all = headers.get_all("x-goog-hash").flat_map(|it| it.split(','));
    let (mut crc32c, mut md5) = (None, None);
    for (name, value) in all.filter_map(|each| each.trim().split_once('=')) {
        match name {
            "crc32c" => crc32c = Some(value),
            "md5" => md5 = Some(value),
            _ => {}
        }
    }
    better(crc32c, md5)
}

/// Of Azure: the MD5 of the whole blob, as whoever wrote it gave it. An answer with a range has it
/// under another name.
pub(super) fn of_azure(headers: &Headers) -> Option<Checksum> {
    better(None, headers.get("content-md5"))
}

/// The better one of two. A composed object of Google has no MD5.
pub(super) fn better(crc32c: Option<&str>, md5: Option<&str>) -> Option<Checksum> {
    let given = [
        (ChecksumAlgorithm::Crc32c, crc32c, 4),
        (ChecksumAlgorithm::Md5, md5, 16),
    ];
    given.into_iter().find_map(|(algorithm, value, length)| {
        let bytes = base64::decode(value?.trim()).ok()?;
        (bytes.len() == length).then(|| Checksum {
            algorithm,
            value: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_checksum_is_read_from_one_header_or_several() {
        let crc = Some((ChecksumAlgorithm::Crc32c, "9a71bb4c".to_owned()));
        let value = "5d41402abc4b2a76b9719d911017c592".to_owned();
        let md5 = Some((ChecksumAlgorithm::Md5, value));
        for (written, expected) in [
            (&["crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg=="][..], &crc),
            (&["md5=XUFAKrxLKna5cZ2REBfFkg==", "crc32c=mnG7TA=="], &crc),
            (&["md5=XUFAKrxLKna5cZ2REBfFkg=="], &md5),
            (&["crc32c=mnG7,md5=XUFAKrxLKna5cZ2REBfFkg=="], &md5),
            (&["crc32c=mnG7"], &None),
            (&["crc32c"], &None),
            (&[], &None),
        ] {
            let mut headers = Headers::new();
            for value in written {
                headers.append("x-goog-hash", *value);
            }
            let found = of_google(&headers).map(|it| (it.algorithm, it.value));
            assert_eq!(found, *expected, "{written:?}");
        }
        for (written, expected) in [
            ("XUFAKrxLKna5cZ2REBfFkg==", &md5),
            ("mnG7TA==", &None),
            ("?", &None),
        ] {
            let mut headers = Headers::new();
            headers.insert("content-md5", written);
            let found = of_azure(&headers).map(|it| (it.algorithm, it.value));
            assert_eq!(found, *expected, "{written:?}");
        }
    }
}
