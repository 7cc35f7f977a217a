"""What a hub has is found at one commit, and each refusal of the hub has a name."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from xfd_api.chunks import Checksum, FoundObject
from xfd_api.errors import (
    AccessDeniedError,
    CredentialsError,
    InvalidRequestError,
    MissingPackageError,
    ObjectNotFoundError,
    OriginAnswerError,
    OriginThrottledError,
    OriginUnreachableError,
    XfdError,
)
from xfd_api.lookups import Lookup, plan_downloads
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.finding import find_objects
from xfd_dataplane.hub import failures
from xfd_dataplane.hub.find import find_at_hub
from xfd_testing.hub import HubServer, RateLimit, running

FILES = {"config.json": b"{}", "onnx/model.onnx": b"graph", "model.safetensors": b"weights" * 100}


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with running() as hub:
        hub.add("org/bert", {"main": FILES, "v1": {"config.json": b"{1}"}})
        hub.add("org/books", {"main": {"a.txt": b"a"}}, kind="dataset")
        hub.add("org/gated", {"main": FILES}, gated=True, readers=("reader",))
        hub.add("org/private", {"main": FILES}, private=True, readers=("reader",))
        hub.tokens.add("stranger")
        yield hub


@pytest.fixture
def hub(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(failures, "PAUSE_S", 0.01)
    server.limits.clear()
    server.page_entries = 1000
    server.forget()
    return server


def found(hub: HubServer, *uris: str, token: str | None = None) -> list[list[FoundObject]]:
    plan = plan_downloads(uris, ObjectStoreConfig.make_for_hub(hub.url, token))
    return find_at_hub(plan.lookups, plan.stores)


def test_a_repository_is_listed_with_the_names_of_its_blobs(hub: HubServer) -> None:
    repository = hub.add("org/own", {"main": FILES})

    (files,) = found(hub, "hf://org/own")

    here, commit = repository.files(), repository.resolve("main")
    assert [each.key for each in files] == sorted(FILES)
    for each in files:
        file = here[each.key]
        assert (each.size, each.etag) == (file.size, f'"{file.blob_id}"')
        algorithm = "sha256" if file.is_lfs else "git-sha1"
        assert each.checksum == Checksum(algorithm, file.blob_id)  # type: ignore[arg-type]
        assert each.location == f"{commit}/{each.key}"
        assert each.hub_file is not None
        assert each.hub_file.git_id == file.git_id
        assert each.hub_file.xet_hash == (file.xet_hash if file.is_lfs else None)


@pytest.mark.parametrize(
    ("uri", "paths"),
    [
        ("hf://org/bert/onnx/", ["onnx/model.onnx"]),
        ("hf://org/bert/onnx/model.onnx", ["onnx/model.onnx"]),
        ("hf://org/bert@v1", ["config.json"]),
        ("hf://datasets/org/books", ["a.txt"]),
        ("hf://org/bert/nothing/", []),
    ],
)
def test_a_part_a_revision_and_a_dataset(hub: HubServer, uri: str, paths: list[str]) -> None:
    (files,) = found(hub, uri)

    assert [each.key for each in files] == paths


def test_a_long_list_comes_in_pages(hub: HubServer) -> None:
    hub.page_entries = 1

    assert len(found(hub, "hf://org/bert")[0]) == len(FILES)


def test_a_revision_is_resolved_once_for_all_its_lookups(hub: HubServer) -> None:
    found(hub, "hf://org/bert/config.json", "hf://org/bert/onnx/", "hf://org/bert")

    asked = [each.path for each in hub.exchanges if "/revision/" in each.path]
    assert asked == ["/api/models/org/bert/revision/main"]


@pytest.mark.parametrize(
    ("uri", "token", "kind", "words"),
    [
        ("hf://org/none", None, ObjectNotFoundError, "or it is private.*set HF_TOKEN"),
        ("hf://org/none", "stranger", ObjectNotFoundError, "that the token may see"),
        ("hf://org/private", None, ObjectNotFoundError, "or it is private.*set HF_TOKEN"),
        ("hf://org/private", "stranger", ObjectNotFoundError, "that the token may see"),
        ("hf://org/gated", None, AccessDeniedError, "there is no token.*Accept the licence at"),
        ("hf://org/gated", "stranger", AccessDeniedError, "token has no access.*Accept the lic"),
        ("hf://org/bert", "revoked", AccessDeniedError, "refuses the token"),
        ("hf://org/bert@v9", None, ObjectNotFoundError, "no revision 'v9'"),
        ("hf://org/bert/none.json", None, ObjectNotFoundError, "no such file"),
        ("hf://org/bert/onnx", None, ObjectNotFoundError, "a folder of the repository"),
    ],
)
def test_each_refusal_has_a_name(
    hub: HubServer, uri: str, token: str | None, kind: type[XfdError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        found(hub, uri, token=token)

    assert token is None or token not in str(caught.value)
    assert "org/" in str(caught.value.object)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("HF_ENDPOINT", "huggingface.co", InvalidRequestError),
        ("HF_ENDPOINT", "ftp://user:secret@host", InvalidRequestError),
        ("HF_TOKEN", "hf_sécret", CredentialsError),
        ("HF_TOKEN", "hf_se cret", CredentialsError),
    ],
)
def test_a_variable_that_makes_no_sense_is_named_at_once(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str, kind: type[XfdError]
) -> None:
    monkeypatch.setenv(name, value)
    plan = plan_downloads("hf://org/bert", ObjectStoreConfig.make_for_hub())
    with pytest.raises(kind, match=name) as raised:
        find_at_hub(plan.lookups, plan.stores)
    assert "cret" not in str(raised.value)
    assert hub.exchanges == []


@pytest.mark.parametrize("uri", ["hf://org/gated", "hf://org/private"])
def test_a_reader_finds_what_others_do_not(hub: HubServer, uri: str) -> None:
    assert len(found(hub, uri, token="reader")[0]) == len(FILES)


def test_a_rate_limit_is_waited_for(hub: HubServer) -> None:
    hub.limits["api"] = RateLimit(1, 0.3)

    assert len(found(hub, "hf://org/bert")[0]) == len(FILES)
    assert 429 in {each.status for each in hub.exchanges}


def test_a_rate_limit_that_lasts_is_named_with_its_end(hub: HubServer) -> None:
    hub.limits["api"] = RateLimit(0, 1000.0)

    with pytest.raises(OriginThrottledError, match="again in 1000 s"):
        found(hub, "hf://org/bert")


def test_a_hub_out_of_reach_is_named(hub: HubServer) -> None:
    plan = plan_downloads("hf://org/bert", ObjectStoreConfig.make_for_hub("http://127.0.0.1:9"))

    with pytest.raises(OriginUnreachableError, match="No connection to the hub"):
        find_at_hub(plan.lookups, plan.stores)


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_nothing_is_asked(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(OriginUnreachableError, match="forbids to ask the hub, and its cache here"):
        found(hub, "hf://org/bert")
    assert hub.exchanges == []


def test_offline_the_hub_cache_answers(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    online = found(hub, "hf://org/bert", "hf://org/bert/onnx/", "hf://org/bert/config.json")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    store = ObjectStoreConfig.make_for_hub(hub.url)
    download("hf://org/bert", store)
    hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    offline = found(hub, "hf://org/bert", "hf://org/bert/onnx/", "hf://org/bert/config.json")

    assert offline == online
    assert [[each.hub_file for each in files] for files in offline] == [
        [each.hub_file for each in files] for files in online
    ]
    for uri, kind in (
        ("hf://org/bert/none", ObjectNotFoundError),
        ("hf://org/bert/onnx", ObjectNotFoundError),
        ("hf://org/bert@v1", OriginUnreachableError),
        (f"hf://org/bert@{'a' * 40}", OriginUnreachableError),
    ):
        with pytest.raises(kind):
            found(hub, uri)
    assert download("hf://org/bert", store).cached_bytes == sum(map(len, FILES.values()))
    assert hub.exchanges == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format_version": 2, "files": {}}', "\0"])
def test_offline_a_list_of_another_kind_is_no_list(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    trees = tmp_path / "models--org--bert" / "trees"
    trees.mkdir(parents=True)
    (trees / f"{'a' * 40}.json").write_text(text)

    with pytest.raises(OriginUnreachableError, match="no list of the files"):
        found(hub, f"hf://org/bert@{'a' * 40}")


def test_without_the_package_the_error_says_how_to_get_it(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(MissingPackageError, match=r"pip install 'xfd-dataplane\[hub\]'"):
        found(hub, "hf://org/bert")


@pytest.mark.parametrize(
    ("field", "value"),
    [("oid", "../../etc"), ("oid", None), ("size", "many"), ("lfs", {"oid": "ab", "size": 1})],
)
def test_what_the_hub_names_is_no_path(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    from xfd_testing.hub import listings

    entry = {"type": "file", "oid": "a" * 40, "size": 1, "path": "a", field: value}
    monkeypatch.setattr(listings, "tree", lambda *_, **__: [entry])

    with pytest.raises(OriginAnswerError, match="The hub g"):
        found(hub, "hf://org/bert")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit": '"api";r=0;t=243'}, 243.0),
        ({"ratelimit": '"api";r=0;t=243', "retry-after": "9"}, 243.0),
        ({"retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_limit(headers: dict[str, str], seconds: float | None) -> None:
    assert failures.reset_s(headers) == seconds


def test_a_question_is_asked_again_only_if_that_may_help() -> None:
    def outcome(*statuses: int | None) -> tuple[int, list[float]]:
        asked: list[int | None] = []
        waits: list[float] = []

        def question() -> None:
            asked.append(statuses[min(len(asked), len(statuses) - 1)])
            if asked[-1] != 200:
                error = OSError()
                if asked[-1] is not None:
                    error.response = SimpleNamespace(  # type: ignore[attr-defined]
                        status_code=asked[-1], headers={"retry-after": "200"}
                    )
                raise error

        with contextlib.suppress(OSError):
            failures.retried(question, waits.append)
        return len(asked), waits

    assert outcome(404)[0] == 1
    assert outcome(503, 200)[0] == 2
    assert outcome(None)[0] == failures.ATTEMPTS
    assert outcome(429, 200) == (2, [200.0])
    assert outcome(429) == (2, [200.0])  # A second window would be more than PATIENCE_S.


def test_lookups_of_all_kinds_are_answered_in_their_order(hub: HubServer) -> None:
    class Elsewhere:
        def find_objects(
            self, lookups: list[Lookup], stores: ObjectStoreConfigByProfile
        ) -> list[list[FoundObject]]:
            return [[FoundObject(lookup.key, 1)] for lookup in lookups]

    plan = plan_downloads(
        ["s3://b/k", "hf://org/bert@v1", "s3://b/l"], ObjectStoreConfig.make_for_hub(hub.url)
    )

    answers = find_objects(Elsewhere(), plan.lookups, plan.stores)  # type: ignore[arg-type]
    assert [[each.key for each in answer] for answer in answers] == [["k"], ["config.json"], ["l"]]
