//! Whether requests go through a proxy of the environment.

use super::bypass::Bypass;

/// What of the environment concerns requests without TLS.
pub(super) const PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Whether a request goes through a proxy, which looks up names for itself.
pub(super) fn is_proxied(uri: &str) -> bool {
    let names = match uri.starts_with("https://") {
        true => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        false => PROXIES,
    };
    names.iter().any(|name| is_set(name)) && !Bypass::from_env().has(uri)
}

pub(super) fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
