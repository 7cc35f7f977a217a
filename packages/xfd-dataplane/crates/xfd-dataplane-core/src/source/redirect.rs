//! Where a redirect may lead. Pure, apart from looking up names.
//!
//! * Never from https to http: others on the network could read the object, and replace it.
//! * Never further inside than the server that redirects is itself: a public server must not make
//!   a node ask hosts of its own network, or itself, and no server but a link-local one the
//!   link-local addresses, where clouds keep their credentials.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::proxies::is_proxied;
use crate::error::{Error, Kind, Result};
use crate::threads::{Mutex, MutexGuard, locked};

/// How far inside an address lies, the innermost last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Public,
    Private,
    Loopback,
    /// Of the link, and where clouds serve metadata under other addresses.
    Link,
}

/// Metadata services at addresses that are not link-local: AWS over IPv6, Alibaba, Azure, Oracle.
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Where a Location header leads from a URL (RFC 9110, 10.2.2).
///
/// # Errors
/// `OriginAnswer` for what is no web address, and for a way from https to http.
pub(super) fn follow(from: &Url, location: &str) -> Result<Url> {
    let refused = |what: String| Err(Error::new(Kind::OriginAnswer, what));
    let Ok(mut to) = from.join(location) else {
        return refused("The origin redirects to what is no URL".to_owned());
    };
    to.set_fragment(None);
    if !matches!(to.scheme(), "http" | "https") || !to.has_host() {
        return refused(format!(
            "The origin redirects to a {}: address",
            to.scheme()
        ));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        let host = to.host_str().unwrap_or_default();
        return refused(format!(
            "The origin redirects from https to http, at {host}"
        ));
    }
    // A name and a password in a Location would be sent by nobody: they are not ours.
    let cleared = to.set_username("").and_then(|()| to.set_password(None));
    match cleared {
        Ok(()) => Ok(to),
        Err(()) => refused("The origin redirects to what is no URL".to_owned()),
    }
}

/// The zones of hosts, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Zones(Mutex<HashMap<String, Zone>>);

impl Zones {
    /// Whether a server at `base` may lead to a URL.
    ///
    /// # Errors
    /// `OriginAnswer` for one that lies further inside.
    pub(super) async fn check(&self, base: &Url, to: &Url) -> Result<()> {
        if base.host() == to.host() {
            return Ok(());
        }
        let zone = self.of(to).await;
        if zone == Zone::Public || zone <= self.of(base).await {
            return Ok(());
        }
        let host = to.host_str().unwrap_or_default();
        let place = match zone {
            Zone::Link => "a link-local or metadata address",
            Zone::Loopback => "an address of the node itself",
            Zone::Private | Zone::Public => "an address of a private network",
        };
        Err(Error::new(
            Kind::OriginAnswer,
            format!("The origin redirects to {host}, {place}"),
        )
        .with_remedy("Name that server as the store yourself, if it is meant"))
    }

    /// The innermost zone of a URL's host.
    pub(super) async fn of(&self, url: &Url) -> Zone {
        if let Some(zone) = url.host().and_then(|host| zone_of_host(&host)) {
            return zone;
        }
        let name = url.host_str().unwrap_or_default().to_owned();
        if let Some(zone) = self.known().get(&name) {
            return *zone;
        }
        let zone = look_up(url, &name).await;
        self.known().insert(name, zone);
        zone
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Zone>> {
        locked(&self.0)
    }
}

/// The innermost of a name's addresses. A proxy looks names up for itself, and one that cannot be
/// looked up cannot be reached.
async fn look_up(url: &Url, name: &str) -> Zone {
    if is_proxied(url.as_str()) {
        return Zone::Public;
    }
    let port = url.port_or_known_default().unwrap_or_default();
    match tokio::net::lookup_host((name, port)).await {
        Ok(addresses) => {
            let zones = addresses.map(|address| zone_of(address.ip()));
            zones.max().unwrap_or(Zone::Public)
        }
        Err(_) => Zone::Public,
    }
}

/// The zone of a host that needs no looking up.
fn zone_of_host(host: &Host<&str>) -> Option<Zone> {
    match host {
        Host::Ipv4(address) => Some(zone_of((*address).into())),
        Host::Ipv6(address) => Some(zone_of((*address).into())),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            if matches!(name, "metadata.google.internal" | "metadata") {
                Some(Zone::Link)
            } else if name == "localhost" || name.ends_with(".localhost") {
                Some(Zone::Loopback)
            } else {
                None
            }
        }
    }
}

