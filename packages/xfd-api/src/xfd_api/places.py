"""Which store a request is read from: that of its profile, or an implicit one of its uri. Pure.

A full uri needs no profile: what it names is read with the store's own chain of credentials. With a
profile of the right kind it is read with that profile's credentials. Those of a web server, or of
an account of Azure, go to no other one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit

from xfd_api.errors import InvalidRequestError, UnknownProfileError
from xfd_api.hub_repos import FORM
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_api.uris import FORMS, VERSION, Uri, parse_uri

HUB_PROFILE = "hf:"
"""The implicit profile of a hub. Other implicit profiles are named by bucket or host."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request's objects are.

    Attributes:
        profile_name: the request's profile, or an implicit one.
        store: of that profile.
        bucket: see `Lookup.bucket`.
        key: the key, prefix, or path.
    """

    profile_name: str | None
    store: ObjectStoreConfig
    bucket: str | None
    key: str


def place_of(uri: str, profile_name: str | None, stores: ObjectStoreConfigByProfile) -> Place:
    """Where the objects of a uri are.

    Raises:
        UnknownProfileError: there is no profile of this name, and the uri needs one.
        InvalidRequestError: the uri makes no sense, or does not belong to the named profile.
        UnsafePathError: the uri has a `..` segment.
    """
    parsed = parse_uri(uri)
    if parsed is None:
        return _relative(uri, profile_name, stores)
    if profile_name is None and None not in stores.profiles:
        return _implicit(parsed)
    store = stores.of(profile_name)
    place = _in_store(parsed, profile_name, store)
    if place is not None:
        return place
    if profile_name is None:
        return _implicit(parsed)
    raise InvalidRequestError(
        f"The uri does not belong to the profile {profile_name!r}, {_named(store)}",
        object=uri,
        remedy="Correct profile_name, or drop it to read the uri without this profile",
    )


def _relative(key: str, profile_name: str | None, stores: ObjectStoreConfigByProfile) -> Place:
    if profile_name is None and None not in stores.profiles:
        raise UnknownProfileError(
            "The uri is a key without a store",
            object=key,
            remedy=f"Give a store or a profile_name, or a full uri: {FORMS}",
        )
    store = stores.of(profile_name)
    if store.kind is StoreKind.HUB:
        raise InvalidRequestError("The uri names no repository", object=key, remedy=f"Write {FORM}")
    return Place(profile_name, store, None, key)


def _in_store(uri: Uri, profile_name: str | None, store: ObjectStoreConfig) -> Place | None:
    """Where the uri is in a profile's store; None if it is not there."""
    if uri.kind is not store.kind:
        return None
    if uri.kind is StoreKind.HTTP:
        return _on_server(uri, profile_name, store)
    if uri.account is not None and (
        store.azure is None or (store.azure.account, store.endpoint) != (uri.account, uri.endpoint)
    ):
        return None
    # The store's own bucket is the same by its name.
    bucket = None if uri.bucket == store.bucket else uri.bucket
    return Place(profile_name, store, bucket, uri.key)


def _on_server(uri: Uri, profile_name: str | None, store: ObjectStoreConfig) -> Place | None:
    base, server = urlsplit(store.base_url or ""), urlsplit(uri.server or "")
    if _origin(base) != _origin(server):
        return None
    folder = unquote(base.path).strip("/")
    path = f"{unquote(server.path).strip('/')}/{uri.key}".lstrip("/")
    if folder and not path.startswith(f"{folder}/"):
        return None
    if server.query or server.path:
        # The same server with a query of its own, or a name that has an encoded slash.
        own = replace(store, base_url=uri.server)
        return Place(f"{profile_name or ''}:{_digest(uri.server or '')}", own, None, uri.key)
    return Place(profile_name, store, None, path[len(folder) :].lstrip("/"))


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = url.port
    except ValueError:
        raise InvalidRequestError("The URL has no valid port", object=url.geturl()) from None
    return url.scheme, url.hostname, port or {"http": 80, "https": 443}.get(url.scheme)


def _implicit(uri: Uri) -> Place:
    """The place in a store that only the uri describes. Its profile's name shows no secret."""
    bucket = uri.bucket or ""
    match uri.kind:
        case StoreKind.HUB:
            return Place(HUB_PROFILE, ObjectStoreConfig.make_for_hub(), bucket, uri.key)
        case StoreKind.GCS:
            return Place(f"gs://{bucket}", ObjectStoreConfig.make_for_gcs(bucket), None, uri.key)
        case StoreKind.AZURE:
            name = f"az://{bucket}" + (f"@{uri.account}" if uri.account else "")
            if uri.endpoint:
                name = f"{name}:{_digest(uri.endpoint)}"
            store = ObjectStoreConfig.make_for_azure(bucket, uri.account, uri.endpoint)
            return Place(name, store, None, uri.key)
        case StoreKind.HTTP:
            server = uri.server or ""
            host = urlsplit(server).hostname
            store = ObjectStoreConfig.make_for_http(server)
            return Place(f"https://{host}:{_digest(server)}", store, None, uri.key)
    own, mark, version = bucket.partition(VERSION)
    store = ObjectStoreConfig.make_for_s3(own)
    return Place(f"s3://{own}", store, bucket if mark and version else None, uri.key)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _named(store: ObjectStoreConfig) -> str:
    if store.kind is StoreKind.HTTP:
        return "whose credentials go to its own web server only"
    return f"which is a store of kind {store.kind.value}"
