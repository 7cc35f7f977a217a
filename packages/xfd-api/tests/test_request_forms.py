"""A request may be given bare, or as a uri; what is no request is refused by its type's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xfd_api import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.errors import InvalidRequestError
from xfd_api.lookups import plan_downloads
from xfd_api.profiles import by_profile
from xfd_api.request_forms import as_requests
from xfd_api.stores import ObjectStoreConfig

OBJECT = ObjectDownloadRequest("llama/w.bin", Path("w.bin"))
PREFIX = PrefixDownloadRequest("tokenizer", Path("tokenizer"))


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([DownloadRequest(OBJECT)], [OBJECT]),
        ([OBJECT, PREFIX], [OBJECT, PREFIX]),
        ((each for each in (OBJECT, PREFIX)), [OBJECT, PREFIX]),
        (OBJECT, [OBJECT]),
        (PREFIX, [PREFIX]),
        (DownloadRequest(PREFIX), [PREFIX]),
        ("a/b.bin", [ObjectDownloadRequest("a/b.bin", Path("a/b.bin"))]),
        (["s3://bucket/a/b"], [ObjectDownloadRequest("s3://bucket/a/b", Path("a/b"))]),
        (["s3://bucket/a/"], [PrefixDownloadRequest("s3://bucket/a/", Path("a"))]),
        (["tokenizer/"], [PrefixDownloadRequest("tokenizer/", Path("tokenizer"))]),
        ([], []),
    ],
)
def test_each_form_of_a_request(given: Any, values: list[object]) -> None:
    assert [request.value for request in as_requests(given)] == values


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"uri": "a"}, "dict"),
        (b"s3://bucket/a", "bytes"),
        (5, "int"),
        (None, "NoneType"),
        ([OBJECT, 5], "int"),
        ([Path("a")], "Path"),
        ([[OBJECT]], "list"),
        ("", "no key"),
        ("s3://bucket", "no key"),
        (["s3://bucket/"], "no key"),
        ([DownloadRequest("a")], "str"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_request_is_refused_by_name(given: Any, named: str) -> None:
    stores = by_profile(ObjectStoreConfig.make_for_s3("bucket"))
    with pytest.raises(InvalidRequestError, match=named):
        plan_downloads(given, stores)
