"""Files of requests for `xfd get` and `xfd plan`, in YAML (JSON is YAML too).

A file has `requests`, and `stores` if requests name profiles:

    stores:
      models: {s3: {bucket: company-models, region: eu-west-1}}
    requests:
      - {uri: "s3://bucket/llama/", destination: llama, include: ["*.safetensors"]}
      - {uri: config.json, profile: models, destination: config.json, checksum: "sha256:..."}
      - {uri: "s3://bucket/env.tar.gz", destination: env.tar.gz, unpack: {destination: env}}
      - {repo: org/model, revision: v1.0}

A uri that ends in a slash is a prefix. Credentials are never in the file: each node has its own
chain. Errors name the line and the key.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfd_api.errors import InvalidRequestError
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.request_forms import as_requests
from xfd_api.requests import (
    DownloadRequest,
    HubDownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.cli.yaml_places import Place, read_yaml

_COMMON = {"destination": str, "cache": bool, "profile": str, "priority": int}
_REQUEST: Mapping[str, type] = {
    **_COMMON,
    "uri": str,
    "include": list,
    "exclude": list,
    "checksum": str,
    "unpack": dict,
}
_REPO: Mapping[str, type] = {
    **_COMMON,
    "repo": str,
    "revision": str,
    "type": str,
    "include": list,
    "exclude": list,
}
_UNPACK: Mapping[str, type] = {
    "destination": str,
    "method": str,
    "keep_archive": bool,
    "links": str,
    "conda_unpack": bool,
}
_ONLY_OBJECTS = ("checksum", "unpack")
_ONLY_PREFIXES = ("include", "exclude")

_STORES: Mapping[str, tuple[Callable[..., ObjectStoreConfig], Mapping[str, type]]] = {
    "s3": (
        ObjectStoreConfig.make_for_s3,
        {
            "bucket": str,
            "endpoint": str,
            "region": str,
            "addressing_style": str,
            "anonymous": bool,
            "request_payer": str,
        },
    ),
    "gcs": (
        ObjectStoreConfig.make_for_gcs,
        {"bucket": str, "endpoint": str, "anonymous": bool},
    ),
    "azure": (
        ObjectStoreConfig.make_for_azure,
        {"container": str, "account": str, "endpoint": str, "anonymous": bool},
    ),
    "hub": (ObjectStoreConfig.make_for_hub, {"endpoint": str}),
    "http": (ObjectStoreConfig.make_for_http, {"base_url": str, "netrc": bool}),
    "local": (ObjectStoreConfig.make_for_local, {"directory": str}),
}
_NEEDED = {
    "s3": "bucket",
    "gcs": "bucket",
    "azure": "container",
    "http": "base_url",
    "local": "directory",
}
_NAMES: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a mapping",
}


@dataclass(frozen=True, slots=True)
class RequestFile:
    """What a file asks for.

    Attributes:
        requests: in the order of the file.
        stores: by profile; None if the file names none.
        priorities: one per request.
    """

    requests: tuple[DownloadRequest, ...]
    stores: ObjectStoreConfigByProfile | None
    priorities: tuple[int, ...]


def read_request_file(name: str) -> RequestFile:
    """Reads a file of requests.

    Raises:
        InvalidRequestError: it cannot be read, or says something that makes no sense: the error
            names the line and the key.
    """
    try:
        text = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(
            f"The requests cannot be read: {reason}", path=name, remedy="Name a file in YAML"
        ) from None
    return parse_requests(text, name)


def parse_requests(text: str, name: str = "requests") -> RequestFile:
    r"""See `read_request_file`.

    Example:
        >>> parse_requests("requests:\n  - uri: s3://bucket/llama/\n").requests[0].value.destination
        PosixPath('llama')
    """
    top = read_yaml(text, name)
    given = _fields(top, {"requests": list, "stores": dict})
    if "requests" not in given:
        raise top.wrong("requests is missing", "List what to fetch under requests:")
    listed = given["requests"].items()
    if not listed:
        raise given["requests"].wrong("requests is empty", "List a uri or a repo")
    made = [_request(place) for place in listed]
    stores = None
    if "stores" in given:
        stores = ObjectStoreConfigByProfile(
            {profile: _store(place) for profile, place in given["stores"].entries().items()}
        )
    return RequestFile(tuple(each for each, _ in made), stores, tuple(rank for _, rank in made))


def _request(place: Place) -> tuple[DownloadRequest, int]:
    if isinstance(place.value, str):  # A bare uri.
        with place.named():
            return as_requests(place.value)[0], 0
    is_repo = isinstance(place.value, dict) and "repo" in place.value
    given = _fields(place, _REPO if is_repo else _REQUEST)
    values: dict[str, Any] = {key: each.plain() for key, each in given.items()}
    if "repo" not in values and "uri" not in values:
        raise place.wrong("it has neither uri nor repo", "Name what to fetch")
    priority = values.pop("priority", 0)
    with place.named():
        return DownloadRequest(_of_repo(values) if is_repo else _of_uri(values, given)), priority


def _of_repo(values: dict[str, Any]) -> HubDownloadRequest:
    values = _renamed(values, repo="repo_id", type="repo_type", profile="profile_name")
    return HubDownloadRequest(**_with_paths(values))


def _of_uri(
    values: dict[str, Any], given: Mapping[str, Place]
) -> ObjectDownloadRequest | PrefixDownloadRequest:
    values = _renamed(values, profile="profile_name")
    uri = values["uri"]
    if "destination" not in values:
        # The uri's key, or the hub cache.
        values["destination"] = as_requests(uri)[0].value.destination
    is_prefix = uri.endswith("/") or uri == "" or (uri.startswith("hf://") and uri.count("/") == 3)
    for key in _ONLY_OBJECTS if is_prefix else _ONLY_PREFIXES:
        if key in given:
            kind = "a prefix" if is_prefix else "an object"
            remedy = "End the uri in a slash for a prefix" if not is_prefix else "Name one object"
            raise given[key].wrong(f"{key} has no meaning for {kind}", remedy)
    values = _with_paths(values)
    if is_prefix:
        return PrefixDownloadRequest(**values)
    if "unpack" in values:
        unpacking = _fields(given["unpack"], _UNPACK)
        if "destination" not in unpacking:
            raise given["unpack"].wrong("destination is missing", "Name the folder to unpack into")
        plain = {key: each.plain() for key, each in unpacking.items()}
        plain = _with_paths(_renamed(plain, method="unpack_method"))
        values["unpack_options"] = UnpackOptions(**plain)
        del values["unpack"]
    return ObjectDownloadRequest(**values)


def _store(place: Place) -> ObjectStoreConfig:
    kinds = _fields(place, dict.fromkeys(_STORES, dict))
    if len(kinds) != 1:
        raise place.wrong("it names no kind of store", f"Give one of {', '.join(_STORES)}")
    ((kind, settings),) = kinds.items()
    make, known = _STORES[kind]
    given = _fields(settings, known)
    needed = _NEEDED.get(kind)
    if needed is not None and needed not in given:
        raise settings.wrong(f"{needed} is missing", f"Give {needed}: ...")
    with settings.named():
        return make(**{key: each.plain() for key, each in given.items()})


def _fields(place: Place, known: Mapping[str, type]) -> dict[str, Place]:
    """The entries of a mapping, each known and of its type."""
    entries = place.entries()
    for key, entry in entries.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}"
            raise entry.wrong(f"{key} is not known here", hint)
        kind = known[key]
        if type(entry.value) is not kind:
            raise entry.wrong(f"{key} is not {_NAMES[kind]}", f"Give {_NAMES[kind]}")
        if kind is list and key in _ONLY_PREFIXES:
            for item in entry.items():
                if type(item.value) is not str:
                    raise item.wrong(f"{key} holds something that is no text", "Quote the pattern")
    return entries


def _renamed(values: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in values.items()}


def _with_paths(values: dict[str, Any]) -> dict[str, Any]:
    """The same with a path as the destination, and tuples of patterns."""
    made: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in values.items()
    }
    if isinstance(made.get("destination"), str):
        made["destination"] = Path(made["destination"])
    return made
