//! The one HTTP client of all origins: TLS, proxies, time-outs and a pool of kept connections.
//!
//! Proxies come from the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, lower
//! case too). Link-local addresses, where a cloud serves its credentials, are asked directly and
//! with little patience, so that a machine outside a cloud does not wait for an answer.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::model::NodeSettings;

/// How patient an origin's connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// For a new connection, name resolution and TLS included.
    pub connect_timeout: Duration,
    /// Longest silence before an answer, and inside its body.
    pub read_timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
        }
    }
}

impl From<&NodeSettings> for ConnectOptions {
    fn from(settings: &NodeSettings) -> Self {
        Self {
            connect_timeout: settings.connect_timeout,
            read_timeout: settings.read_timeout,
        }
    }
}

/// More than the object store parallelism that a user may ask for by default.
const KEPT_CONNECTIONS: usize = 1024;
/// Bridges the pauses between bursts. Stores close silent connections after some seconds to a
/// minute; one that was closed first is only dialled again.
const KEPT_FOR: Duration = Duration::from_secs(30);
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const METADATA_READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends single requests. Cloning shares the pool.
pub(super) fn make_connector(options: &ConnectOptions) -> SharedHttpConnector {
    SharedHttpConnector::new(Routed {
        outside: make(
            options.connect_timeout,
            options.read_timeout,
            ProxyConfig::from_env(),
        ),
        metadata: make(
            METADATA_CONNECT_TIMEOUT,
            METADATA_READ_TIMEOUT,
            ProxyConfig::disabled(),
        ),
    })
}

/// The connector as the SDK wants it. Its time-outs are ours, whatever a service's settings say.
pub(super) fn make_http_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

fn make(connect_timeout: Duration, read_timeout: Duration, proxies: ProxyConfig) -> Connector {
    Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .connector_settings(
            HttpConnectorSettings::builder()
                .connect_timeout(connect_timeout)
                .read_timeout(read_timeout)
                .build(),
        )
        .proxy_config(proxies)
        .pool_idle_timeout(KEPT_FOR)
        .pool_max_idle_per_host(KEPT_CONNECTIONS)
        .build()
}

#[derive(Debug)]
struct Routed {
    outside: Connector,
    metadata: Connector,
}

impl HttpConnector for Routed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if is_link_local(request.uri()) {
            self.metadata.call(request)
        } else {
            self.outside.call(request)
        }
    }
}

/// Whether a URI names a cloud's metadata address: 169.254.0.0/16, or fd00:ec2::/32 at AWS.
fn is_link_local(uri: &str) -> bool {
    let authority = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    authority.starts_with("169.254.") || authority.starts_with("[fd00:ec2::")
}

#[cfg(test)]
mod tests {
    use super::is_link_local;

    #[test]
    fn only_metadata_addresses_bypass_the_proxy() {
        assert!(is_link_local("http://169.254.169.254/latest/api/token"));
        assert!(is_link_local("http://[fd00:ec2::254]/latest"));
        assert!(!is_link_local("http://bucket.example/169.254.169.254"));
        assert!(!is_link_local("https://s3.us-east-1.amazonaws.com/b/k"));
    }
}
