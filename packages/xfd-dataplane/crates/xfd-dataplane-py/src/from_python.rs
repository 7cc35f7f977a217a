//! Builds structs of the core from dataclasses of `xfd_api`.
//!
//! The tables list every field that is read. [`crate::fields`] exports them, and a test compares
//! them with `dataclasses.fields` of each class, so that a field that is added on one side is
//! noticed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use xfd_dataplane_core::model::{
    AddressingStyle, AzureAccess, AzureConfig, Catalog, CatalogObject, Checksum, ChecksumAlgorithm,
    Chunk, Durability, FoundObject, GcsAccess, GcsConfig, HttpAccess, HttpConfig, HubAccess,
    HubConfig, Links, Lookup, NodeSettings, Order, PeerIdentity, S3Config, Span, StoreConfig,
    Stores, SwarmTicket, Unpack, UnpackCaps, UnpackMethod,
};

use crate::read::{Read, read_dataclasses, read_enums, read_fields, read_variants};
use crate::{errors, hub_cache};

read_enums! {
    pub(crate) const READ_ENUMS;
    AddressingStyle = "xfd_api.stores.AddressingStyle" {
        "auto" => Auto, "path" => Path, "virtual" => Virtual,
    };
    UnpackMethod = "xfd_api.requests.UnpackMethod" {
        "tar" => Tar, "tar.gz" => TarGz, "tar.zst" => TarZst, "gz" => Gz, "zip" => Zip,
    } unread { "auto" };
    Links = "xfd_api.requests.Links" { "safe" => Safe, "keep" => Keep };
    Durability = "xfd_api.settings.Durability" { "object" => Object, "none" => None };
    ChecksumAlgorithm = "xfd_api.chunks.ChecksumAlgorithm" {
        "crc64nvme" => Crc64Nvme, "crc32c" => Crc32c, "crc32" => Crc32,
        "sha256" => Sha256, "md5" => Md5, "git-sha1" => GitSha1,
    };
}

read_dataclasses! {
    pub(crate) const READ_CLASSES;
    Checksum = "xfd_api.chunks.Checksum" { algorithm, value };
    FoundObject = "xfd_api.chunks.FoundObject" {
        key, size, etag, last_modified_ns, checksum, refused, location,
    } unread { "hub_file" };
    Unpack = "xfd_api.chunks.Unpack" {
        destination, method, keep_archive, links, conda_unpack,
    };
    CatalogObject = "xfd_api.chunks.CatalogObject" {
        index, profile_name, bucket, found, destination, group, is_directory, cache, unpack,
        priority, pin,
    } made { blob };
    Span = "xfd_api.chunks.Span" { object, offset, length };
    Chunk = "xfd_api.chunks.Chunk" { index, spans, size } unread { "priority" };
    Catalog = "xfd_api.chunks.Catalog" { objects, chunks, first_object, first_chunk }
        unread { "excluded", "snapshots" };
    Lookup = "xfd_api.lookups.Lookup" { profile_name, bucket, key, is_prefix }
        unread { "destination", "cache", "unpack", "priority", "include", "exclude", "pin" };
    S3Config = "xfd_api.stores.ObjectStoreConfig" {
        bucket, endpoint, access_key_id, secret_access_key, session_token, region,
        addressing_style, anonymous, request_payer, sse_customer_key,
    } unread {
        "kind", "directory", "base_url", "http", "hub", "gcs", "azure"
    };
    HttpAccess = "xfd_api.store_access.HttpAccess" { headers, bearer, netrc };
    HubAccess = "xfd_api.store_access.HubAccess" { token };
    GcsAccess = "xfd_api.store_access.GcsAccess" { service_account, bearer };
    AzureAccess = "xfd_api.store_access.AzureAccess" {
        account, account_key, sas_token, client_id, tenant_id, client_secret,
    };
    UnpackCaps = "xfd_api.settings.UnpackCaps" { max_entries, max_bytes, max_ratio };
    NodeSettings = "xfd_api.settings.NodeSettings" {
        node_parallelism, max_uploads, memory_budget_bytes, origin_bytes_per_s,
        download_bytes_per_s, upload_bytes_per_s, connect_timeout = "connect_timeout_s",
        read_timeout = "read_timeout_s", attempts, relay_wait = "relay_wait_s", unpack_caps,
        verify_whole,
    } unread { "root", "hub_cache", "cache_quota_bytes", "cache_max_age_s" };
    PeerIdentity = "xfd_api.settings.PeerIdentity" { authority, certificate, key };
    SwarmTicket = "xfd_api.settings.SwarmTicket" { swarm, token, durability, identity };
}

read_variants! {
    pub(crate) const READ_ORDERS;
    Order in "xfd_api.orders" {
        Fetch = "Fetch" { first_order, first_chunk, count, source, priority }
        Cancel = "Cancel" { first_order, count }
        Pin = "Pin" { crcs }
        MeetPeers = "MeetPeers" { addresses }
        Discard = "Discard" { chunks }
        Release = "Release" { objects }
    }
}

impl Read for StoreConfig {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let kind: String = value.getattr("kind")?.extract()?;
        match kind.as_str() {
            "s3" => S3Config::read(value).map(Self::S3),
            "gcs" => Ok(Self::Gcs(read_fields!(
                value,
                GcsConfig {
                    bucket,
                    endpoint,
                    anonymous,
                    gcs
                }
            ))),
            "azure" => Ok(Self::Azure(read_fields!(
                value,
                AzureConfig {
                    bucket,
                    endpoint,
                    anonymous,
                    azure
                }
            ))),
            "local" => Ok(read_fields!(value, StoreConfig::Local { directory })),
            "http" => Ok(Self::Http(read_fields!(
                value,
                HttpConfig { base_url, http }
            ))),
            "hub" => Ok(Self::Hub(read_fields!(value, HubConfig { endpoint, hub }))),
            other => Err(PyValueError::new_err(format!("no store of kind {other:?}"))),
        }
    }
}

/// `xfd_api.profiles.ObjectStoreConfigByProfile`.
pub(crate) fn stores(value: &Bound<'_, PyAny>) -> PyResult<Stores> {
    Read::read(&value.getattr("profiles")?.call_method0("items")?)
}

/// A catalog whose relative destinations lie under `root`, and its blobs in the hub cache.
pub(crate) fn catalog(
    value: &Bound<'_, PyAny>,
    root: &Path,
    hub_cache: &Path,
) -> PyResult<Catalog> {
    let mut catalog = Catalog::read(value)?;
    let rooted = |path: &mut PathBuf| *path = root.join(&*path);
    let mut last: Option<(Arc<Path>, Arc<Path>)> = None;
    for object in &mut catalog.objects {
        if let Some(unpack) = &mut object.unpack {
            rooted(&mut unpack.destination);
        }
        if hub_cache::place(object, root, hub_cache)
            .map_err(|error| errors::raised(value.py(), &error, None))?
        {
            continue;
        }
        rooted(&mut object.destination);
        if let Some(group) = &mut object.group {
            // The objects of a prefix share one path.
            let whole = match &last {
                Some((given, whole)) if given == group => whole.clone(),
                _ => root.join(&**group).into(),
            };
            last = Some((std::mem::replace(group, whole.clone()), whole));
        }
    }
    Ok(catalog)
}
