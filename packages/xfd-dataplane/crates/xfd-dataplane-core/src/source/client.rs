//! The one HTTP client of all origins: TLS, proxies, time-outs and a pool of kept connections.
//!
//! Proxies come from the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, lower case too),
//! and the hosts that are asked without one from `NO_PROXY` ([`super::bypass`]). Link-local
//! addresses, where a cloud serves its credentials, are asked directly and with little patience, so
//! that a machine outside a cloud does not wait for an answer.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::bypass::Bypass;
use super::connect_options::{ConnectOptions, KEPT_CONNECTIONS, KEPT_FOR};
use super::plain::Plain;
use super::proxies::{PROXIES, is_set};
use super::redirect::{Zone, zone_of};
use super::resolver::Resolver;
use super::trust::Trust;
use url::{Host, Url};

/// The name of that address at Google.
const GOOGLE_METADATA: &str = "metadata.google.internal";
const METADATA: ConnectOptions = ConnectOptions {
    connect_timeout: Duration::from_secs(1),
    read_timeout: Duration::from_secs(2),
};
/// Sends single requests. Cloning shares the pool.
pub(super) fn make_connector(options: &ConnectOptions, trust: Trust) -> SharedHttpConnector {
    make_connector_with(options, trust, Resolver::default())
}

/// The same, with names looked up by `resolver`, unless a proxy does it.
pub(super) fn make_connector_with(
    options: &ConnectOptions,
    trust: Trust,
    resolver: Resolver,
) -> SharedHttpConnector {
    SharedHttpConnector::new(Routed {
        options: *options,
        trust,
        resolver,
        has_proxy: PROXIES.iter().any(|name| is_set(name)),
        bypass: Bypass::from_env(),
        plain: OnceLock::new(),
        sealed: OnceLock::new(),
        outside: OnceLock::new(),
        metadata: OnceLock::new(),
    })
}

/// The connector as the SDK wants it. Its time-outs are ours, whatever a service's settings say.
pub(super) fn make_http_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

fn builder(options: ConnectOptions, proxies: ProxyConfig) -> ConnectorBuilder {
    Connector::builder()
        .connector_settings(
            HttpConnectorSettings::builder()
                .connect_timeout(options.connect_timeout)
                .read_timeout(options.read_timeout)
                .build(),
        )
        .proxy_config(proxies)
        .pool_idle_timeout(KEPT_FOR)
        .pool_max_idle_per_host(KEPT_CONNECTIONS)
}

/// Each connector is made at its first use: one that can do TLS reads the system's certificates,
/// which takes longer than many a small download.
#[derive(Debug)]
struct Routed {
    options: ConnectOptions,
    trust: Trust,
    resolver: Resolver,
    /// Whether requests without TLS may have to go through one.
    has_proxy: bool,
    bypass: Bypass,
    /// Without TLS, for http:// and no proxy.
    plain: OnceLock<Plain>,
    /// With TLS, for https:// and a host that is asked without the proxy.
    sealed: OnceLock<Connector>,
    /// Through the proxy that there may be.
    outside: OnceLock<Connector>,
    metadata: OnceLock<Connector>,
}

impl Routed {
    fn plain(&self) -> &Plain {
        self.plain
            .get_or_init(|| Plain::new(&self.options, self.resolver.clone()))
    }

    fn sealed(&self) -> &Connector {
        self.sealed.get_or_init(|| {
            let resolver = Some(self.resolver.clone());
            self.with_tls(ProxyConfig::disabled(), resolver)
        })
    }

    fn outside(&self) -> &Connector {
        self.outside
            .get_or_init(|| self.with_tls(ProxyConfig::from_env(), None))
    }

    fn with_tls(&self, proxies: ProxyConfig, resolver: Option<Resolver>) -> Connector {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let mut builder = builder(self.options, proxies).tls_provider(tls);
        if let Some(context) = self.trust.context() {
            builder.set_tls_context(context);
        }
        match resolver {
            Some(resolver) => builder.build_with_resolver(resolver),
            None => builder.build(),
        }
    }

    /// Clouds serve their metadata without TLS.
    fn metadata(&self) -> &Connector {
        self.metadata
            .get_or_init(|| builder(METADATA, ProxyConfig::disabled()).build_http())
    }
}

impl HttpConnector for Routed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri();
        if is_metadata(uri) {
            self.metadata().call(request)
        } else if uri.starts_with("http://") && (!self.has_proxy || self.bypass.has(uri)) {
            self.plain().call(request)
        } else if self.bypass.has(uri) {
            self.sealed().call(request)
        } else {
            self.outside().call(request)
        }
    }
}

/// Whether a URI names a cloud's metadata address.
pub(super) fn is_metadata(uri: &str) -> bool {
    let url = Url::parse(uri).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => zone_of(address.into()) == Zone::Link,
        Some(Host::Ipv6(address)) => zone_of(address.into()) == Zone::Link,
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case(GOOGLE_METADATA),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_metadata;

    #[test]
    fn only_metadata_addresses_bypass_the_proxy() {
        assert!(is_metadata("http://169.254.169.254/latest/api/token"));
        assert!(is_metadata("http://[fd00:ec2::254]/latest"));
        assert!(is_metadata(
            "http://metadata.google.internal/computeMetadata/v1/"
        ));
        assert!(!is_metadata("http://bucket.example/169.254.169.254"));
        assert!(!is_metadata("https://s3.us-east-1.amazonaws.com/b/k"));
    }
}
