"""What cosmos-xenna's stages and stores become, in each spelling, and what is refused."""

from __future__ import annotations

import enum
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xfd_api import (
    DownloadRequest,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.errors import InvalidRequestError
from xfd_api.results import ObjectResult
from xfd_pipelines import xenna
from xfd_pipelines.xenna.cache_info import Wanted, note, wanted_by
from xfd_pipelines.xenna.requests import requests_of
from xfd_pipelines.xenna.stores import Base, read_stores


class Upper(enum.Enum):
    """As cosmos-xenna's code spells it."""

    AUTO = "auto"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    ZIP = "zip"


class Camel(enum.Enum):
    """As its documents spell it."""

    Auto = 0
    Tar = 1
    TarGz = 2
    Zip = 3


def wanted(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(value=SimpleNamespace(**fields))


def object_of(**fields: Any) -> SimpleNamespace:
    given = {"uri": "a.tar.gz", "destination": Path("/m/a.tar.gz"), "unpack_options": None}
    return wanted(**{**given, **fields})


def prefix_of(**fields: Any) -> SimpleNamespace:
    return wanted(**{"uri": "dir/", "destination": Path("/m/dir"), **fields})


def stage_of(*requests: Any) -> SimpleNamespace:
    return SimpleNamespace(download_requests=list(requests))


def read(*requests: Any, bases: dict[str | None, Base] | None = None) -> list[Any]:
    (stage,) = requests_of([stage_of(*requests)], bases or {})
    return [each.value for each in stage.download_requests]


@pytest.mark.parametrize(
    ("spelled", "method"),
    [
        (Upper.AUTO, UnpackMethod.Auto),
        (Upper.TAR, UnpackMethod.Tar),
        (Upper.TAR_GZ, UnpackMethod.TarGz),
        (Upper.ZIP, UnpackMethod.Zip),
        (Camel.Auto, UnpackMethod.Auto),
        (Camel.Tar, UnpackMethod.Tar),
        (Camel.TarGz, UnpackMethod.TarGz),
        (Camel.Zip, UnpackMethod.Zip),
    ],
)
@pytest.mark.parametrize("name", ["unpack_destination", "destination"])
def test_both_spellings_of_an_archive_are_read(
    name: str, spelled: enum.Enum, method: UnpackMethod
) -> None:
    options = SimpleNamespace(**{name: Path("/m/a")}, unpack_method=spelled)
    (made,) = read(object_of(unpack_options=options))
    assert isinstance(made, ObjectDownloadRequest)
    assert made.unpack_options is not None
    assert (made.unpack_options.destination, made.unpack_options.unpack_method) == (
        Path("/m/a"),
        method,
    )
    assert made.unpack_options.keep_archive


def test_prefixes_profiles_and_caching_are_taken_over() -> None:
    assert read(prefix_of(profile_name="p", cache=False), object_of(profile_name="p")) == [
        PrefixDownloadRequest("dir/", Path("/m/dir"), cache=False, profile_name="p"),
        ObjectDownloadRequest("a.tar.gz", Path("/m/a.tar.gz"), profile_name="p"),
    ]


def test_requests_of_ours_keep_what_only_they_have() -> None:
    unpack = UnpackOptions(Path("/m/a"), keep_archive=False)
    pinned = ObjectDownloadRequest(
        "a.tar.gz", Path("/m/a.tar.gz"), unpack_options=unpack, checksum="md5:" + "0" * 32
    )
    shard = PrefixDownloadRequest("s3://models/dir/", Path("/m/dir"), include=["*.bin"])  # type: ignore[arg-type]
    given = stage_of(pinned, DownloadRequest(shard, nodes={"rank": "0"}))
    (stage,) = requests_of([given], {None: Base("v2")})
    assert stage.download_requests == (
        DownloadRequest(replace(pinned, uri="v2/a.tar.gz")),
        DownloadRequest(shard, nodes={"rank": "0"}),
    )
    assert len(wanted_by(zip(stage.download_requests, stage.own_uris, strict=True), [])) == 2


def test_prefixes_that_share_a_folder_note_their_own_files() -> None:
    folder = Path("/m/dir")
    stages = requests_of([stage_of(prefix_of(uri="a/"), prefix_of(uri="b/"))], {None: Base("v2")})
    pairs = list(zip(stages[0].download_requests, stages[0].own_uris, strict=True))
    came = [
        ObjectResult(f"v2/{key}", f"{folder}/{key[2:]}", 1, 1, 1, 0) for key in ("a/1", "b/x/2")
    ]
    assert wanted_by(pairs, came) == [
        Wanted("a/", str(folder), is_prefix=True, names=frozenset({"1"})),
        Wanted("b/", str(folder), is_prefix=True, names=frozenset({"x/2"})),
    ]
    assert wanted_by([pairs[0], pairs[0]], came) == [Wanted("a/", str(folder), is_prefix=True)]


def test_a_spec_its_stages_and_a_single_one_are_read_alike() -> None:
    stage = stage_of(object_of())
    spec_of_stage = SimpleNamespace(stage=stage, num_workers=1)
    forms = [stage, [stage], [spec_of_stage], SimpleNamespace(stages=[stage, spec_of_stage])]
    assert [len(requests_of(form, {})) for form in forms] == [1, 1, 1, 2]


def test_uris_lie_below_the_path_of_their_store() -> None:
    (made,) = read(object_of(), bases={None: Base("v2")})
    assert made.uri == "v2/a.tar.gz"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (wanted(key="a", destination=Path("/a")), "no uri"),
        (wanted(uri="a"), "no destination"),
        (wanted(uri=1, destination=Path("/a")), "its uri is a int"),
        (object_of(destination=None), "its destination is a NoneType"),
        (object_of(destination=Path("a")), "relative"),
        (prefix_of(uri="dir"), "Write 'dir/'"),
        (object_of(unpack_options=SimpleNamespace(target="/a")), "no unpack_destination and no"),
        (
            object_of(unpack_options=SimpleNamespace(destination="/a", unpack_method="RAR")),
            "its unpack_method is RAR",
        ),
    ],
)
def test_a_request_of_an_unknown_form_is_refused_by_what_is_wrong(
    request_: Any, words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        xenna.prefetch([stage_of(request_)])
    assert "SimpleNamespace" in str(caught.value)  # The stage's class.
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([SimpleNamespace()], "has no download_requests"),
        ([SimpleNamespace], "has no download_requests"),
        (7, "has no download_requests"),
        ([SimpleNamespace(download_requests="a")], "download_requests is a str"),
    ],
)
def test_what_is_no_stage_is_refused(given: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        xenna.prefetch(given)


def store(uri: str, **arguments: str) -> SimpleNamespace:
    return SimpleNamespace(uri=uri, config_args=arguments, retry_config=None)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (
            store(
                "s3://models/",
                access_key_id="id",
                aws_secret_access_key="key",
                endpoint="http://127.0.0.1:1",
                region="eu",
                timeout="300s",
                allow_http="true",
            ),
            ObjectStoreConfig.make_for_s3("models", "http://127.0.0.1:1", "id", "key", region="eu"),
        ),
        (
            store("s3://models", skip_signature="true", virtual_hosted_style_request="false"),
            ObjectStoreConfig.make_for_s3("models", anonymous=True, addressing_style="path"),
        ),
        (store("file:///data/x"), ObjectStoreConfig.make_for_local("/data/x")),
        (
            store("gs://models/", service_account_key="/keys/a.json"),
            ObjectStoreConfig.make_for_gcs("models", service_account="/keys/a.json"),
        ),
        (
            store("azure://models/", azure_storage_account_name="data", account_key="aGk="),
            ObjectStoreConfig.make_for_azure("models", "data", account_key="aGk="),
        ),
        (ObjectStoreConfig.make_for_s3("ours"), ObjectStoreConfig.make_for_s3("ours")),
    ],
)
def test_stores_are_taken_over(given: Any, made: ObjectStoreConfig) -> None:
    assert read_stores(given).stores == made
    by_profile = read_stores(SimpleNamespace(profiles={"p": given}))
    assert getattr(by_profile.stores, "profiles", None) == {"p": made}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (store("s3://models/", aws_metadata_endpoint="secret"), "'aws_metadata_endpoint'"),
        (store("ftp://models/"), "none of the known forms"),
        (store("s3:///"), "none of the known forms"),
        (SimpleNamespace(bucket="models"), "whose form is not known"),
    ],
)
def test_a_store_of_an_unknown_form_is_refused_without_its_keys(given: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        xenna.prefetch([stage_of(object_of())], SimpleNamespace(object_store_config=given))
    assert "secret" not in str(caught.value)


def test_a_bare_store_is_not_taken_for_a_configuration() -> None:
    with pytest.raises(InvalidRequestError, match="no object_store_config"):
        xenna.prefetch([stage_of()], store("s3://models/"))


def test_a_note_has_the_form_that_serde_reads() -> None:
    assert note("ä", 1, 2).startswith('{\n  "uri": "ä",\n  "size": 1,\n')
