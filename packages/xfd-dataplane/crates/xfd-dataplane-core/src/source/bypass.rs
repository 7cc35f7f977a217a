//! Which hosts are asked without a proxy: the list of `NO_PROXY`, as curl, requests and botocore
//! read it. Pure, apart from [`Bypass::from_env`].
//!
//! Entries stand between commas or spaces. `*` is every host; a name is that host and all below it,
//! with a dot or `*.` before it too; an address or a network (`10.0.0.0/8`) is meant by number; a
//! port after any of them (`host:9000`) narrows it to requests to that port.

use std::net::IpAddr;

use http::Uri;

/// The hosts that are asked directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass {
    entries: Vec<(Hosts, Option<u16>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// Lower case, without dots around it.
    Below(String),
    /// Addresses whose first bits are those.
    Network(IpAddr, u32),
}

impl Bypass {
    /// The list of the environment; the variable in lower case comes first, as in curl.
    pub(super) fn from_env() -> Self {
        let set = |name| std::env::var(name).ok().filter(|list| !list.is_empty());
        let list = set("no_proxy").or_else(|| set("NO_PROXY"));
        Self::parse(&list.unwrap_or_default())
    }

    fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t', '\n']).filter_map(entry);
        Self {
            entries: entries.collect(),
        }
    }

    /// Whether a request to this URI goes there directly.
    pub(super) fn has(&self, uri: &str) -> bool {
        let Ok(uri) = uri.parse::<Uri>() else {
            return false;
        };
        let Some(host) = uri.host() else { return false };
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        let host = host.to_ascii_lowercase();
        let port = uri.port_u16().or(match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let address: Option<IpAddr> = host.parse().ok();
        self.entries
            .iter()
            .any(|(hosts, only)| (only.is_none() || *only == port) && hosts.has(&host, address))
    }
}

impl Hosts {
    fn has(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Below(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|below| below.is_empty() || below.ends_with('.')),
            Self::Network(network, bits) => {
                address.is_some_and(|address| same_bits(*network, address, *bits))
            }
        }
    }
}

fn entry(text: &str) -> Option<(Hosts, Option<u16>)> {
    if text.is_empty() {
        return None;
    }
    if text == "*" {
        return Some((Hosts::All, None));
    }
    // An IPv6 address has colons of its own: a port only follows it in brackets.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if text.matches(':').count() == 1 || host.ends_with(']') => {
            (host, Some(port.parse().ok()?))
        }
        _ => (text, None),
    };
    let host = host.trim_matches(['[', ']']);
    if let Some(network) = network(host) {
        return Some((network, port));
    }
    let name = host.strip_prefix('*').unwrap_or(host);
    let name = name.trim_matches('.').to_ascii_lowercase();
    match name.is_empty() {
        true => (host == "*").then_some((Hosts::All, port)),
        false => Some((Hosts::Below(name), port)),
    }
}

fn network(text: &str) -> Option<Hosts> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Hosts::Network(address, bits))
}

fn same_bits(one: IpAddr, two: IpAddr, bits: u32) -> bool {
    let differ = match (one, two) {
        (IpAddr::V4(one), IpAddr::V4(two)) => u128::from(one.to_bits() ^ two.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(two)) => one.to_bits() ^ two.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::Bypass;

    #[test]
    fn a_host_is_asked_directly_where_the_list_has_it() {
        for (list, uri, is_direct) in [
            ("*", "https://any.example/b/k", true),
            (" * ", "http://10.0.0.1:9000/b", true),
            ("store.example", "http://store.example:9000/b", true),
            ("STORE.example", "http://store.EXAMPLE/b", true),
            ("store.example", "http://b.store.example/k", true),
            ("store.example", "http://mystore.example/k", false),
            (".store.example", "http://b.store.example/k", true),
            (".store.example", "http://store.example/k", true),
            ("*.store.example", "http://b.store.example/k", true),
            ("store.example.", "http://store.example/k", true),
            ("store.example:9000", "http://store.example:9000/k", true),
            ("store.example:9000", "http://b.store.example:9000/k", true),
            ("store.example:9000", "http://store.example:9001/k", false),
            ("store.example:443", "https://store.example/k", true),
            ("store.example:443", "http://store.example/k", false),
            ("store.example:port", "http://store.example/k", false),
            ("127.0.0.1:9000", "http://127.0.0.1:9000/b", true),
            ("127.0.0.1", "http://127.0.0.1:9000/b", true),
            ("127.0.0.1", "http://127.0.0.10/b", false),
            ("10.0.0.0/8", "http://10.200.3.4:1/b", true),
            ("10.0.0.0/8", "http://11.0.0.1/b", false),
            ("10.0.0.0/33", "http://10.0.0.1/b", false),
            ("0.0.0.0/0", "http://11.0.0.1/b", true),
            ("::1", "http://[::1]:9000/b", true),
            ("[::1]:9000", "http://[::1]:9000/b", true),
            ("[::1]:9000", "http://[::1]:9001/b", false),
            ("fd00::/8", "https://[fd12::3]/b", true),
            ("a.example, b.example", "http://b.example/", true),
            ("a.example b.example", "http://b.example/", true),
            (",,", "http://b.example/", false),
            ("", "http://b.example/", false),
        ] {
            let bypass = Bypass::parse(list);
            assert_eq!(bypass.has(uri), is_direct, "{list:?} {uri}");
        }
    }
}
