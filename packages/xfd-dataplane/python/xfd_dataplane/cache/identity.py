"""When two destinations are to have the same bytes. Pure.

An identity is a number of 63 bits, which keeps the index small. It is a hint: the record of the
file that it leads to is compared before the file is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from urllib.parse import urlsplit

from xfd_api.chunks import CatalogObject, Checksum, FoundObject
from xfd_api.identity import found_version, store_location
from xfd_api.stores import ObjectStoreConfig, StoreKind

STRONG = ("sha256", "git-sha1")
"""Checksums that say what a content is, even if a stranger made it."""


def store_name(store: ObjectStoreConfig, bucket: str | None, environment: Mapping[str, str]) -> str:
    """Where a store is, whatever credentials and profile it is read with."""
    endpoint = None
    if store.kind is StoreKind.S3 and store.endpoint is None:
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return repr((store_location(store, bucket), endpoint))


def version_identity(store: str, found: FoundObject) -> int | None:
    """Of one version of an object at its store; None if versions cannot be told apart.

    Args:
        store: its `store_name`.
        found: the object.
    """
    if found.etag is None and found.last_modified_ns is None:
        return None
    return _number("\0".join(map(str, (store, found.key, *found_version(found)))))


def content_identity(item: CatalogObject) -> int | None:
    """Of an object's content; None if no strong checksum of it is known.

    Example:
        >>> found = FoundObject("a", 1, checksum=Checksum("sha256", "00"))
        >>> content_identity(CatalogObject(0, None, None, found, "/a")) == content_identity(
        ...     CatalogObject(7, "other", "bucket", found, "/b")
        ... )
        True
    """
    for checksum in (item.pin, item.found.checksum):
        if checksum is not None and checksum.algorithm in STRONG:
            return checksum_identity(checksum)
    return None


def checksum_identity(checksum: Checksum) -> int:
    """Of the content with this checksum."""
    return _number(f"{checksum.algorithm}\0{checksum.value.lower()}")


def _number(text: str) -> int:
    digest = blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def source_of(store: ObjectStoreConfig, bucket: str | None, key: str) -> str:
    """The uri of a key or prefix for people; without passwords, queries and versions.

    Example:
        >>> source_of(ObjectStoreConfig.make_for_s3("models"), None, "llama/")
        's3://models/llama/'
    """
    match store.kind:
        case StoreKind.S3:
            return f"s3://{bucket or store.bucket}/{key}"
        case StoreKind.GCS:
            return f"gs://{bucket or store.bucket}/{key}"
        case StoreKind.AZURE:
            return f"az://{bucket or store.bucket}/{key}"
        case StoreKind.HUB:
            return f"hf://{bucket}/{key}".rstrip("/")
        case StoreKind.LOCAL:
            return f"file://{(store.directory or '').rstrip('/')}/{key}"
        case StoreKind.HTTP:
            base = urlsplit(store.base_url or "")
            host = base.netloc.rpartition("@")[2]
            return f"{base.scheme}://{host}{base.path.rstrip('/')}/{key}"
