"""What the command line says, before anything is asked of a store."""

from __future__ import annotations

import argparse
import tarfile
from pathlib import Path

import pytest
from xfd_get_process import Command

from xfd_api.errors import InvalidRequestError
from xfd_api.requests import ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.settings import NodeSettings, UnpackCaps
from xfd_api.stores import StoreKind
from xfd_dataplane.cli.argument_types import size
from xfd_dataplane.cli.node_settings import settings_of
from xfd_dataplane.cli.options import parse
from xfd_dataplane.cli.selection import wanted
from xfd_dataplane.cli.source_requests import Unpacking, request_for
from xfd_dataplane.cli.sources import Source, parse_source
from xfd_dataplane.cli.store_options import StoreOptions


@pytest.mark.parametrize(
    ("text", "value"),
    [("8MiB", 8 * 2**20), ("8M", 8 * 2**20), ("8mb", 8 * 2**20), ("100", 100), ("1.5k", 1536)],
)
def test_sizes(text: str, value: int) -> None:
    assert size(text) == value


def test_get_need_not_be_said() -> None:
    options = parse(["s3://b/k", "dest", "--chunk-size", "8MiB"])

    assert (options.command, options.sources, options.destination) == ("get", ["s3://b/k"], "dest")
    assert options.chunk_size == 8 * 2**20


def test_an_option_may_come_first() -> None:
    options = parse(["--json", "s3://b/k", "dest"])

    assert (options.command, options.json, options.sources) == ("get", True, ["s3://b/k"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["get"],
        ["s3://b/k", "d", "--chunk-size", "many"],
        ["s3://b/k", "d", "--parallel", "0"],
        ["s3://b/k", "d", "--deadline", "nan"],
        ["s3://b/k", "d", "--durability", "some"],
        ["s3://b/k", "d", "--no-keep-archive"],
        ["s3://b/k", "s3://b/l"],
        ["s3://b/k", "d", "e"],
        ["s3://b/k", "d", "--checksum", "sha1:00"],
        ["s3://b/k", "d", "--checksum", "crc32c:00"],
        ["s3://b/k", "d", "--sha256", "0" * 64, "--md5", "0" * 32],
        ["cat"],
        ["cat", "s3://b/k", "d"],
        ["--from-file", "l", "d", "e"],
        ["d", "--unpack", "s3://b/k.tar"],
        ["verify", "s3://b/k", "d", "e"],
        ["ls"],
    ],
)
def test_what_makes_no_sense_ends_with_two(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)

    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("s3://bucket/a/b", StoreKind.S3, "a/b"),
        ("s3://bucket", StoreKind.S3, ""),
        ("file:///srv/models/a.bin", StoreKind.LOCAL, "a.bin"),
        ("file:///srv/models/", StoreKind.LOCAL, ""),
        ("file:///srv/models/*.bin", StoreKind.LOCAL, "*.bin"),
        ("file:///srv/with%20space/x", StoreKind.LOCAL, "x"),
        ("https://host:8080/a/b.bin", StoreKind.HTTP, "a/b.bin"),
        ("gs://bucket/a/b", StoreKind.GCS, "a/b"),
        ("az://container/a/*.bin", StoreKind.AZURE, "a/*.bin"),
        ("abfss://container@account.dfs.core.windows.net/a", StoreKind.AZURE, "a"),
        ("hf://org/bert", StoreKind.HUB, ""),
        ("hf://datasets/org/books@v1/data/", StoreKind.HUB, "data/"),
    ],
)
def test_a_source_names_a_store_and_a_key(text: str, kind: StoreKind, key: str) -> None:
    source = parse_source(text)

    assert (source.config.kind, source.key) == (kind, key)


def test_a_file_source_is_looked_up_in_its_folder() -> None:
    assert parse_source("file:///srv/with%20space/x").config.directory == "/srv/with space"
    assert parse_source("file:///x").config.directory == "/"


@pytest.mark.parametrize(
    "text", ["models/a.bin", "ftp://b/k", "file://host/x", "s3://", "http://", "hf://x"]
)
def test_any_other_source_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_source(text)


