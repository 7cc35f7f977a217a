"""Asks a hub's interface, with the session, the token and the errors of `huggingface_hub`.

The requests are made here, because those of `HfApi` that list have no time-out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from xfd_api import __version__
from xfd_api.errors import (
    CredentialsError,
    InvalidRequestError,
    MissingPackageError,
    OriginAnswerError,
)
from xfd_api.hub_repos import HubRepo
from xfd_api.store_access import can_be_sent
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane.hub.failures import as_named, retried

TIMEOUT_S = 20.0
"""Longest silence of the hub, in seconds."""


class HubClient:
    """Asks a hub about one repository.

    Args:
        store: the hub. Endpoint and token that it lacks are those of this node's environment.
        repo: the repository.

    Raises:
        MissingPackageError: huggingface_hub is not installed here.
        InvalidRequestError: this node's HF_ENDPOINT is no URL.
        CredentialsError: this node's token cannot be sent.
    """

    def __init__(self, store: ObjectStoreConfig, repo: HubRepo) -> None:
        try:
            from huggingface_hub import constants, get_token
            from huggingface_hub.utils import build_hf_headers
        except ModuleNotFoundError as error:
            if error.name != "huggingface_hub":
                raise
            raise MissingPackageError(
                "The hub is listed with the package huggingface_hub, which is not installed here",
                remedy="Run pip install 'xfd-dataplane[hub]' here, or on one node of a Ray cluster",
            ) from None

        own = None if store.hub is None else store.hub.token
        self.repo = repo
        # Read now, as Rust does: huggingface_hub keeps what it was at its import.
        own_endpoint = store.endpoint or os.environ.get("HF_ENDPOINT")
        self.endpoint: str = (own_endpoint or constants.ENDPOINT).rstrip("/")
        if urlsplit(self.endpoint).scheme not in ("http", "https"):
            raise InvalidRequestError(
                "The endpoint of the hub begins with neither http:// nor https://",
                object=self.endpoint,
                remedy="Set HF_ENDPOINT as https://host or https://host/path",
            )
        token = own or get_token()
        if token and not can_be_sent(token):
            raise CredentialsError(
                "The token of the hub has a space, a line break or a character that is not ASCII",
                object=repo.repo_id,
                remedy="Correct HF_TOKEN or the token file",
            )
        self.has_token = bool(token)
        self._headers: dict[str, str] = build_hf_headers(
            token=own, library_name="xfd", library_version=__version__
        )
        self._place = f"{self.endpoint}/api/{repo.repo_type}s/{repo.repo_id}"

    def information(self) -> Mapping[str, Any]:
        """What the hub says of the repository at its revision."""
        answer, _ = self._ask("GET", f"{self._place}/revision/{quote(self.repo.revision, safe='')}")
        if not isinstance(answer, dict):
            raise OriginAnswerError("The hub's answer is no object", object=self.repo.repo_id)
        return answer

    def check_access(self) -> None:
        """Raises if the hub says that the token may not read the repository's files."""
        self._ask("GET", f"{self._place}/auth-check")

    def tree(self, commit: str, folder: str) -> Iterator[Mapping[str, Any]]:
        """All files and folders below a folder; `""` is the whole repository."""
        from huggingface_hub.errors import EntryNotFoundError

        below = f"/{quote(folder)}" if folder else ""
        url: str | None = f"{self._place}/tree/{commit}{below}?recursive=true&expand=false"
        while url is not None:
            try:
                page, url = self._ask("GET", url)
            except EntryNotFoundError:
                return  # There is no such folder.
            yield from self._entries(page)

    def named(self, commit: str, path: str) -> list[Mapping[str, Any]]:
        """The file or folder of a path; empty if it is not there."""
        form = {"paths": [path], "expand": False}
        answer, _ = self._ask("POST", f"{self._place}/paths-info/{commit}", form)
        return self._entries(answer)

    def _entries(self, answer: object) -> list[Mapping[str, Any]]:
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise OriginAnswerError("The hub's list is no list", object=self.repo.repo_id)
        return answer

    def _ask(
        self, method: str, url: str, form: Mapping[str, Any] | None = None
    ) -> tuple[object, str | None]:
        """The answer as a value of JSON, and the address of the next page, if there is one."""
        from huggingface_hub.utils import get_session, hf_raise_for_status

        def question() -> tuple[object, str | None]:
            response = get_session().request(
                method, url, headers=self._headers, data=form, timeout=TIMEOUT_S
            )
            hf_raise_for_status(response)
            following = response.links.get("next", {}).get("url")
            return (response.json() if response.content else None), following

        with as_named(self.repo, self.endpoint, has_token=self.has_token):
            answer, following = retried(question)
        if following is not None and not self._is_own(following):
            # The token goes to no other host.
            raise OriginAnswerError(
                "The hub continues its list on another host", object=self.repo.repo_id
            )
        return answer, following

    def _is_own(self, url: str) -> bool:
        return urlsplit(url)[:2] == urlsplit(self.endpoint)[:2]
