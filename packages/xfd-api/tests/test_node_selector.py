"""What `nodes=` can be, of a call and of a request."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from xfd_api import DownloadRequest, NodeSelector, ObjectDownloadRequest
from xfd_api.errors import InvalidRequestError
from xfd_api.lookups import plan_downloads
from xfd_api.node_selector import as_selector
from xfd_api.request_forms import for_one_host

VALUE = ObjectDownloadRequest("s3://bucket/w.bin", Path("w.bin"))


@pytest.mark.parametrize(
    "conditions",
    [
        {"ids": "aa"},
        {"ids": {"aa"}},
        {"ids": (b"aa",)},
        {"labels": "pool=train"},
        {"labels": None},
        {"resources": "GPU"},
        {"resources": {"GPU": "1"}},
        {"resources": {"GPU": True}},
        {"labels": {"rank": 0}},
        {"labels": {0: "rank"}},
        {"resources": {None: 1}},
    ],
    ids=str,
)
def test_a_condition_of_the_wrong_type_is_refused_by_name(conditions: dict[str, Any]) -> None:
    name = next(iter(conditions))
    with pytest.raises(InvalidRequestError, match=name) as caught:
        NodeSelector(**conditions)
    assert caught.value.remedy


@pytest.mark.parametrize("nodes", ["aa", b"aa", [], 3, [1, 2], {"aa"}, {"rank": 0}, [["aa"]]])
def test_what_is_no_selection_is_refused(nodes: Any) -> None:
    with pytest.raises(InvalidRequestError):
        as_selector(nodes)
    with pytest.raises(InvalidRequestError) as caught:
        DownloadRequest(VALUE, nodes)
    assert caught.value.remedy


def test_only_a_list_of_ids_leaves_late_nodes_out() -> None:
    assert as_selector(None).takes_late_nodes
    assert as_selector({"pool": "train"}).takes_late_nodes
    assert not as_selector(["aa"]).takes_late_nodes


@pytest.mark.parametrize(
    ("nodes", "selector"),
    [
        (None, None),
        (["aa", "bb"], NodeSelector(ids=("aa", "bb"))),
        ({"rank": "0"}, NodeSelector(labels={"rank": "0"})),
        (NodeSelector(resources={"GPU": 1}), NodeSelector(resources={"GPU": 1})),
    ],
)
def test_a_request_names_its_nodes_in_each_form_of_a_call(nodes: Any, selector: Any) -> None:
    request = DownloadRequest(VALUE, nodes)
    assert request.nodes == selector
    assert hash(request) == hash(DownloadRequest(VALUE, nodes=nodes))
    assert pickle.loads(pickle.dumps(request)) == request
    assert [each.nodes for each in plan_downloads(request, None).lookups] == [selector]


def test_one_host_has_no_nodes_to_select_from() -> None:
    assert for_one_host(VALUE) == [DownloadRequest(VALUE)]
    with pytest.raises(InvalidRequestError, match="no cluster") as caught:
        for_one_host([VALUE, DownloadRequest(VALUE, nodes={"rank": "0"})])
    assert caught.value.object == VALUE.uri


def test_selectors_are_equal_by_their_conditions_and_hash_by_all_of_them() -> None:
    one = NodeSelector(labels={"a": "1", "b": "2"}, resources={"GPU": 1})
    two = NodeSelector(labels={"b": "2", "a": "1"}, resources={"GPU": 1.0})
    assert {one: "same"}[two] == "same"
    assert len({hash(NodeSelector(labels={"rank": str(rank)})) for rank in range(50)}) > 25
