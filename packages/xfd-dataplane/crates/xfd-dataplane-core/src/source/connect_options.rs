//! Time-outs of an origin's connections, and how many are kept.

use std::time::Duration;

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
pub(super) const KEPT_CONNECTIONS: usize = 1024;
/// Bridges the pauses between bursts. Stores close silent connections after some seconds to a
/// minute; one that was closed first is only dialled again.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(30);
