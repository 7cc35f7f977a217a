"""Requests that travel to a process of Ray, and are brought to its node there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from xfd_api.chunks import Unpack
from xfd_api.paths import local_path, root
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.request_forms import Requests, as_requests
from xfd_api.requests import DownloadRequest
from xfd_api.results import ObjectResult
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.client.lease_call import LeaseCall
from xfd_ray.cluster.coordinator_client import wait_by_future
from xfd_ray.cluster.raylet import inherited_variables
from xfd_ray.distribute import plan_of
from xfd_ray.environment import Environment
from xfd_ray.frameworks.once_per_node import SizedFile, once_per_node
from xfd_ray.on_this_node import call_on_this_node
from xfd_ray.validation import check_option


@dataclass(frozen=True)
class FilesHere:
    """The arguments of an `ensure_local` that another process calls."""

    requests: tuple[DownloadRequest, ...]
    store: ObjectStoreConfig | ObjectStoreConfigByProfile | None = field(repr=False)
    options: tuple[tuple[str, Any], ...] = ()

    @staticmethod
    def of(
        download_requests: Requests,
        object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
        **options: Any,
    ) -> FilesHere:
        """Checks the arguments here, where a program is written.

        Raises:
            InvalidRequestError, UnknownProfileError, UnsafePathError, UnknownArchiveError,
                DestinationConflictError: see `download_distributed`.
        """
        requests = tuple(as_requests(download_requests))
        plan_of(requests, object_store_config)
        for name, value in options.items():
            check_option(name, value)
        return FilesHere(requests, object_store_config, tuple(options.items()))

    def call(self) -> LeaseCall | None:
        """The call that brings the files to the node of this process, which has not begun.

        None if no request is for this node.
        """
        options = dict(self.options)
        return call_on_this_node(self.requests, self.store, **options, wait=wait_by_future)

    def bring_once_per_node(self) -> None:
        """Returns when the files are on this node; see `once_per_node`.

        The program's other processes on this node, with the same variables, make no call then.
        """
        once_per_node(self._note(), self._bring)

    def _bring(self) -> list[SizedFile]:
        call = self.call()
        objects = () if call is None else call.once().objects
        lookups = plan_of(self.requests, self.store).lookups
        trees = {each.destination: each.unpack for each in lookups if each.unpack is not None}
        return [each for item in objects for each in _on_disk(item, trees.get(item.destination))]

    def _note(self) -> Path:
        context = ray.get_runtime_context()
        variables = Environment.of(inherited_variables()).variables
        wish = hashlib.sha256(repr((self.requests, self.store, variables)).encode()).hexdigest()
        name = f"{context.get_node_id()[:16]}-{context.get_job_id()}-{wish[:16]}.json"
        return root() / ".xfd-hooks" / name


def _on_disk(item: ObjectResult, tree: Unpack | None) -> Iterator[SizedFile]:
    """What an object is on disk: itself, the folder that it is unpacked to, or both."""
    if tree is not None:
        yield str(local_path(tree.destination)), 0
    if tree is None or tree.keep_archive:
        yield str(local_path(item.destination)), item.size
