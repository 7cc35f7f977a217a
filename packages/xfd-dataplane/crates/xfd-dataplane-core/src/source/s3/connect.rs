//! From a store's description to clients: endpoint, region, credentials, and the knobs of the SDK.
//!
//! The SDK keeps to one try per request, checks no response checksum that was not asked for (a
//! range has none), and does not judge how fast a body flows: retries, chunk checksums and the read
//! time-out belong to this project.

use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::{
    Builder, IdentityCache, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::super::client::{make_connector, make_http_client};
use super::super::connect_options::ConnectOptions;
use super::super::document::{Bounding, Bounds, Documents};
use super::super::trust::Trust;
use super::clock::{LearnsTime, StoreClock};
use super::customer_key::{self, CustomerKey};
use super::endpoint::{self, Profile};
use super::errors::error_of_connector;
use super::keys::Keys;
use crate::error::{Error, Kind, Result};
use crate::model::{AddressingStyle, S3Config};

/// Where every bucket's region can be asked for.
const GLOBAL_ENDPOINT: &str = "https://s3.us-east-1.amazonaws.com";
/// What a store that is not AWS takes requests to be signed for, by custom.
pub(super) const REGION_BY_CUSTOM: &str = "us-east-1";

/// What all buckets of a store have in common.
#[derive(Debug)]
pub(super) struct Connection {
    /// The S3 settings, lacking a region.
    pub settings: Builder,
    /// Given, or set in the environment or the profile; or the custom one for an endpoint.
    pub region: Option<String>,
    pub connector: SharedHttpConnector,
    /// For requests that are signed without the SDK; None for an anonymous store.
    pub keys: Option<Keys>,
    pub clock: StoreClock,
    /// None for AWS.
    pub endpoint: Option<String>,
    /// The payer of requests, if that is not the bucket's owner.
    pub payer: Option<String>,
    /// Of HEADs and GETs.
    pub customer_key: Option<CustomerKey>,
}

/// Reads the environment and the profile files; sends nothing yet.
///
/// # Errors
/// `InvalidRequest` for an endpoint or a certificate bundle that cannot be used.
pub(super) async fn connect(config: &S3Config, options: &ConnectOptions) -> Result<Connection> {
    let profile = Profile::load().await;
    let endpoint = endpoint::find(config.endpoint.as_deref(), &profile)?;
    let customer_key = match &config.sse_customer_key {
        Some(key) => {
            customer_key::check_endpoint(endpoint.as_deref(), config.endpoint.is_some())?;
            Some(CustomerKey::new(key)?)
        }
        None => None,
    };
    let trust = Trust::of_aws(profile.get("ca_bundle"))?;
    let connector = make_connector(options, trust);
    let sdk = load(config, connector.clone(), options.read_timeout).await;
    let clock = StoreClock::default();
    let connector = SharedHttpConnector::new(LearnsTime {
        connector,
        clock: clock.clone(),
    });
    let style = match config.addressing_style {
        AddressingStyle::Auto => profile.addressing_style(),
        style => style,
    };
    let by_path = match style {
        AddressingStyle::Auto => endpoint.is_some(),
        AddressingStyle::Path => true,
        AddressingStyle::Virtual => false,
    };
    let region = sdk
        .region()
        .map(ToString::to_string)
        .or_else(|| endpoint.as_ref().map(|_| REGION_BY_CUSTOM.to_owned()));
    let mut settings = Builder::from(&sdk)
        .http_client(make_http_client(connector.clone()))
        .interceptor(Bounding {
            of_successes: false,
            bounds: Bounds::of_refusal(options.read_timeout),
        })
        .force_path_style(by_path)
        .time_source(clock.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let keys = sdk
        .credentials_provider()
        .map(|provider| Keys::new(provider, clock.clone()));
    if let Some(keys) = &keys {
        settings = settings
            .identity_cache(IdentityCache::no_cache())
            .credentials_provider(keys.clone());
    }
    settings.set_endpoint_url(endpoint.clone());
    if config.anonymous {
        settings = settings.allow_no_auth();
    }
    Ok(Connection {
        settings,
        region,
        connector,
        keys,
        clock,
        endpoint,
        payer: config.request_payer.clone(),
        customer_key,
    })
}

async fn load(
    config: &S3Config,
    connector: SharedHttpConnector,
    read_timeout: Duration,
) -> SdkConfig {
    // It only asks for credentials.
    let client = make_http_client(SharedHttpConnector::new(Documents {
        connector,
        read_timeout,
    }));
    let profile = ProfileFileRegionProvider::builder()
        .configure(&ProviderConfig::default())
        .build();
    // The region of the machine (IMDS) is left out: it need not be the bucket's.
    let region = RegionProviderChain::first_try(config.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .region(region);
    let keys = (&config.access_key_id, &config.secret_access_key);
    let loader = match keys {
        _ if config.anonymous => loader.no_credentials(),
        (Some(id), Some(secret)) => loader.credentials_provider(Credentials::new(
            id,
            &secret.0,
            config.session_token.as_ref().map(|token| token.0.clone()),
            None,
            "ObjectStoreConfig",
        )),
        _ => loader,
    };
    loader.load().await
}

impl Connection {
    /// Asks AWS in which region a bucket lies; needs no credentials, whatever the bucket's rights.
    ///
    /// # Errors
    /// `OriginUnreachable`, `OriginTimeout`; `ObjectNotFound` for a bucket that does not exist.
    pub(super) async fn find_region(&self, bucket: &str) -> Result<String> {
        // arn:partition:service:region:account:resource
        let named = bucket.starts_with("arn:").then(|| bucket.split(':').nth(3));
        if let Some(region) = named.flatten().filter(|region| !region.is_empty()) {
            return Ok(region.to_owned());
        }
        let mut request = HttpRequest::empty();
        let invalid = |_| Error::new(Kind::InvalidRequest, "The bucket's name is not valid");
        request.set_method("HEAD").map_err(invalid)?;
        let escaped =
            percent_encoding::utf8_percent_encode(bucket, percent_encoding::NON_ALPHANUMERIC);
        request
            .set_uri(format!("{GLOBAL_ENDPOINT}/{escaped}"))
            .map_err(invalid)?;
        let response = self
            .connector
            .call(request)
            .await
            .map_err(|error| error_of_connector(&error))?;
        match response.headers().get("x-amz-bucket-region") {
            Some(region) => Ok(region.to_owned()),
            None if response.status().as_u16() == 404 => {
                Err(Error::new(Kind::ObjectNotFound, "There is no such bucket"))
            }
            None => Ok(REGION_BY_CUSTOM.to_owned()),
        }
    }
}