pub(super) fn zone_of(address: IpAddr) -> Zone {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Zone::Link;
    }
    match address {
        IpAddr::V4(address) => zone_of_v4(address),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            match address.segments() {
                _ if address.is_loopback() || address.is_unspecified() => Zone::Loopback,
                _ if first & 0xffc0 == 0xfe80 => Zone::Link,
                _ if first & 0xfe00 == 0xfc00 => Zone::Private,
                // What carries an IPv4 address on: NAT64 and 6to4.
                [0x64, 0xff9b, .., high, low] => embedded(high, low),
                [0x2002, high, low, ..] => embedded(high, low),
                _ if first & 0xffc0 == 0xfec0 || (first, second) == (0, 0) => Zone::Private,
                _ => Zone::Public,
            }
        }
    }
}

fn embedded(high: u16, low: u16) -> Zone {
    zone_of_v4((u32::from(high) << 16 | u32::from(low)).into())
}

fn zone_of_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        [169, 254, ..] => Zone::Link,
        [127 | 0, ..] => Zone::Loopback,
        // Carrier-grade NAT is used inside clouds and clusters.
        [100, second, ..] if second & 0xc0 == 64 => Zone::Private,
        _ if address.is_private() || address.is_broadcast() || address.is_multicast() => {
            Zone::Private
        }
        _ => Zone::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_absolute_or_relative_and_stays_sealed() {
        let plain = "http://one:81/dir/file?q";
        let sealed = "https://one/dir/file";
        for (from, location, to) in [
            (plain, "https://two/x#part", Some("https://two/x")),
            (plain, "HTTPS://TWO/x", Some("https://two/x")),
            (plain, "//two/x", Some("http://two/x")),
            (plain, "/x?y", Some("http://one:81/x?y")),
            (plain, "x", Some("http://one:81/dir/x")),
            (plain, "?y", Some("http://one:81/dir/file?y")),
            (plain, "../x", Some("http://one:81/x")),
            (plain, "http://user:pw@two/x", Some("http://two/x")),
            (sealed, "//two/x", Some("https://two/x")),
            (sealed, "https:/x", Some("https://one/x")),
            (sealed, "http://one/dir/file", None),
            (sealed, "HTTP://two/x", None),
            (sealed, "ftp://two/x", None),
            (sealed, "file:///etc/passwd", None),
            (sealed, "javascript:x", None),
            (sealed, "https://two:99999/x", None),
        ] {
            let found = follow(&Url::parse(from).unwrap(), location);
            let found = found.as_ref().map(Url::as_str).ok();
            assert_eq!(found, to, "{from} {location}");
        }
    }

    #[test]
    fn addresses_lie_in_zones() {
        for (address, zone) in [
            ("8.8.8.8", Zone::Public),
            ("2606:4700::1", Zone::Public),
            ("10.1.2.3", Zone::Private),
            ("172.16.0.1", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.0.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("fd12::1", Zone::Private),
            ("127.8.8.8", Zone::Loopback),
            ("0.0.0.0", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("169.254.169.254", Zone::Link),
            ("169.254.170.2", Zone::Link),
            ("::ffff:169.254.169.254", Zone::Link),
            ("64:ff9b::a9fe:a9fe", Zone::Link),
            ("fe80::1", Zone::Link),
            ("fd00:ec2::254", Zone::Link),
            ("100.100.100.200", Zone::Link),
        ] {
            assert_eq!(zone_of(address.parse().unwrap()), zone, "{address}");
        }
    }

    #[tokio::test]
    async fn no_redirect_leads_further_inside() {
        let zones = Zones::default();
        for (base, to, is_allowed) in [
            ("https://8.8.8.8/", "https://9.9.9.9/", true),
            ("https://8.8.8.8/", "https://10.0.0.1/", false),
            ("https://8.8.8.8/", "https://localhost/", false),
            ("https://8.8.8.8/", "https://127.1/", false),
            ("https://8.8.8.8/", "https://[::1]/", false),
            // The same address in other spellings.
            ("https://8.8.8.8/", "https://2852039166/", false),
            ("https://8.8.8.8/", "https://0xa9fea9fe/", false),
            ("https://10.0.0.1/", "https://10.0.0.2/", true),
            ("https://10.0.0.1/", "https://8.8.8.8/", true),
            ("https://10.0.0.1/", "https://127.0.0.1/", false),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/", true),
            ("http://127.0.0.1:1/", "http://localhost:2/", true),
            ("http://127.0.0.1/", "http://10.0.0.1/", true),
            ("http://127.0.0.1/", "http://169.254.169.254/", false),
            ("http://127.0.0.1/", "http://[fe80::1]/", false),
            ("http://127.0.0.1/", "http://[fd00:ec2::254]/", false),
            (
                "http://127.0.0.1/",
                "http://metadata.google.internal./",
                false,
            ),
            ("http://169.254.1.1/", "http://169.254.1.2/", true),
        ] {
            let (base, to) = (Url::parse(base).unwrap(), Url::parse(to).unwrap());
            let checked = zones.check(&base, &to).await;
            assert_eq!(checked.is_ok(), is_allowed, "{base} {to}");
        }
    }
}
