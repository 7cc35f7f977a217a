"""Reads the stores of cosmos-xenna: a uri, and arguments of the crate `object_store`. Pure.

No value of an argument is in an error: it may be a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from xfd_api import ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_api.errors import InvalidRequestError

Arguments = dict[str, str]

_PREFIXES = ("aws_", "google_", "azure_storage_", "azure_")
_S3 = {
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "endpoint": "endpoint",
    "endpoint_url": "endpoint",
    "region": "region",
    "default_region": "region",
    "session_token": "session_token",
    "token": "session_token",
    "virtual_hosted_style_request": "addressing_style",
    "skip_signature": "anonymous",
    "request_payer": "request_payer",
}
_GCS = {
    "service_account": "service_account",
    "service_account_path": "service_account",
    "service_account_key": "service_account",
    "application_credentials": "service_account",
    "bearer_token": "bearer",
    "base_url": "endpoint",
    "skip_signature": "anonymous",
}
_AZURE = {
    "account_name": "account",
    "account_key": "account_key",
    "access_key": "account_key",
    "endpoint": "endpoint",
    "sas_token": "sas_token",
    "sas_key": "sas_token",
    "client_id": "client_id",
    "tenant_id": "tenant_id",
    "client_secret": "client_secret",
    "skip_signature": "anonymous",
}
_HAS_NO_NEED = frozenset(
    {
        *("allow_http", "timeout", "connect_timeout", "user_agent", "default_content_type"),
        *("http1_only", "http2_only", "http2_keep_alive_interval", "http2_keep_alive_timeout"),
        *("http2_keep_alive_while_idle", "pool_idle_timeout", "pool_max_idle_per_host"),
        *("bucket", "bucket_name", "container_name", "unsigned_payload", "checksum_algorithm"),
    }
)
"""Arguments of the other client that say neither where the store is nor who may read it."""


@dataclass(frozen=True, slots=True)
class Base:
    """The path within a store that uris are relative to; empty for all of it."""

    path: str = ""

    def within(self, uri: str) -> str:
        """The key of a uri in its store."""
        return f"{self.path}/{uri}" if self.path else uri


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores in xfd's form, and the base of each profile."""

    stores: ObjectStoreConfig | ObjectStoreConfigByProfile | None
    bases: Mapping[str | None, Base]


def read_stores(config: Any) -> Stores:
    """Reads an `ObjectStoreConfig` or `ObjectStoreConfigByProfile`; those of xfd stay as they are.

    Raises:
        InvalidRequestError: its form, its uri or an argument is not known; names it.

    Example:
        >>> from types import SimpleNamespace
        >>> read_stores(SimpleNamespace(uri="s3://models/v2/", config_args={})).bases
        {None: Base(path='v2')}
    """
    if config is None or isinstance(config, ObjectStoreConfig | ObjectStoreConfigByProfile):
        return Stores(config, {})
    profiles = getattr(config, "profiles", None)
    if not isinstance(profiles, Mapping):
        store, base = _read(config)
        return Stores(store, {None: base})
    read = {
        name: (each, Base()) if isinstance(each, ObjectStoreConfig) else _read(each)
        for name, each in profiles.items()
    }
    stores = ObjectStoreConfigByProfile({name: store for name, (store, _) in read.items()})
    return Stores(stores, {name: base for name, (_, base) in read.items()})


def _read(config: Any) -> tuple[ObjectStoreConfig, Base]:
    uri, arguments = getattr(config, "uri", None), getattr(config, "config_args", None)
    if not isinstance(uri, str) or not isinstance(arguments, Mapping):
        raise InvalidRequestError(
            f"The object store is a {type(config).__name__}, whose form is not known",
            remedy="Give cosmos-xenna's ObjectStoreConfig, or one of xfd_api",
        )
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return ObjectStoreConfig.make_for_local(parts.path), Base()
    make = _MAKERS.get(parts.scheme)
    if make is None or not parts.netloc:
        raise InvalidRequestError(
            "The object store's uri has none of the known forms: s3://bucket/, gs://bucket/, "
            "azure://container/, file:///folder",
            object=uri,
            remedy="Give an ObjectStoreConfig of xfd_api instead",
        )
    known, maker = make
    return maker(parts.netloc, _translated(arguments, known)), Base(parts.path.strip("/"))


def _translated(arguments: Mapping[str, str], known: Mapping[str, str]) -> Arguments:
    made: Arguments = {}
    for name, value in arguments.items():
        plain = _plain(name)
        if plain in known:
            made[known[plain]] = value
        elif plain not in _HAS_NO_NEED:
            raise InvalidRequestError(
                f"config_args of the object store has {name!r}, which is not known here",
                remedy="Leave it out, or give an ObjectStoreConfig of xfd_api, which has "
                "settings of its own",
            )
    return made


def _plain(name: str) -> str:
    lowered = name.lower()
    found = next((each for each in _PREFIXES if lowered.startswith(each)), "")
    return lowered.removeprefix(found)


def _is_true(value: str | None) -> bool:
    return str(value).lower() in ("1", "true", "yes", "on", "y")


def _s3(bucket: str, arguments: Arguments) -> ObjectStoreConfig:
    style = arguments.pop("addressing_style", None)
    named = None if style is None else "virtual" if _is_true(style) else "path"
    payer = "requester" if _is_true(arguments.pop("request_payer", None)) else None
    return ObjectStoreConfig.make_for_s3(
        bucket,
        **_without_flag(arguments),
        addressing_style=named or "auto",
        anonymous=_is_true(arguments.get("anonymous")),
        request_payer=payer,
    )


def _gcs(bucket: str, arguments: Arguments) -> ObjectStoreConfig:
    is_anonymous = _is_true(arguments.get("anonymous"))
    return ObjectStoreConfig.make_for_gcs(
        bucket, **_without_flag(arguments), anonymous=is_anonymous
    )


def _azure(container: str, arguments: Arguments) -> ObjectStoreConfig:
    is_anonymous = _is_true(arguments.get("anonymous"))
    return ObjectStoreConfig.make_for_azure(
        container, **_without_flag(arguments), anonymous=is_anonymous
    )


def _without_flag(arguments: Arguments) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "anonymous"}


_Maker = Callable[[str, Arguments], ObjectStoreConfig]
_MAKERS: dict[str, tuple[Mapping[str, str], _Maker]] = {
    **dict.fromkeys(("s3", "s3a"), (_S3, _s3)),
    "gs": (_GCS, _gcs),
    **dict.fromkeys(("az", "azure", "abfs", "abfss"), (_AZURE, _azure)),
}
