"""Download requests: objects, prefixes and repositories of a hub, and their destinations."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xfd_api.errors import UnknownArchiveError
from xfd_api.hub_repos import RepoType
from xfd_api.node_selector import Nodes, as_selector


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
        conda_unpack: for an environment that conda-pack packed: its `conda-unpack` runs in the tree
            before the tree gets its name. It executes code of the archive.

    Example:
        >>> options = UnpackOptions(Path("models/bert"), unpack_method=UnpackMethod.TarGz)
        >>> options.keep_archive
        True
    """

    destination: Path
    unpack_method: UnpackMethod = UnpackMethod.Auto
    keep_archive: bool = True
    links: Links | Literal["safe", "keep"] = Links.Safe
    conda_unpack: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDownloadRequest:
    """Requests one object.

    Attributes:
        uri: a key of the profile's store, or a full one such as `s3://bucket/key`,
            `gs://bucket/key`, `az://container/key`, `https://host/path` or `hf://ORG/NAME/path`.
        destination: the file that it becomes; a relative path lies under the node's root. None, for
            an `hf://` uri only, is the node's hub cache.
        cache: whether a valid file at the destination is kept; False fetches it again.
        unpack_options: how to unpack the object, if it is an archive to unpack.
        profile_name: the profile with the store and its credentials; None for the one without name.
        sha256: the SHA-256 that the object must have, in hexadecimal: `checksum="sha256:…"`.
        md5: such an MD5: `checksum="md5:…"`.
        checksum: `ALGORITHM:HEX` of the whole object, verified before it gets its name. Algorithms
            are sha256, md5, crc64nvme, crc32c, crc32 and git-sha1.

    Example:
        >>> ObjectDownloadRequest("models/weights.bin", Path("models/weights.bin")).cache
        True
    """

    uri: str
    destination: Path | None
    cache: bool = True
    unpack_options: UnpackOptions | None = None
    profile_name: str | None = None
    sha256: str | None = None
    md5: str | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class PrefixDownloadRequest:
    """Requests all objects under a prefix, as a tree of files.

    Attributes:
        uri: a prefix of whole path segments, or a full one such as `s3://bucket/prefix` (see
            `ObjectDownloadRequest`). `tok` does not match `tokenizer/`. Empty for the whole bucket.
        destination: the folder of the tree; a relative path lies under the node's root. None, for
            an `hf://` uri only, is the node's hub cache.
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
    destination: Path | None
    cache: bool = True
    profile_name: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubDownloadRequest:
    """Requests a repository of the Hugging Face hub, as `snapshot_download` does.

    Attributes:
        repo_id: `ORG/NAME`.
        revision: a branch, a tag or a commit; None for `main`.
        repo_type: "model", "dataset" or "space".
        include: `fnmatch` patterns for paths in the repository. If given, all other files are left
            out. See `PrefixDownloadRequest`.
        exclude: such patterns for files to leave out, applied after `include`.
        destination: the folder of the files; a relative path lies under the node's root. None is
            the node's hub cache, where `from_pretrained` finds them.
        cache: whether valid files at their destinations are kept; False fetches all again.
        profile_name: a profile made by `make_for_hub`. None is the hub of the environment, unless
            the profile without name is a hub.

    Example:
        >>> HubDownloadRequest("org/bert", include=("*.json", "*.safetensors")).repo_type
        'model'
    """

    repo_id: str
    revision: str | None = None
    repo_type: RepoType = "model"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    destination: Path | None = None
    cache: bool = True
    profile_name: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """One entry of a list of downloads.

    Attributes:
        value: what to download.
        nodes: of the nodes that the call selects, those that get it: Ray node ids, a dictionary of
            node labels, or a `NodeSelector`, which the other forms become. None is all of them.

    Raises:
        InvalidRequestError: `nodes` has none of these forms.

    Example:
        >>> shard = ObjectDownloadRequest("llama/rank0.bin", Path("llama/rank0.bin"))
        >>> DownloadRequest(value=shard, nodes={"rank": "0"}).nodes.labels
        {'rank': '0'}
    """

    value: ObjectDownloadRequest | PrefixDownloadRequest | HubDownloadRequest
    nodes: Nodes = None

    def __post_init__(self) -> None:
        """Refuses what selects no nodes, and keeps the rest as a `NodeSelector`."""
        if self.nodes is not None:
            selector = as_selector(self.nodes, what="DownloadRequest(nodes=...)")
            object.__setattr__(self, "nodes", selector)
