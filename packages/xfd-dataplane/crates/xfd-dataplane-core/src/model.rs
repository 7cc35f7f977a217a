//! Plain structs for what crosses the border to Python, one for each dataclass of `xfd_api` that
//! does. Field by field the same; the meaning is documented there. Built from Python's attributes
//! in one place, `convert.rs` of the pyo3 skin.

use std::path::PathBuf;
use std::time::Duration;

use crate::decides::archive::LeftOut;
use crate::error::Error;

/// `xfd_api.ids.NodeId`.
pub type NodeId = String;
/// `xfd_api.ids.SwarmId`.
pub type SwarmId = String;
/// `xfd_api.ids.ObjectIndex`.
pub type ObjectIndex = u32;
/// `xfd_api.ids.ChunkIndex`.
pub type ChunkIndex = u32;
/// `xfd_api.ids.OrderId`.
pub type OrderId = u64;

/// `xfd_api.stores.AddressingStyle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub enum AddressingStyle {
    Auto,
    Path,
    Virtual,
}

/// A string that no `Debug` output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// `xfd_api.stores.ObjectStoreConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub enum StoreConfig {
    S3(S3Config),
    Local { directory: PathBuf },
    Http { base_url: Secret },
}

/// `ObjectStoreConfig.make_for_s3`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.stores")]
pub struct S3Config {
    pub bucket: String,
    pub endpoint: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Secret>,
    pub session_token: Option<Secret>,
    pub region: Option<String>,
    pub addressing_style: AddressingStyle,
    pub anonymous: bool,
    pub request_payer: Option<String>,
}

/// `xfd_api.stores.ObjectStoreConfigByProfile`, as a list because None is a name too.
pub type Stores = Vec<(Option<String>, StoreConfig)>;

/// `xfd_api.chunks.ChecksumAlgorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChecksumAlgorithm {
    Crc64Nvme,
    Crc32c,
    Crc32,
    Sha256,
    Md5,
}

/// `xfd_api.chunks.Checksum`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Checksum {
    pub algorithm: ChecksumAlgorithm,
    pub value: String,
}

/// `xfd_api.chunks.FoundObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct FoundObject {
    pub key: String,
    pub size: u64,
    pub etag: Option<String>,
    pub last_modified_ns: Option<i64>,
    pub checksum: Option<Checksum>,
    pub refused: Option<Box<Error>>,
}

/// The part of `xfd_api.lookups.Lookup` that an origin is asked with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.lookups")]
pub struct Lookup {
    pub profile_name: Option<String>,
    pub bucket: Option<String>,
    pub key: String,
    pub is_prefix: bool,
}

/// `xfd_api.requests.UnpackMethod`, without `Auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnpackMethod {
    Tar,
    TarGz,
    TarZst,
    Gz,
    Zip,
}

/// `xfd_api.requests.Links`: what an archive's links and devices may be.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Links inside the tree only; devices and pipes are refused.
    #[default]
    Safe,
    /// Links as they are; devices and pipes are left out.
    Keep,
}

/// `xfd_api.chunks.Unpack`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Unpack {
    pub destination: PathBuf,
    pub method: UnpackMethod,
    pub keep_archive: bool,
    pub links: Links,
}

/// `xfd_api.chunks.CatalogObject`; paths are absolute here (the skin joins the node's root).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct CatalogObject {
    pub index: ObjectIndex,
    pub profile_name: Option<String>,
    pub bucket: Option<String>,
    pub found: FoundObject,
    pub destination: PathBuf,
    pub group: Option<PathBuf>,
    pub is_directory: bool,
    pub cache: bool,
    pub unpack: Option<Unpack>,
    pub priority: i32,
}

/// `xfd_api.chunks.Span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Span {
    pub object: ObjectIndex,
    pub offset: u64,
    pub length: u64,
}

/// `xfd_api.chunks.Chunk`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Chunk {
    pub index: ChunkIndex,
    pub spans: Vec<Span>,
    pub size: u64,
}

/// `xfd_api.chunks.Catalog`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.chunks")]
pub struct Catalog {
    pub objects: Vec<CatalogObject>,
    pub chunks: Vec<Chunk>,
    pub first_object: u32,
    pub first_chunk: u32,
}

/// Where an order's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Source {
    Origin,
    Peer(NodeId),
}

/// `xfd_api.orders.Order`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.orders")]
pub enum Order {
    Fetch {
        first_order: OrderId,
        first_chunk: ChunkIndex,
        count: u32,
        source: Source,
        priority: i32,
    },
    Cancel {
        first_order: OrderId,
        count: u32,
    },
    Pin {
        crcs: Vec<(ChunkIndex, u64)>,
    },
    MeetPeers {
        addresses: Vec<(NodeId, String)>,
    },
    Discard {
        chunks: Vec<ChunkIndex>,
    },
    Release {
        objects: Vec<ObjectIndex>,
    },
}

/// `xfd_api.reports.HeldRun`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub struct HeldRun {
    pub first_chunk: ChunkIndex,
    pub crcs: Vec<Option<u64>>,
}

/// `xfd_api.reports.Inventory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub struct Inventory {
    pub held: Vec<HeldRun>,
    pub landed: Vec<ObjectIndex>,
    pub elsewhere: Vec<(ObjectIndex, Option<NodeId>)>,
    pub cached_bytes: u64,
}

/// What of one object is on the disk before anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here {
    /// Which.
    pub object: ObjectIndex,
    /// Of its bytes, those that need not be fetched.
    pub bytes: u64,
    /// It is whole at its destination, and unpacked where that is asked for.
    pub is_landed: bool,
}

/// `xfd_api.reports.Fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Fault {
    Origin,
    Peer,
    Node,
}

/// `xfd_api.reports.NodeEvent`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "see xfd_api.reports")]
pub enum NodeEvent {
    ChunkHeld {
        order: OrderId,
        chunk: ChunkIndex,
        crc: u64,
        source: Source,
        size: u64,
        seconds: f64,
        transfer_seconds: f64,
    },
    OrderFailed {
        order: OrderId,
        chunk: ChunkIndex,
        source: Source,
        error: Error,
        fault: Fault,
        bad_bytes: bool,
        is_final: bool,
    },
    ChunkLost {
        chunk: ChunkIndex,
    },
    ObjectLanded {
        object: ObjectIndex,
        left_out: LeftOut,
    },
    ObjectFailed {
        object: ObjectIndex,
        error: Error,
        chunks_suspect: bool,
    },
}

impl NodeEvent {
    /// An object without a tree, or with one that has all of its archive, is in its place.
    #[must_use]
    pub fn landed(object: ObjectIndex) -> Self {
        Self::ObjectLanded {
            object,
            left_out: LeftOut::default(),
        }
    }
}

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
    /// The names of what differs in the other settings and cannot be changed in a running node; see
    /// `xfd_api.settings.RECONFIGURABLE`.
    #[must_use]
    pub fn fixed_that_differ(&self, other: &Self) -> Vec<&'static str> {
        // Every field stands here, so that a new one must be given its place.
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
}
