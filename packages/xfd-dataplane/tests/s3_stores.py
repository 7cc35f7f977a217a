"""Configurations for the tests' S3 server."""

from __future__ import annotations

from harness.s3 import S3Server
from xfd_api.stores import ObjectStoreConfig


def store_of(server: S3Server, bucket: str, **other: str) -> ObjectStoreConfig:
    """A bucket, with the owner's keys unless `other` says otherwise."""
    given = {
        "endpoint": server.endpoint,
        "access_key_id": server.owner.access_key_id,
        "secret_access_key": server.owner.secret_access_key,
        "region": server.region,
        **other,
    }
    return ObjectStoreConfig.make_for_s3(bucket, **given)  # type: ignore[arg-type]
