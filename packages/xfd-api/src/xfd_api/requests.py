"""Download requests: objects and prefixes, and their destinations."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_api.errors import UnknownArchiveError


class UnpackMethod(str, enum.Enum):
    """Format of an archive. `Auto` chooses it by the extension of the object's key."""

    Auto = "auto"
    Tar = "tar"
    TarGz = "tar.gz"
    TarZst = "tar.zst"
    Gz = "gz"
    Zip = "zip"


class Links(str, enum.Enum):
    """Which links an archive may contain.

    `Safe`: symbolic links that stay inside the tree. An archive with other links, devices, named
    pipes or sockets is refused.

    `Keep`: for a trusted archive. All symbolic links are kept as they are. Absolute paths are taken
    as relative to the tree. Devices, pipes and sockets are left out and named in the report.

    Neither writes outside the tree. An entry below a link is written to the link's target, resolved
    as if the tree were the whole file system.
    """

    Safe = "safe"
    Keep = "keep"


_METHOD_BY_EXTENSION = (
    (".tar.gz", UnpackMethod.TarGz),
    (".tgz", UnpackMethod.TarGz),
    (".tar.zst", UnpackMethod.TarZst),
    (".tzst", UnpackMethod.TarZst),
    (".tar", UnpackMethod.Tar),
    (".zip", UnpackMethod.Zip),
    (".gz", UnpackMethod.Gz),
)


def detect_unpack_method(key: str) -> UnpackMethod:
    """The format that the extension of `key` names, whatever its case.

    Raises:
        UnknownArchiveError: the extension names no format that xfd unpacks.
    """
    lowered = key.lower()
    for extension, method in _METHOD_BY_EXTENSION:
        if lowered.endswith(extension):
            return method
    known = " ".join(extension for extension, _ in _METHOD_BY_EXTENSION)
    raise UnknownArchiveError(f"The extension names no archive format; known: {known}", object=key)


@dataclass(frozen=True, slots=True)
class UnpackOptions:
    """How to unpack an archive.

    Attributes:
        destination: the folder that becomes the unpacked tree. For a bare .gz it is the folder of
            the one unpacked file.
        unpack_method: the archive's format.
        keep_archive: whether the archive itself stays on disk after the distribution.
        links: "safe", or "keep" for a trusted archive; see `Links`. A tree that was unpacked with
            the other value is unpacked again.

    Example:
        >>> options = UnpackOptions(Path("models/bert"), unpack_method=UnpackMethod.TarGz)
        >>> options.keep_archive
        True
    """

    destination: Path
    unpack_method: UnpackMethod = UnpackMethod.Auto
    keep_archive: bool = True
    links: Links | Literal["safe", "keep"] = Links.Safe


@dataclass(frozen=True, slots=True)
class ObjectDownloadRequest:
    """Requests one object.

    Attributes:
        uri: a key of the profile's store, or a full `s3://bucket/key`.
        destination: the file that it becomes; a relative path lies under the node's root.
        cache: whether a valid file at the destination is kept; False fetches it again.
        unpack_options: how to unpack the object, if it is an archive to unpack.
        profile_name: the profile with the store and its credentials; None for the one without name.

    Example:
        >>> ObjectDownloadRequest("models/weights.bin", Path("models/weights.bin")).cache
        True
    """

    uri: str
    destination: Path
    cache: bool = True
    unpack_options: UnpackOptions | None = None
    profile_name: str | None = None


@dataclass(frozen=True, slots=True)
class PrefixDownloadRequest:
    """Requests all objects under a prefix, as a tree of files.

    Attributes:
        uri: a prefix of whole path segments, or `s3://bucket/prefix`. `tok` does not match
            `tokenizer/`. Empty for the whole bucket.
        destination: the folder of the tree; a relative path lies under the node's root.
        cache: whether valid files at their destinations are kept; False fetches all again.
        profile_name: the profile with the store and its credentials; None for the one without name.
        include: `fnmatch` patterns for keys below the prefix. If given, all other keys are left
            out. `*` crosses slashes, and `name/` stands for everything below that folder.
        exclude: such patterns for keys to leave out, applied after `include`. A file that an
            earlier run fetched stays on disk.

    Example:
        >>> PrefixDownloadRequest("models/", Path("models"), include=("*.safetensors",)).exclude
        ()
    """

    uri: str
    destination: Path
    cache: bool = True
    profile_name: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """One entry of a list of downloads.

    Example:
        >>> DownloadRequest(value=PrefixDownloadRequest("tokenizer/", Path("tok"))).value.uri
        'tokenizer/'
    """

    value: ObjectDownloadRequest | PrefixDownloadRequest
