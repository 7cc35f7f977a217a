//! Which answers bring what was asked for. The SDK takes every status from 200 to 299 for one, and
//! the length of a 204 for the object's size.

use aws_sdk_s3::config::ConfigBag;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::error::{Error, Kind};

/// A whole one is 200, and 206 a part where a part was asked for (RFC 9110, 15.3).
pub(super) fn brings_it(status: u16, is_range: bool) -> bool {
    status == 200 || (status == 206 && is_range)
}

/// Refuses the others.
#[derive(Debug)]
pub(super) struct Success;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Success {
    fn name(&self) -> &'static str {
        "Success"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().status();
        // No other operation asks for a part. A part that is not the one asked for is found later.
        let operation = config.load::<Metadata>();
        let is_range = operation.is_some_and(|operation| operation.name() == "GetObject");
        if status.is_success() && !brings_it(status.as_u16(), is_range) {
            let what = format!("The origin answered with status {}", status.as_u16());
            return Err(Error::new(Kind::OriginAnswer, what).into());
        }
        Ok(())
    }
}
