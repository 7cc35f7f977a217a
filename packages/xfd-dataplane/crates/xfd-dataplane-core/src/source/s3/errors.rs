//! What the SDK's errors mean.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::super::refusal::Refusal;
use super::super::text::text_of;
use super::super::xml::{Broken, Event, walk};
use crate::error::{Error, Kind};

/// What is said of an answer that gives none.
pub(super) const NO_REASON: &str = "The origin answered with status 400 and no reason";

/// The error of one request; `pinned` says whether it carried an ETag.
pub(super) fn error_of<E>(error: &SdkError<E, HttpResponse>, pinned: bool) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(cause) = find::<CredentialsError>(error) {
        let what = format!("There are no credentials: {}", text_of(cause));
        return Error::new(Kind::Credentials, what);
    }
    match error {
        SdkError::ServiceError(context) => {
            let refusal = Refusal {
                code: context.err().code(),
                message: context.err().message(),
                ..refusal_of(context.raw(), pinned)
            };
            match (refusal.code, refusal.status) {
                (Some("InvalidObjectState"), _) => refusal
                    .to_error()
                    .with_remedy("Restore the object from its archive class first"),
                // An answer to HEAD has no body, so no code; S3 gives this for a token that
                // has expired, or keys it cannot read.
                (None, 400) => Error::new(Kind::AccessDenied, NO_REASON).with_remedy(
                    "Check the bucket's region, the keys, whether the session token has expired, \
                     and whether the object is encrypted with a key of its owner \
                     (sse_customer_key)",
                ),
                _ => refusal.to_error(),
            }
        }
        SdkError::ResponseError(context) => {
            if context.raw().status().is_success() {
                // One of ours, of the bounds of a document or of a status.
                if let Some(error) = find::<Error>(error) {
                    return error.clone();
                }
                let what = format!("The origin's answer cannot be read: {}", text_of(error));
                return Error::new(Kind::OriginAnswer, what);
            }
            refusal_of(context.raw(), pinned).to_error()
        }
        SdkError::TimeoutError(_) => unreached(Kind::OriginTimeout, error),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(cause) => error_of_connector(cause),
            None => unreached(Kind::OriginUnreachable, error),
        },
        _ => Error::new(
            Kind::InvalidRequest,
            format!("The request cannot be made: {}", text_of(error)),
        ),
    }
}

/// The error of a connector, for requests that do not go through the SDK.
pub(in super::super) fn error_of_connector(error: &ConnectorError) -> Error {
    if let Some(own) = find::<Error>(error) {
        own.clone()
    } else if error.is_timeout() {
        unreached(Kind::OriginTimeout, error)
    } else if error.is_user() {
        Error::new(
            Kind::InvalidRequest,
            format!("The request cannot be made: {}", text_of(error)),
        )
    } else {
        unreached(Kind::OriginUnreachable, error)
    }
}

/// The error of an answer that the SDK did not read; its body says why, or nothing.
pub(super) fn error_of_refusal(refusal: Refusal<'_>, body: &[u8]) -> Error {
    let (code, message) = code_and_message(body);
    let refusal = Refusal {
        code: code.as_deref(),
        message: message.as_deref(),
        ..refusal
    };
    refusal.to_error()
}

/// Code and message of an error document (S3 API reference, "Error responses"), as far as the body
/// is one.
fn code_and_message(body: &[u8]) -> (Option<String>, Option<String>) {
    let (mut code, mut message) = (None, None);
    // A document that breaks off may have named its code already.
    let _ = walk(body, |open, event| {
        match (open, event) {
            ([_, "Code"], Event::End(text)) => code = Some(text),
            ([_, "Message"], Event::End(text)) => message = Some(text),
            _ => {}
        }
        Ok::<_, Broken>(())
    });
    (code, message)
}

fn refusal_of(response: &HttpResponse, pinned: bool) -> Refusal<'_> {
    Refusal {
        pinned,
        ..Refusal::of(response)
    }
}

fn unreached(kind: Kind, error: &(dyn StdError + 'static)) -> Error {
    if let Some(rustls::Error::InvalidCertificate(reason)) = find(error) {
        return Error::new(
            Kind::OriginAnswer,
            format!("The origin's certificate is not trusted: {reason}"),
        )
        .with_remedy("Name the certificate of its authority in SSL_CERT_FILE");
    }
    Error::new(
        kind,
        format!("The origin cannot be reached: {}", text_of(error)),
    )
}

/// The first error of a type in a chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>() {
            // Its source is its payload's source: the payload itself would be passed over.
            Some(error) => error
                .get_ref()
                .map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
