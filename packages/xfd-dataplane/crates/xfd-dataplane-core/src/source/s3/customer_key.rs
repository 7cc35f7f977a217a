//! Keys that objects are encrypted with by their owner (SSE-C): S3 user guide, "Using server-side
//! encryption with customer-provided keys".
//!
//! The key goes with each HEAD and GET of an object, and with no list. The store does not keep it.

use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use md5::{Digest, Md5};
use url::{Host, Url};

use crate::error::{Error, Kind, Result};
use crate::model::Secret;

const KEY_MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

/// A key, as it is sent.
#[derive(Clone, Debug)]
pub(super) struct CustomerKey {
    key: Secret,
    md5: String,
}

impl CustomerKey {
    pub(super) const ALGORITHM: &str = "AES256";

    /// The key, in base 64.
    ///
    /// # Errors
    /// `InvalidRequest` if it is not 32 bytes in base 64.
    pub(super) fn new(key: &Secret) -> Result<Self> {
        let bytes = aws_smithy_types::base64::decode(&key.0).ok();
        let Some(bytes) = bytes.filter(|bytes| bytes.len() == 32) else {
            let what = "sse_customer_key is not 32 bytes in base64";
            return Err(Error::new(Kind::InvalidRequest, what));
        };
        Ok(Self {
            key: key.clone(),
            md5: aws_smithy_types::base64::encode(Md5::digest(bytes)),
        })
    }

    pub(super) fn key(&self) -> &str {
        &self.key.0
    }

    pub(super) fn md5(&self) -> &str {
        &self.md5
    }

    /// The headers of a HEAD or a GET.
    pub(super) fn headers(&self) -> [(&'static str, &str); 3] {
        [
            (
                "x-amz-server-side-encryption-customer-algorithm",
                Self::ALGORITHM,
            ),
            ("x-amz-server-side-encryption-customer-key", self.key()),
            (KEY_MD5, self.md5()),
        ]
    }
}

/// Removes a header of answers that only repeats the request. SeaweedFS sends it twice, which the
/// SDK takes for no answer at all.
#[derive(Debug)]
pub(super) struct WithoutEcho;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for WithoutEcho {
    fn name(&self) -> &'static str {
        "WithoutEcho"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        context.response_mut().headers_mut().remove(KEY_MD5);
        Ok(())
    }
}

/// Refuses to send a key over a connection that others can read. `is_named`: the configuration
/// itself names the endpoint, with its `http://`.
///
/// # Errors
/// `InvalidRequest`.
pub(super) fn check_endpoint(endpoint: Option<&str>, is_named: bool) -> Result<()> {
    let Some(url) = endpoint.and_then(|endpoint| Url::parse(endpoint).ok()) else {
        return Ok(());
    };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "http" || is_here || is_named {
        return Ok(());
    }
    let what =
        "sse_customer_key would be sent unencrypted: the endpoint of the environment is http";
    Err(Error::new(Kind::InvalidRequest, what)
        .with_remedy("Set an https endpoint, or name the http endpoint in make_for_s3"))
}

/// Says what an answer means for a key: `has_key` tells whether one was sent.
pub(super) fn explained(error: Error, has_key: bool) -> Error {
    let speaks_of_keys = ["Server Side Encryption", "encryption parameters"]
        .iter()
        .any(|words| error.what.contains(words));
    match (error.kind, has_key) {
        (Kind::AccessDenied, true) => error.with_remedy(
            "Check that sse_customer_key is the object's key, and the rights of the access key",
        ),
        (Kind::OriginAnswer | Kind::AccessDenied, false) if speaks_of_keys => {
            error.of_kind(Kind::AccessDenied).with_remedy(
                "The object is encrypted with a key of its owner: give sse_customer_key in make_for_s3",
            )
        }
        (Kind::OriginAnswer, true) if speaks_of_keys => error.with_remedy(
            "Read objects that are not encrypted with this key by a profile without sse_customer_key",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_with_the_md5_of_its_bytes() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let key = CustomerKey::new(&Secret(zeros.into())).unwrap();
        assert_eq!(key.md5(), "cLyPS3KoaSFGi/joRB3OUQ==");
        assert!(!format!("{key:?}").contains("AAAA"));
        for wrong in ["", "AAAA", "not base 64"] {
            let error = CustomerKey::new(&Secret(wrong.into())).unwrap_err();
            assert_eq!(error.kind, Kind::InvalidRequest);
        }
    }

    #[test]
    fn a_key_goes_over_http_only_where_that_is_meant() {
        let refused = |endpoint, is_named| check_endpoint(endpoint, is_named).is_err();
        assert!(!refused(None, false));
        assert!(!refused(Some("https://store.example"), false));
        assert!(!refused(Some("http://127.0.0.1:9000"), false));
        assert!(!refused(Some("http://[::1]:9000"), false));
        assert!(!refused(Some("http://localhost:9000/path"), false));
        assert!(!refused(Some("http://store.example"), true));
        assert!(refused(Some("http://store.example"), false));
        assert!(refused(Some("http://127.0.0.1.example"), false));
    }

    #[test]
    fn an_answer_says_what_is_wrong_with_the_key() {
        let explain = |kind, what: &str, has_key| explained(Error::new(kind, what), has_key);
        let no_key = "400 InvalidRequest: The object was stored using a form of Server Side \
                      Encryption. The correct parameters must be provided";
        let error = explain(Kind::OriginAnswer, no_key, false);
        assert_eq!(error.kind, Kind::AccessDenied);
        assert!(error.remedy.unwrap().contains("give sse_customer_key"));
        let error = explain(Kind::AccessDenied, "403 AccessDenied", true);
        assert!(error.remedy.unwrap().contains("the object's key"));
        let plain = "400: The encryption parameters are not applicable to this object";
        let error = explain(Kind::OriginAnswer, plain, true);
        assert!(error.remedy.unwrap().contains("without sse_customer_key"));
        assert_eq!(explain(Kind::AccessDenied, "403", false).remedy, None);
    }
}