def test_a_signed_query_stays_out_of_the_key_and_of_every_repr() -> None:
    source = parse_source("https://host/x/a.bin?X-Amz-Signature=secret")

    assert source.key == "x/a.bin"
    assert "secret" not in repr(source)


def test_a_slash_that_is_encoded_in_a_folder_stays_encoded() -> None:
    source = parse_source("https://host/projects/group%2Fname/a%20b.bin?ref=main")

    assert source.key == "a b.bin"
    assert source.config.base_url == "https://host/projects/group%2Fname?ref=main"


def placed(text: str, destination: str, unpacking: Unpacking | None = None) -> list[str]:
    value = request_for(parse_source(text), destination, unpacking=unpacking).value
    places = [str(value.destination)]
    if isinstance(value, ObjectDownloadRequest) and value.unpack_options is not None:
        places.append(str(value.unpack_options.destination))
    return places


def test_a_destination_is_a_file_unless_it_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()

    assert placed("s3://b/x/a.bin", "new") == [f"{tmp_path}/new"]
    assert placed("s3://b/x/a.bin", "new/") == [f"{tmp_path}/new/a.bin"]
    assert placed("s3://b/x/a.bin", "folder") == [f"{tmp_path}/folder/a.bin"]
    assert placed("s3://b/x/a.bin", ".") == [f"{tmp_path}/a.bin"]
    assert placed("s3://b/x/a.bin", "folder/../new") == [f"{tmp_path}/new"]
    assert placed("https://host/x/a.bin?signed=1", ".") == [f"{tmp_path}/a.bin"]


def test_a_prefix_lands_in_its_destination(tmp_path: Path) -> None:
    request = request_for(parse_source("s3://b/tok/"), str(tmp_path / "t"))

    assert isinstance(request.value, PrefixDownloadRequest)
    assert request.value.destination == tmp_path / "t"


def test_an_archive_is_unpacked_beside_itself_or_where_the_option_says(tmp_path: Path) -> None:
    beside = placed("s3://b/env.tar.gz", f"{tmp_path}/", Unpacking("", keep_archive=True))
    chosen = placed(
        "s3://b/env.tar.gz", f"{tmp_path}/", Unpacking(f"{tmp_path}/t", keep_archive=True)
    )

    assert beside == [f"{tmp_path}/env.tar.gz", f"{tmp_path}/env"]
    assert chosen == [f"{tmp_path}/env.tar.gz", f"{tmp_path}/t"]


def test_a_prefix_cannot_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="unpack"):
        placed("s3://b/tok/", str(tmp_path), Unpacking("", keep_archive=True))


@pytest.mark.parametrize("name", ["archive.dat", "archive.zip"])
def test_an_archive_that_is_not_what_its_name_says(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / name, "w") as tar:
        tar.add(__file__, "member")
    command = Command({})
    words = (
        "get",
        f"file://{tmp_path / name}",
        f"{tmp_path}/out/",
        f"--unpack={tmp_path / 'tree'}",
    )

    refused = command.run(*words)
    named = command.run(*words, "--unpack-method=tar")

    assert refused.code != 0
    assert "--unpack-method" in refused.err
    assert "unpack_method" not in refused.err
    assert named.code == 0, named.err
    assert (tmp_path / "tree" / "member").is_file()


def test_every_option_of_the_data_plane_reaches_its_settings() -> None:
    words = (
        "s3://b/k d --parallel 3 --memory-budget 8M --limit-rate 2M --connect-timeout 1.5 "
        "--read-timeout 2.5 --attempts 4 --verify-whole --max-entries 5 --max-unpacked 6M "
        "--max-ratio 7"
    )

    assert settings_of(parse(words.split())) == NodeSettings(
        node_parallelism=3,
        memory_budget_bytes=8 * 2**20,
        download_bytes_per_s=2 * 2**20,
        connect_timeout_s=1.5,
        read_timeout_s=2.5,
        attempts=4,
        verify_whole=True,
        unpack_caps=UnpackCaps(max_entries=5, max_bytes=6 * 2**20, max_ratio=7.0),
    )
    assert settings_of(parse(["s3://b/k", "d"])) == NodeSettings()


