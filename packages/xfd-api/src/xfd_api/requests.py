"""What a user asks for: objects and prefixes, and where they should land."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_api.errors import UnknownArchiveError


class UnpackMethod(str, enum.Enum):
    """Format of an archive. `Auto` tells it from the extension of the object's key."""

    Auto = "auto"
    Tar = "tar"
    TarGz = "tar.gz"
    TarZst = "tar.zst"
    Gz = "gz"
    Zip = "zip"


class Links(str, enum.Enum):
    """What the links of an archive may be.

    `Safe`: symbolic links that stay inside the tree; an archive with others, with devices, named
    pipes or sockets is refused. `Keep`, for an archive that one trusts: symbolic links as they
    are, wherever they lead, and absolute paths taken as relative to the tree; devices, pipes and
    sockets are left out, and named in the report.

    Either way nothing is written outside of the tree. An entry below a link goes where that leads
    if the tree is taken for the whole file system.
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
    """What to do with an archive once it is here.

    Attributes:
        destination: the folder that becomes the unpacked tree; for a bare .gz, the folder that
            its one file lands in.
        unpack_method: the archive's format.
        keep_archive: whether the archive itself stays on disk after the distribution.
        links: "safe", or "keep" for an archive that one trusts; see `Links`. A tree that was
            unpacked with the other value is unpacked anew.
    """

    destination: Path
    unpack_method: UnpackMethod = UnpackMethod.Auto
    keep_archive: bool = True
    links: Links | Literal["safe", "keep"] = Links.Safe


@dataclass(frozen=True, slots=True)
class ObjectDownloadRequest:
    """One object.

    Attributes:
        uri: key below the profile's store, or a whole `s3://bucket/key`.
        destination: the file it becomes; relative paths lie under the node's root.
        cache: False fetches it in any case.
        unpack_options: given, the object is an archive to be unpacked.
        profile_name: whose store and credentials to use.
    """

    uri: str
    destination: Path
    cache: bool = True
    unpack_options: UnpackOptions | None = None
    profile_name: str | None = None


@dataclass(frozen=True, slots=True)
class PrefixDownloadRequest:
    """All objects under a prefix, as a tree of files.

    Attributes:
        uri: a prefix of whole path segments (`tok` does not match `tokenizer/`), or
            `s3://bucket/prefix`; empty for the whole bucket.
        destination: the folder that the tree lands in; relative paths lie under the node's root.
        cache: False fetches everything in any case.
        profile_name: whose store and credentials to use.
        include: patterns of `fnmatch` for keys below the prefix; given, all others are left out.
            `*` crosses slashes, and `name/` is all that lies below it.
        exclude: patterns likewise, of keys to leave out; they come after `include`. A file that an
            earlier run fetched stays where it is.
    """

    uri: str
    destination: Path
    cache: bool = True
    profile_name: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """One entry of a list of downloads."""

    value: ObjectDownloadRequest | PrefixDownloadRequest
