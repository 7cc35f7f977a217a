"""Files of requests for `xfd get`: what they may say, and which line is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.requests import (
    HubDownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.stores import StoreKind
from xfd_ray.cli.request_file import parse_requests, read_request_file
from xfd_testing.markdown import blocks_of

PAGE = Path(__file__).parents[1] / "README.md"

WHOLE = """
stores:
  models: {s3: {bucket: company, region: eu-west-1}}
  mirror:
    hub: {endpoint: "https://hub.example.org"}
requests:
  - hf://org/bert
  - uri: s3://bucket/llama/
    include: ["*.safetensors"]
    priority: 2
  - {uri: config.json, profile: models, destination: c.json, cache: false, checksum: "md5:00"}
  - uri: s3://bucket/env.tar.gz
    destination: /opt/env.tar.gz
    unpack: {destination: /opt/env, method: tar.gz, keep_archive: false}
  - {repo: org/data, type: dataset, revision: v1, destination: data, profile: mirror}
"""


def test_a_file_says_all_that_requests_do() -> None:
    read = parse_requests(WHOLE)
    assert [each.value for each in read.requests] == [
        HubDownloadRequest("org/bert", "main"),
        PrefixDownloadRequest("s3://bucket/llama/", Path("llama"), include=("*.safetensors",)),
        ObjectDownloadRequest(
            "config.json", Path("c.json"), cache=False, profile_name="models", checksum="md5:00"
        ),
        ObjectDownloadRequest(
            "s3://bucket/env.tar.gz",
            Path("/opt/env.tar.gz"),
            unpack_options=UnpackOptions(
                Path("/opt/env"),
                unpack_method=UnpackMethod.TarGz,
                keep_archive=False,
            ),
        ),
        HubDownloadRequest(
            "org/data", "v1", "dataset", destination=Path("data"), profile_name="mirror"
        ),
    ]
    assert read.priorities == (0, 2, 0, 0, 0)
    assert read.stores is not None
    assert read.stores.of("models").region == "eu-west-1"
    assert read.stores.of("mirror").kind is StoreKind.HUB


def test_json_is_yaml_too() -> None:
    read = parse_requests('{"requests": [{"uri": "s3://b/k", "destination": "d"}]}')
    assert read.requests[0].value.destination == Path("d")
    assert read.stores is None


LAUGHS = "a: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
"""A few hundred bytes that stand for 100,000,000,000 values."""

ITEM = "requests:\n  - uri: s3://b/k\n    "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "requests is empty"),
        ("a: 1", "requests, line 1, a: a is not known here. Known are requests, stores"),
        ("stores: {}", "requests is missing"),
        ("requests: []", "line 1, requests: requests is empty"),
        ("requests: {}", "line 1, requests: requests is not a list"),
        ("requests:\n  - 3", r"line 2, requests\[0\]: it is no mapping"),
        ("requests:\n  - {}", r"line 2, requests\[0\]: it has neither uri nor repo"),
        (ITEM + "destin: x", r"line 3, requests\[0\]\.destin: .*Did you mean destination"),
        (ITEM + "cache: maybe", r"line 3, requests\[0\]\.cache: cache is not true or false"),
        (ITEM + "priority: high", "priority is not a whole number"),
        (ITEM + "priority: 2024-13-45", "line 3.*looks like a number or a day, and is none"),
        (ITEM + f"priority: {'9' * 5000}", "line 3.*looks like a number or a day, and is none"),
        (ITEM + "2024-13-45: 1", "line 3.*looks like a number or a day, and is none"),
        ("? [a]\n: 1", "line 1: a key is a list or a mapping"),
        ("requests: &all [*all]", r"line 1, requests\[0\]: this holds itself"),
        ("requests: " + "[" * 9000, "nested too deeply"),
        (LAUGHS, "the document has more than 1000000 values"),
        (ITEM + "include: ['*']", "line 3.*include has no meaning for an object"),
        (ITEM + "uri: s3://b/l", r"line 3, requests\[0\]\.uri: this key is there already"),
        (ITEM + "unpack: {}", "line 3.*unpack: destination is missing"),
        (ITEM + "unpack: {destination: d, meth: zip}", "Did you mean method"),
        ("requests:\n  - a/../b", r"line 2, requests\[0\]: The uri climbs out"),
        ("requests:\n  - {uri: s3://b/p/, checksum: x}", "checksum has no meaning for a prefix"),
        ("requests:\n  - {uri: s3://b/p/, include: [1]}", r"include\[0\]: include holds something"),
        ("requests:\n  - {repo: o/n, uri: hf://o/n}", "line 2.*uri is not known here"),
        ("requests: [hf://o/n]\nstores: {m: {}}", "line 2, stores.m: it names no kind of store"),
        ("requests: [hf://o/n]\nstores: {m: {s3: {}}}", "stores.m.s3: bucket is missing"),
        (
            "requests: [hf://o/n]\nstores: {m: {s3: {bucket: b, secret_access_key: s}}}",
            "secret_access_key is not known here",
        ),
        (
            "requests: [hf://o/n]\nstores: {m: {local: {directory: relative}}}",
            "line 2, stores.m.local: The store's directory is not absolute",
        ),
        ("requests:\n\t- x", "line 2: this is no YAML"),
        ("requests: [", "this is no YAML"),
        ("requests: !!python/object:os.system {}", "requests"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_line_and_key(text: str, says: str) -> None:
    with pytest.raises((InvalidRequestError, UnsafePathError), match=says):
        parse_requests(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"No such file.*nothing.yaml"):
        read_request_file(str(tmp_path / "nothing.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidRequestError, match="not UTF-8"):
        read_request_file(str(tmp_path / "binary.yaml"))


def test_the_file_that_the_page_shows_is_one() -> None:
    (shown,) = (block for block in blocks_of(PAGE) if block.language == "yaml")
    assert len(parse_requests(shown.text).requests) == 4
