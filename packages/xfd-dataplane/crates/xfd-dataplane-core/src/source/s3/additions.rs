//! What is added to the SDK's requests of a bucket before they are signed: the payer, the version
//! that is meant, and the address that a redirect leads to.

use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Separates a bucket's name from a version: no bucket has a question mark in its name.
const VERSION: &str = "?versionId=";
pub(super) const PAYER: &str = "x-amz-request-payer";

/// A bucket's name, and the version of its object that is meant.
pub(super) fn split_version(bucket: &str) -> (&str, Option<&str>) {
    match bucket.split_once(VERSION) {
        Some((name, version)) => (name, Some(version)),
        None => (bucket, None),
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Additions {
    pub payer: Option<String>,
    pub version: Option<String>,
    /// In place of the address that the SDK made.
    pub address: Option<String>,
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Additions {
    fn name(&self) -> &'static str {
        "Additions"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(payer) = &self.payer {
            request.headers_mut().insert(PAYER, payer.clone());
        }
        if let Some(address) = &self.address {
            request.set_uri(address.as_str())?;
        } else if let Some(version) = &self.version {
            let mark = if request.uri().contains('?') {
                '&'
            } else {
                '?'
            };
            let version = utf8_percent_encode(version, NON_ALPHANUMERIC);
            let address = format!("{}{mark}versionId={version}", request.uri());
            request.set_uri(address)?;
        }
        Ok(())
    }
}
