//! The checksum of a whole object, from an answer to HeadObject or the headers of GetObject.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumType, ServerSideEncryption};
use aws_smithy_runtime_api::http::Headers;

use crate::model::{Checksum, ChecksumAlgorithm};

/// What an answer says of the whole object's checksum.
pub(super) struct Reported<'a> {
    is_composite: bool,
    /// Algorithm, value in base 64, and its length in bytes; the better ones first.
    values: [(ChecksumAlgorithm, Option<&'a str>, usize); 4],
    etag: Option<&'a str>,
    /// Whether the object is encrypted with a key that is not the store's own.
    has_own_key: bool,
}

impl<'a> From<&'a HeadObjectOutput> for Reported<'a> {
    fn from(answer: &'a HeadObjectOutput) -> Self {
        Self {
            is_composite: answer.checksum_type() == Some(&ChecksumType::Composite),
            values: [
                (
                    ChecksumAlgorithm::Crc64Nvme,
                    answer.checksum_crc64_nvme(),
                    8,
                ),
                (ChecksumAlgorithm::Crc32c, answer.checksum_crc32_c(), 4),
                (ChecksumAlgorithm::Crc32, answer.checksum_crc32(), 4),
                (ChecksumAlgorithm::Sha256, answer.checksum_sha256(), 32),
            ],
            etag: answer.e_tag(),
            has_own_key: answer.sse_customer_algorithm().is_some()
                || answer
                    .server_side_encryption()
                    .is_some_and(|it| *it != ServerSideEncryption::Aes256),
        }
    }
}

/// The headers themselves, as the S3 API reference names them under GetObject.
impl<'a> From<&'a Headers> for Reported<'a> {
    fn from(headers: &'a Headers) -> Self {
        let value = |name| headers.get(name);
        Self {
            is_composite: value("x-amz-checksum-type") == Some(ChecksumType::Composite.as_str()),
            values: [
                (
                    ChecksumAlgorithm::Crc64Nvme,
                    value("x-amz-checksum-crc64nvme"),
                    8,
                ),
                (ChecksumAlgorithm::Crc32c, value("x-amz-checksum-crc32c"), 4),
                (ChecksumAlgorithm::Crc32, value("x-amz-checksum-crc32"), 4),
                (
                    ChecksumAlgorithm::Sha256,
                    value("x-amz-checksum-sha256"),
                    32,
                ),
            ],
            etag: value("etag"),
            has_own_key: value("x-amz-server-side-encryption-customer-algorithm").is_some()
                || value("x-amz-server-side-encryption")
                    .is_some_and(|it| it != ServerSideEncryption::Aes256.as_str()),
        }
    }
}

/// The best checksum of the whole object, if there is one.
///
/// The checksum of a multi-part upload may be one of its parts' checksums (COMPOSITE, written with
/// a dash and the number of parts), which says nothing about the bytes by itself. An ETag is the
/// MD5 of the bytes only for an object uploaded in one part and encrypted, if at all, with the
/// store's own keys (S3 user guide, "Checking object integrity").
pub(super) fn find_checksum<'a>(answer: impl Into<Reported<'a>>) -> Option<Checksum> {
    let reported = answer.into();
    let given = reported
        .values
        .into_iter()
        .find_map(|(algorithm, value, length)| {
            let value = value.filter(|_| !reported.is_composite)?;
            let bytes = aws_smithy_types::base64::decode(value).ok()?;
            (bytes.len() == length).then(|| Checksum {
                algorithm,
                value: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            })
        });
    given.or_else(|| find_md5(&reported))
}

fn find_md5(reported: &Reported<'_>) -> Option<Checksum> {
    if reported.has_own_key {
        return None;
    }
    let value = reported.etag?.trim_matches('"');
    let is_md5 = value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_md5.then(|| Checksum {
        algorithm: ChecksumAlgorithm::Md5,
        value: value.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

    fn found(head: HeadObjectOutput) -> Option<(ChecksumAlgorithm, String)> {
        find_checksum(&head).map(|checksum| (checksum.algorithm, checksum.value))
    }

    #[test]
    fn a_full_object_crc_is_preferred_and_given_in_hexadecimal() {
        let head = HeadObjectOutput::builder()
            .e_tag(MD5)
            .checksum_crc64_nvme("rosUhgp5mIg=")
            .checksum_crc32("y/Q5Jg==")
            .checksum_type(ChecksumType::FullObject)
            .build();
        let expected = (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888".to_owned());
        assert_eq!(found(head), Some(expected));
    }

    #[test]
    fn a_composite_checksum_is_none() {
        let head = HeadObjectOutput::builder()
            .e_tag("\"5d41402abc4b2a76b9719d911017c592-2\"")
            .checksum_crc32_c("y/Q5Jg==-2")
            .checksum_type(ChecksumType::Composite)
            .build();
        assert_eq!(found(head), None);
    }

    #[test]
    fn an_etag_is_an_md5_unless_a_key_of_the_customer_was_used() {
        let plain = HeadObjectOutput::builder().e_tag(MD5).build();
        assert_eq!(found(plain).map(|it| it.0), Some(ChecksumAlgorithm::Md5));
        let kms = HeadObjectOutput::builder()
            .e_tag(MD5)
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .build();
        assert_eq!(found(kms), None);
    }
}
