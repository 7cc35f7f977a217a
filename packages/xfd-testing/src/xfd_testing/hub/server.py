"""The hub itself: who may read what, lists, and where the bytes of a file are."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlencode

from xfd_testing.hub import listings
from xfd_testing.hub.cdn import Cdn
from xfd_testing.hub.limits import RateLimit
from xfd_testing.hub.repository import KINDS, HubFile, Repository, UnknownRevisionError
from xfd_testing.hub.wire import Answer, Exchange, Request, WebServer, bearer, part_of

PAGE_ENTRIES = 1000
COMMIT = re.compile("[0-9a-f]{40}")
_COMPRESSED = (".json", ".md", ".txt")


class HubServer:
    """A stand-in of the Hugging Face hub on loopback. Use `running`.

    It answers what `huggingface_hub` asks to list and to download, in the words of the hub. Large
    files come from `cdn`, on a port of its own, by a redirect to a signed address; small ones by a
    redirect to another path of the hub, as on huggingface.co.

    Attributes:
        url: what `HF_ENDPOINT` is set to.
        cdn: serves the large files.
        tokens: that the hub knows; others are refused with 401.
        renamed: old ids of repositories, with the new ones.
        limits: rate limits by resource, "api" and "resolvers".
        page_entries: so many entries of a list come at once.
    """

    def __init__(self) -> None:
        self.cdn = Cdn()
        self.tokens: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.limits: dict[str, RateLimit] = {}
        self.page_entries = PAGE_ENTRIES
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._web = WebServer("hub", self)
        self.url = self._web.url

    def stop(self) -> None:
        """Ends both servers."""
        self._web.stop()
        self.cdn.stop()

    def add(
        self,
        id: str,
        revisions: Mapping[str, Mapping[str, bytes]],
        *,
        kind: str = "model",
        gated: bool = False,
        private: bool = False,
        readers: tuple[str, ...] = (),
    ) -> Repository:
        """Adds a repository.

        Args:
            id: `ORG/NAME` or `NAME`.
            revisions: branches, tags and `refs/pr/N`, each with its files by path.
            kind: model, dataset or space.
            gated: see `Repository`.
            private: see `Repository`.
            readers: tokens that may read it; the hub knows them from now on.
        """
        made = Repository(id, kind, gated=gated, private=private, readers=set(readers))
        for revision, files in revisions.items():
            made.commit(revision, files)
        self._repositories[kind, id] = made
        self.tokens.update(readers)
        return made

    @property
    def exchanges(self) -> list[Exchange]:
        """All requests to the hub and its content delivery network so far."""
        return [*self._web.exchanges, *self.cdn.exchanges]

    def forget(self) -> None:
        """Empties the record of requests."""
        self._web.exchanges.clear()
        self.cdn.exchanges.clear()

    def asked(self, *, with_token: bool | None = None, of: str = "") -> list[Exchange]:
        """The requests to the hub.

        Args:
            with_token: only those with a token, or only those without.
            of: only those with this text in their path, for example `/tree/`.
        """
        return [
            each
            for each in self._web.exchanges
            if of in each.path and with_token in (None, each.token is not None)
        ]

    def leaked(self) -> list[Exchange]:
        """The requests that took a token to the content delivery network."""
        return [each for each in self.cdn.exchanges if each.token is not None]

    def sent_bytes(self, blob: str) -> int:
        """Bytes of one blob that both servers have sent, by GETs that were answered with it."""
        return sum(each.sent_bytes for each in self.exchanges if each.blob == blob)

    def environment(self, token: str | None = None) -> dict[str, str]:
        """Variables that bring `huggingface_hub` to this hub."""
        named = {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return {**named, "HF_TOKEN": token} if token else named

    def answer(self, request: Request) -> Answer:
        """The answer to one request."""
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        is_api = parts[0] == "api" and parts[1:2] != ["resolve-cache"]
        resource = "api" if is_api else "resolvers"
        limit = self.limits.get(resource)
        refused = limit.refuse(resource) if limit else None
        if refused:
            return refused
        token = bearer(request.headers)
        if token is not None and token not in self.tokens:
            return _error(401, None, "Invalid credentials in Authorization header")
        kind, ids, rest = _route(parts)
        old = "/".join(ids)
        if old in self.renamed:
            path = request.path.replace(old, self.renamed[old], 1)
            query = f"?{urlencode(request.query)}" if request.query else ""
            return Answer(307, {"Location": path + query})
        repository = self._repositories.get((kind, old))
        if repository is None or (repository.private and token not in repository.readers):
            return _error(404 if token else 401, "RepoNotFound", "Repository not found")
        try:
            if is_api and rest != ["auth-check"]:
                return self._api(request, repository, rest)
            if repository.gated and token not in repository.readers:
                message = f"Access to {repository.kind} {repository.id} is restricted."
                return _error(403 if token else 401, "GatedRepo", message)
            return _json({}) if is_api else self._file(request, repository, rest)
        except UnknownRevisionError as error:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {error}")

    def _api(self, request: Request, repository: Repository, rest: list[str]) -> Answer:
        verb = rest[0] if rest else "revision"
        revision = rest[1] if len(rest) > 1 else "main"
        if verb == "refs":
            return _json(listings.references(repository))
        if verb == "revision":
            files = "blobs" in request.query
            return _json(listings.information(repository, revision, with_files=files))
        if verb == "paths-info":
            return _json(listings.named(repository, revision, _paths_of(request)))
        if verb == "tree":
            return self._tree(request, repository, revision, "/".join(rest[2:]))
        return _error(404, None, "Sorry, we can't find the page you are looking for.")

    def _tree(self, request: Request, repository: Repository, revision: str, folder: str) -> Answer:
        recursive = request.query.get("recursive", "").lower() in ("true", "1")
        entries = listings.tree(repository, revision, folder, recursive=recursive)
        if folder and not entries:
            commit = repository.resolve(revision)
            return _error(404, "EntryNotFound", f"{folder} does not exist on {commit}")
        begin = int(request.query.get("cursor", "0"))
        end = begin + self.page_entries
        answer = _json(entries[begin:end])
        if end < len(entries):
            query = urlencode({**request.query, "cursor": str(end)})
            answer.headers["Link"] = f'<{self.url}{request.path}?{query}>; rel="next"'
        return answer

    def _file(self, request: Request, repository: Repository, rest: list[str]) -> Answer:
        verb, revision, path = rest[0], rest[1], "/".join(rest[2:])
        commit = repository.resolve(revision)
        file = repository.files(revision).get(path)
        if file is None or path in repository.missing:
            answer = _error(404, "EntryNotFound", "Entry not found")
            answer.headers["X-Repo-Commit"] = commit
            return answer
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.blob_id}"'}
        if verb == "resolve-cache":
            return _content(request, file, headers)
        headers["X-Linked-ETag"] = f'"{file.blob_id}"'
        headers["X-Linked-Size"] = str(file.size)
        if not file.is_lfs:
            place = f"/api/resolve-cache/{repository.kind}s/{repository.id}/{commit}"
            same = request.path.partition("/resolve/")[2].partition("/")[2]
            return Answer(307, {**headers, "Location": f"{place}/{same}"})
        if repository.has_xet:
            api = f"{self.url}/api/{repository.kind}s/{repository.id}"
            headers["X-Xet-Hash"] = file.xet_hash
            headers["Link"] = f'<{api}/xet-read-token/{commit}>; rel="xet-auth"'
        return Answer(302, {**headers, "Location": self.cdn.sign(file)})


@contextmanager
def running() -> Iterator[HubServer]:
    """A hub for the length of a block."""
    server = HubServer()
    try:
        yield server
    finally:
        server.stop()


def _route(parts: list[str]) -> tuple[str, list[str], list[str]]:
    """Kind, id and the rest of a path.

    `api/KINDs/ID[/VERB/…]`, `[KINDs/]ID/resolve/…` or `api/resolve-cache/KINDs/ID/COMMIT/PATH`.
    """
    kinds = {f"{kind}s": kind for kind in KINDS}
    if parts[:2] == ["api", "resolve-cache"]:
        end = next(place for place, part in enumerate(parts) if COMMIT.fullmatch(part))
        return kinds.get(parts[2], ""), parts[3:end], ["resolve-cache", *parts[end:]]
    verbs = ("revision", "tree", "paths-info", "refs", "auth-check", "resolve")
    parts = parts[1:] if parts[0] == "api" else parts
    kind = kinds.get(parts[0], "model")
    parts = parts[1:] if parts[0] in kinds else parts
    end = next((place for place, part in enumerate(parts) if place and part in verbs), len(parts))
    return kind, parts[: min(end, 2)], parts[min(end, 2) :]


def _content(request: Request, file: HubFile, headers: dict[str, str]) -> Answer:
    accepts = request.headers.get("accept-encoding", "")
    range_header = request.headers.get("range")
    if "gzip" in accepts and file.path.endswith(_COMPRESSED) and range_header is None:
        packed = gzip.compress(file.content, mtime=0)
        headers = {**headers, "ETag": f'W/"{file.blob_id}"', "Content-Encoding": "gzip"}
        return Answer(200, headers, packed, file.blob_id)
    return part_of(file.content, range_header, headers, file.blob_id)


def _paths_of(request: Request) -> list[str]:
    if "json" in request.headers.get("content-type", ""):
        return [str(path) for path in json.loads(request.body)["paths"]]
    return parse_qs(request.body.decode()).get("paths", [])


def _json(value: object) -> Answer:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(200, headers, json.dumps(value).encode())


def _error(status: int, code: str | None, message: str) -> Answer:
    answer = _json({"error": message})
    answer.status = status
    answer.headers["X-Error-Message"] = message
    if code:
        answer.headers["X-Error-Code"] = code
    return answer
