"""Reads the download requests of cosmos-xenna's stages. Pure.

Nothing of cosmos-xenna is imported: a request counts by its attributes. Its code and its documents
spell some of them differently; both spellings are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xfd_api import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.errors import InvalidRequestError
from xfd_api.uris import parse_uri
from xfd_pipelines.xenna.stores import Base

KNOWN = "0.2.0 to 0.5.12"
"""The versions of cosmos-xenna whose spellings are known."""

_UNPACK_DESTINATION = ("unpack_destination", "destination")
_METHODS = {method.name.lower(): method for method in UnpackMethod}


@dataclass(frozen=True, slots=True)
class StageRequests:
    """What one stage wants, as `collect_requests` takes it.

    Attributes:
        name: of the stage's class.
        download_requests: its requests, in xfd's form.
        own_uris: the uri of each of them as the stage has it: without the path of its store.
    """

    name: str
    download_requests: tuple[DownloadRequest, ...]
    own_uris: tuple[str, ...]


def requests_of(stages_or_spec: Any, bases: Mapping[str | None, Base]) -> list[StageRequests]:
    """What the stages want.

    Args:
        stages_or_spec: a `PipelineSpec`, a list of stages or `StageSpec`s, or a single one.
        bases: the path within its store that the uris of each profile are relative to.

    Raises:
        InvalidRequestError: it names the stage, and what about its request is not known.
    """
    given = getattr(stages_or_spec, "stages", stages_or_spec)
    stages = given if isinstance(given, Iterable) else [given]
    return [_of_stage(getattr(each, "stage", each), bases) for each in stages]


def _of_stage(stage: Any, bases: Mapping[str | None, Base]) -> StageRequests:
    name = type(stage).__name__
    if isinstance(stage, type | str) or not hasattr(stage, "download_requests"):
        raise InvalidRequestError(
            f"The stages hold {stage if isinstance(stage, type) else f'a {name}'}, "
            "which has no download_requests",
            remedy="Give a PipelineSpec, or its list of Stage or StageSpec instances",
        )
    requests = stage.download_requests or ()
    if isinstance(requests, str | bytes) or not isinstance(requests, Sequence):
        raise InvalidRequestError(
            f"Stage {name}: download_requests is a {type(requests).__name__}",
            remedy="Give a list of DownloadRequests",
        )
    read = [_read(each, name, bases) for each in requests]
    return StageRequests(
        name, tuple(request for request, _ in read), tuple(own_uri for _, own_uri in read)
    )


def _read(
    request: Any, stage: str, bases: Mapping[str | None, Base]
) -> tuple[DownloadRequest, str]:
    value = getattr(request, "value", request)
    uri = _named(value, ("uri",), stage)
    if not isinstance(uri, str):
        raise _unknown(stage, f"its uri is a {type(uri).__name__}")
    destination = _absolute(_named(value, ("destination",), stage), stage, uri)
    profile = getattr(value, "profile_name", None)
    within = uri if parse_uri(uri) else bases.get(profile, Base()).within(uri)
    if isinstance(value, ObjectDownloadRequest | PrefixDownloadRequest):
        nodes = request.nodes if isinstance(request, DownloadRequest) else None
        return DownloadRequest(replace(value, uri=within, destination=destination), nodes), uri
    cache = bool(getattr(value, "cache", True))
    if hasattr(value, "unpack_options"):
        unpack = _unpacking(value.unpack_options, stage, uri)
        made = ObjectDownloadRequest(within, destination, cache, unpack, profile)
        return DownloadRequest(made), uri
    if uri and not uri.endswith("/"):
        # cosmos-xenna joins the rest of a key, "/name", to the destination: that is the root.
        raise InvalidRequestError(
            f"Stage {stage}: the prefix has no slash at its end, and cosmos-xenna would write "
            "its files to the root of the file system",
            object=uri,
            remedy=f"Write {uri + '/'!r}",
        )
    return DownloadRequest(PrefixDownloadRequest(within, destination, cache, profile)), uri


def _unpacking(options: Any, stage: str, uri: str) -> UnpackOptions | None:
    if options is None:
        return None
    folder = _absolute(_named(options, _UNPACK_DESTINATION, stage), stage, uri)
    return UnpackOptions(folder, _method(getattr(options, "unpack_method", "auto"), stage))


def _method(given: Any, stage: str) -> UnpackMethod:
    """`UnpackMethod.TAR_GZ` in one spelling, `UnpackMethod.TarGz` in the other."""
    name = str(getattr(given, "name", given))
    found = _METHODS.get(name.replace("_", "").replace(".", "").lower())
    if found is None:
        raise _unknown(stage, f"its unpack_method is {name}")
    return found


def _named(value: Any, names: Sequence[str], stage: str) -> Any:
    for name in names:
        if hasattr(value, name):
            return getattr(value, name)
    raise _unknown(stage, f"a {type(value).__name__} has no {' and no '.join(names)}")


def _absolute(destination: Any, stage: str, uri: str) -> Path:
    if not isinstance(destination, str | Path):
        raise _unknown(stage, f"its destination is a {type(destination).__name__}")
    path = Path(destination)
    if not path.is_absolute():
        raise InvalidRequestError(
            f"Stage {stage}: the destination {path} is relative, and each process of "
            "cosmos-xenna would find it below its own working directory",
            object=uri,
            remedy="Give an absolute destination",
        )
    return path


def _unknown(stage: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"Stage {stage}: a download request cannot be read: {what}",
        remedy=f"Known are those of cosmos-xenna {KNOWN}; give such a request, or one of xfd_api",
    )
