//! Settings of a node and of a swarm on it.

use std::time::Duration;

use super::ids::SwarmId;
use super::secret::{Secret, SecretBytes};

/// `xfd_api.settings.Durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.settings")]
pub enum Durability {
    Object,
    None,
}

/// `xfd_api.settings.UnpackCaps`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "see xfd_api.settings")]
pub struct UnpackCaps {
    pub max_entries: u64,
    pub max_bytes: Option<u64>,
    pub max_ratio: f64,
}

/// `xfd_api.settings.NodeSettings`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "see xfd_api.settings")]
pub struct NodeSettings {
    pub node_parallelism: usize,
    pub max_uploads: usize,
    pub memory_budget_bytes: usize,
    pub origin_bytes_per_s: Option<u64>,
    pub download_bytes_per_s: Option<u64>,
    pub upload_bytes_per_s: Option<u64>,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub attempts: u32,
    pub relay_wait: Duration,
    pub unpack_caps: UnpackCaps,
    pub verify_whole: bool,
}

impl NodeSettings {
    /// The names of the settings that differ and that a running node cannot change; see
    /// `xfd_api.settings.RECONFIGURABLE`.
    #[must_use]
    pub fn fixed_that_differ(&self, other: &Self) -> Vec<&'static str> {
        // Every field is named, so that a new one does not compile until it is sorted in.
        let Self {
            node_parallelism: _,
            max_uploads: _,
            memory_budget_bytes: _,
            origin_bytes_per_s: _,
            download_bytes_per_s: _,
            upload_bytes_per_s: _,
            connect_timeout,
            read_timeout,
            attempts,
            relay_wait,
            unpack_caps,
            verify_whole,
        } = self;
        let fixed = [
            (
                "connect_timeout_s",
                *connect_timeout == other.connect_timeout,
            ),
            ("read_timeout_s", *read_timeout == other.read_timeout),
            ("attempts", *attempts == other.attempts),
            ("relay_wait_s", *relay_wait == other.relay_wait),
            ("unpack_caps", *unpack_caps == other.unpack_caps),
            ("verify_whole", *verify_whole == other.verify_whole),
        ];
        let differs = |(name, is_equal): (_, bool)| (!is_equal).then_some(name);
        fixed.into_iter().filter_map(differs).collect()
    }
}

/// `xfd_api.settings.SwarmTicket`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.settings")]
pub struct SwarmTicket {
    pub swarm: SwarmId,
    pub token: Secret,
    pub durability: Durability,
    pub identity: Option<PeerIdentity>,
}

/// `xfd_api.settings.PeerIdentity`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.settings")]
pub struct PeerIdentity {
    pub authority: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: SecretBytes,
}
