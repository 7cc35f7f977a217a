"""Given the stages of a pipeline, what is fetched, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api import (
    DownloadRequest,
    HubDownloadRequest,
    NodeSelector,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    ObjectStoreConfigByProfile,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.errors import (
    DestinationConflictError,
    InvalidRequestError,
    UnknownArchiveError,
    UnknownProfileError,
)
from xfd_api.node_selector import Nodes
from xfd_api.request_forms import BareRequest
from xfd_pipelines.collect import CollectedRequests, collect_requests
from xfd_pipelines.v1 import Stage

STORE = ObjectStoreConfig.make_for_s3(bucket="models")


class Needs(Stage):
    def __init__(self, *values: BareRequest) -> None:
        self._values = values

    @property
    def download_requests(self) -> list[DownloadRequest]:
        return [DownloadRequest(value=value) for value in self._values]


def an_object(uri: str = "a/b.bin", to: str = "b.bin", **more: object) -> ObjectDownloadRequest:
    return ObjectDownloadRequest(uri=uri, destination=Path(to), **more)  # type: ignore[arg-type]


def a_prefix(uri: str, to: str) -> PrefixDownloadRequest:
    return PrefixDownloadRequest(uri=uri, destination=Path(to))


def test_stages_without_requests_need_no_store() -> None:
    assert collect_requests([Stage(), Stage()], None) == CollectedRequests()


def test_requests_without_a_store_are_refused() -> None:
    with pytest.raises(UnknownProfileError, match="without a store"):
        collect_requests([Needs(an_object())], None)


def test_what_two_stages_need_is_fetched_once_for_the_first() -> None:
    later = an_object("c.bin", "c.bin")
    collected = collect_requests([Stage(), Needs(an_object()), Needs(later, an_object())], STORE)
    assert [request.value.uri for request in collected.requests] == ["a/b.bin", "c.bin"]
    assert collected.priorities == (1, 2)


def test_one_stage_that_wants_no_cache_decides_for_all() -> None:
    collected = collect_requests([Needs(an_object()), Needs(an_object(cache=False))], STORE)
    assert [request.value.cache for request in collected.requests] == [False]


@pytest.mark.parametrize("other", ["s3://models/a/b.bin", "a/b.bin"])
def test_an_object_is_the_same_by_either_spelling_of_its_uri(other: str) -> None:
    collected = collect_requests([Needs(an_object()), Needs(an_object(other, "./b.bin"))], STORE)
    assert len(collected.requests) == 1


def test_an_object_is_the_same_whoever_s_keys_read_it() -> None:
    stores = ObjectStoreConfigByProfile(
        profiles={
            "one": ObjectStoreConfig.make_for_s3("models", None, "AK1", "SK1"),
            "two": ObjectStoreConfig.make_for_s3("models", None, "AK2", "SK2"),
        }
    )
    stages = [Needs(an_object(profile_name="one")), Needs(an_object(profile_name="two"))]
    collected = collect_requests(stages, stores)
    assert [request.value.profile_name for request in collected.requests] == ["one"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (an_object("a"), an_object("b")),
        (an_object("a"), an_object("s3://other/a")),
        (an_object("a", "folder"), a_prefix("p", "folder")),
        (
            an_object("a.tar", "a.tar", unpack_options=UnpackOptions(Path("tree"))),
            an_object("b.zip", "b.zip", unpack_options=UnpackOptions(Path("tree/"))),
        ),
        (
            an_object("a.tar", "a.tar"),
            an_object("a.tar", "a.tar", unpack_options=UnpackOptions(Path("tree"))),
        ),
    ],
)
def test_two_different_things_for_one_destination_are_refused(
    one: ObjectDownloadRequest, two: ObjectDownloadRequest
) -> None:
    with pytest.raises(DestinationConflictError):
        collect_requests([Needs(one), Needs(two)], STORE)


def test_an_archive_may_not_be_unpacked_onto_itself() -> None:
    archive = an_object("a.tar", "a", unpack_options=UnpackOptions(Path("a")))
    with pytest.raises(DestinationConflictError):
        collect_requests([Needs(archive)], STORE)


def test_several_prefixes_may_fill_one_folder() -> None:
    collected = collect_requests([Needs(a_prefix("p", "f"), a_prefix("q", "f"))], STORE)
    assert len(collected.requests) == 2


def test_what_makes_no_sense_is_refused_by_its_own_name() -> None:
    unknown = an_object("a.rar", unpack_options=UnpackOptions(Path("t"), UnpackMethod.Auto))
    with pytest.raises(UnknownArchiveError):
        collect_requests([Needs(unknown)], STORE)
    with pytest.raises(UnknownProfileError):
        collect_requests([Needs(an_object(profile_name="nobody"))], STORE)


def test_a_stage_s_requests_may_be_bare_or_uris() -> None:
    class Bare(Stage):
        download_requests = (an_object(), "s3://models/c.bin")

    collected = collect_requests([Bare()], STORE)
    assert [request.value.uri for request in collected.requests] == ["a/b.bin", "s3://models/c.bin"]


@pytest.mark.parametrize("given", [[5], {"uri": "a"}, None])
def test_what_is_no_request_is_refused_by_the_stage_s_name(given: object) -> None:
    class Wrong(Stage):
        download_requests = given

    with pytest.raises(InvalidRequestError, match="Wrong"):
        collect_requests([Wrong()], STORE)


def test_full_uris_need_no_store_and_share_the_hub_cache() -> None:
    config = ObjectDownloadRequest("hf://org/bert/config.json", None)
    stages = [Needs(config), Needs(HubDownloadRequest("org/bert"), an_object("s3://models/a.bin"))]

    collected = collect_requests(stages, None)

    assert collected.priorities == (0, 1, 1)


def test_a_repository_that_two_stages_need_is_fetched_once() -> None:
    stages = [Needs(HubDownloadRequest("org/bert")), Needs(HubDownloadRequest("org/bert", "main"))]

    assert collect_requests(stages, None).priorities == (0,)


GPU = NodeSelector(resources={"GPU": 1.0})
CPU = NodeSelector(resources={"CPU": 1.0})


def test_each_stage_s_files_go_to_its_nodes_unless_a_request_names_others() -> None:
    class Named(Stage):
        download_requests = (DownloadRequest(an_object("c", "c"), nodes=["aa"]),)

    stages = [Needs(an_object("a", "a")), Needs(an_object("b", "b")), Named()]
    collected = collect_requests(stages, STORE, nodes=[None, GPU, GPU])
    selected = [request.nodes for request in collected.requests]
    assert selected == [None, GPU, NodeSelector(ids=("aa",))]
    assert collected.names_nodes == (False, False, True)


def test_what_two_stages_need_goes_to_the_nodes_of_both() -> None:
    stores = ObjectStoreConfigByProfile(
        profiles={
            "one": ObjectStoreConfig.make_for_s3("models", None, "AK1", "SK1"),
            "two": ObjectStoreConfig.make_for_s3("models", None, "AK2", "SK2"),
        }
    )
    stages = [Needs(an_object(profile_name="one")), Needs(an_object(profile_name="two"))]
    collected = collect_requests(stages, stores, nodes=[CPU, GPU])
    assert [(each.value.profile_name, each.nodes) for each in collected.requests] == [
        ("one", CPU),
        ("one", GPU),
    ]
    assert collected.priorities == (0, 1)


@pytest.mark.parametrize(
    ("one", "two", "is_refused"),
    [
        (["aa"], ["bb"], False),
        ({"rank": "0"}, {"rank": "1"}, False),
        (["aa"], ["aa", "bb"], True),
        (None, ["aa"], True),
        ({"rank": "0"}, {"pool": "a"}, True),
    ],
    ids=str,
)
def test_two_things_have_one_destination_only_on_different_nodes(
    one: Nodes, two: Nodes, *, is_refused: bool
) -> None:
    class Shards(Stage):
        download_requests = (
            DownloadRequest(an_object("a", "shard"), one),
            DownloadRequest(an_object("b", "shard"), two),
        )

    if is_refused:
        with pytest.raises(DestinationConflictError):
            collect_requests([Shards()], STORE)
    else:
        assert len(collect_requests([Shards()], STORE).requests) == 2