def test_a_source_at_a_hub_without_a_destination_lands_in_the_hub_cache() -> None:
    source = parse_source("hf://org/bert@fix%2Fbug/onnx/model.onnx")
    value = request_for(source, None).value

    assert isinstance(value, ObjectDownloadRequest)
    assert value.destination is None
    assert value.uri == "hf://models/org/bert@fix%2Fbug/onnx/model.onnx"
    assert request_for(source, "/d/m.onnx").value.destination == Path("/d/m.onnx")


def test_any_other_source_lands_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert request_for(parse_source("gs://b/x/a.bin"), None).value.destination == tmp_path / "a.bin"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("s3://b/k", StoreOptions(headers={"X-Key": "1"})),
        ("hf://org/bert", StoreOptions(netrc=True)),
        ("s3://b/k", StoreOptions(token="t")),
        ("file:///f", StoreOptions(token="t")),
        ("https://host/f", StoreOptions(account="company")),
        ("https://host/f", StoreOptions(endpoint="https://other")),
        ("file:///f", StoreOptions(endpoint="https://other")),
        ("gs://b/k", StoreOptions(region="eu-1")),
        ("hf://org/bert", StoreOptions(anonymous=True)),
        ("https://host/f", StoreOptions(anonymous=True)),
        ("az://c/k", StoreOptions(request_payer="requester")),
    ],
)
def test_an_option_that_the_store_has_no_use_for_is_refused(
    text: str, options: StoreOptions
) -> None:
    with pytest.raises(InvalidRequestError, match="has no meaning for this source"):
        parse_source(text, options)


def test_an_account_is_named_once() -> None:
    source = "abfss://c@company.dfs.core.windows.net/k"
    for account in (None, "company"):
        config = parse_source(source, StoreOptions(account=account)).config
        assert (config.azure and config.azure.account) == "company"
    with pytest.raises(InvalidRequestError, match="another storage account"):
        parse_source(source, StoreOptions(account="other"))


def only_source(options: argparse.Namespace) -> Source:
    (one,) = wanted(options)
    return one.source


def test_credentials_reach_their_store_and_no_repr(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t-secret\n")
    (tmp_path / "headers").write_text("X-One: h-secret\n\nX-Two: a: b\n")
    options = parse(
        ["https://host/f", "--header", f"@{tmp_path}/headers", "--header", "X-Three: 3"]
    )
    web = only_source(options)
    hub = only_source(parse(["hf://org/bert", "--token-file", str(tmp_path / "token")]))
    bearer = only_source(parse(["https://host/f", "--token-file", str(tmp_path / "token")]))

    assert web.config.http is not None
    assert web.config.http.headers == (("X-One", "h-secret"), ("X-Two", "a: b"), ("X-Three", "3"))
    assert (hub.config.hub and hub.config.hub.token) == "t-secret"
    assert (bearer.config.http and bearer.config.http.bearer) == "t-secret"
    assert "secret" not in repr([web, hub, bearer, StoreOptions(token="t-secret")])


def test_a_header_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="x-a is given twice"):
        only_source(parse(["https://h/f", "--header", "X-A: 1", "--header", "x-a: 2"]))


@pytest.mark.parametrize(
    "words",
    [
        ["https://h/f", "--token-file", "/no/such/file"],
        ["https://h/f", "--header", "@/no/such/file"],
        ["https://h/f", "--header", "@/proc/version"],
    ],
)
def test_a_file_of_credentials_that_is_none_is_named(words: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        only_source(parse(words))

    assert caught.value.path
    assert "Linux" not in str(caught.value)


def test_a_checksum_goes_with_one_object() -> None:
    with pytest.raises(InvalidRequestError, match="goes with one object"):
        request_for(parse_source("s3://b/p/"), None, checksum=f"sha256:{'a' * 64}")
