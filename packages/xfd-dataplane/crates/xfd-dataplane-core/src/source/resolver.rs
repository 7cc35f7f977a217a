//! Looks names up for connections, and keeps those of a redirect from leading further inside.
//!
//! A redirect is checked before it is followed ([`super::redirect`]), and its name is looked up
//! again for the connection. Who owns the name could answer the two differently ("DNS rebinding").
//! So an address that the check would refuse is not connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::Url;

use super::redirect::{Zone, Zones, zone_of};

/// How far inside a store's redirects may lead.
#[derive(Debug)]
pub(super) struct Fence {
    pub base: Url,
    pub zones: Zones,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    /// None for a store whose redirects are not followed.
    fence: Option<Arc<Fence>>,
}

impl Resolver {
    pub(super) fn within(fence: Arc<Fence>) -> Self {
        Self { fence: Some(fence) }
    }

    async fn look_up(self, name: String) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        let found = found.map(|address| address.ip());
        let Some(fence) = self.fence else {
            return Ok(found.collect());
        };
        if fence.base.host_str() == Some(name.as_str()) {
            return Ok(found.collect());
        }
        let innermost = fence.zones.of(&fence.base).await;
        let is_allowed = |address: &IpAddr| {
            let zone = zone_of(*address);
            zone == Zone::Public || zone <= innermost
        };
        let allowed: Vec<_> = found.filter(is_allowed).collect();
        match allowed.is_empty() {
            true => Err(io::Error::other(format!(
                "{name} has no address but ones further inside than the store's"
            ))),
            false => Ok(allowed),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.clone().look_up(name.as_str().to_owned());
        let with_port = |address| SocketAddr::new(address, 0);
        async move {
            Ok(found
                .await?
                .into_iter()
                .map(with_port)
                .collect::<Vec<_>>()
                .into_iter())
        }
        .boxed()
    }
}

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let found = self.clone().look_up(name.to_owned());
        DnsFuture::new(async move { found.await.map_err(ResolveDnsError::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_with_an_address_further_inside_is_not_connected_to() {
        for (base, name, is_allowed) in [
            ("https://8.8.8.8/", "localhost", false),
            ("https://10.0.0.1/", "localhost", false),
            ("https://127.0.0.1/", "localhost", true),
            // Its own name is what the user meant.
            ("https://localhost/", "localhost", true),
        ] {
            let fence = Arc::new(Fence {
                base: Url::parse(base).unwrap(),
                zones: Zones::default(),
            });
            let found = Resolver::within(fence).look_up(name.to_owned()).await;
            assert_eq!(found.is_ok(), is_allowed, "{base} {name}");
        }
        let free = Resolver::default().look_up("localhost".to_owned()).await;
        assert!(free.is_ok());
    }
}
