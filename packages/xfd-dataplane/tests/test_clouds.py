"""`download` from Google Cloud Storage and from Azure, as emulators speak them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from xfd_api.errors import AccessDeniedError, CredentialsError, ObjectNotFoundError, XfdError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, list_objects
from xfd_testing import artifacts, azurite, emulators, gcs

BUCKET = "models"


@dataclass(frozen=True)
class Cloud:
    """A store with one bucket, a way to write to it, and how full uris of it are read.

    Attributes:
        scheme: of its uris.
        environment: variables that bring the implicit store of a uri to the emulator.
    """

    scheme: str
    config: ObjectStoreConfig
    put: Callable[[str, bytes], None]
    environment: dict[str, str]


def _google(stack: ExitStack) -> Cloud:
    if emulators.is_absent(gcs.VARIABLE, gcs.PROGRAM):
        pytest.skip(f"no {gcs.PROGRAM} ({gcs.ADVICE})")
    server = stack.enter_context(gcs.running())
    server.make_bucket(BUCKET)
    return Cloud(
        "gs",
        ObjectStoreConfig.make_for_gcs(BUCKET, server.endpoint, anonymous=True),
        lambda key, body: server.put(BUCKET, key, body),
        {"STORAGE_EMULATOR_HOST": server.endpoint},
    )


def _azure(stack: ExitStack) -> Cloud:
    if emulators.is_absent(azurite.VARIABLE, azurite.PROGRAM):
        pytest.skip(f"no {azurite.PROGRAM} ({azurite.ADVICE})")
    server = stack.enter_context(azurite.running())
    server.make_container(BUCKET)
    string = f"BlobEndpoint={server.endpoint};AccountName={server.account};AccountKey={server.key}"
    return Cloud(
        "az",
        ObjectStoreConfig.make_for_azure(
            BUCKET, server.account, server.endpoint, account_key=server.key
        ),
        lambda key, body: server.put(BUCKET, key, body),
        {"AZURE_STORAGE_CONNECTION_STRING": string},
    )


@pytest.fixture(scope="module", params=[_google, _azure], ids=["google", "azure"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """One emulator for the tests of this file."""
    with ExitStack() as stack:
        yield request.param(stack)


def test_a_prefix_and_a_large_object_arrive(cloud: Cloud, tmp_path: Path) -> None:
    large = b"".join(artifacts.random_bytes(40 * 2**20, seed=1))
    cloud.put("large.bin", large)
    files = {f"tree/{number % 3}/{number}.bin": bytes([number]) * number for number in range(40)}
    for key, body in {**files, "tree/odd/100% näme #1": b"odd"}.items():
        cloud.put(key, body)

    report = download(
        [
            DownloadRequest(ObjectDownloadRequest("large.bin", tmp_path / "large.bin")),
            DownloadRequest(PrefixDownloadRequest("tree", tmp_path / "tree", exclude=("odd/*",))),
        ],
        cloud.config,
    )

    assert (tmp_path / "large.bin").read_bytes() == large
    for key, body in files.items():
        assert (tmp_path / key).read_bytes() == body
    assert report.origin_bytes == len(large) + sum(map(len, files.values()))
    again = download(
        DownloadRequest(ObjectDownloadRequest("large.bin", tmp_path / "large.bin")), cloud.config
    )
    assert again.origin_bytes == 0


def test_a_list_has_keys_as_they_are(cloud: Cloud) -> None:
    keys = ["listed//double", "listed/a b", "listed/ä#?%2F"]
    for key in keys:
        cloud.put(key, b"x")

    found = list_objects("listed", cloud.config)

    assert [each.key for each in found] == keys
    assert all(each.etag and each.checksum and each.last_modified_ns for each in found)


def test_a_full_uri_needs_no_configuration(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    cloud.put("of/uri", b"bytes")

    download(
        DownloadRequest(ObjectDownloadRequest(f"{cloud.scheme}://{BUCKET}/of/uri", tmp_path / "k"))
    )

    assert (tmp_path / "k").read_bytes() == b"bytes"


def test_what_is_not_there_is_an_error_that_names_it(cloud: Cloud, tmp_path: Path) -> None:
    for uri in ("absent", f"{cloud.scheme}://nowhere/absent"):
        with pytest.raises(ObjectNotFoundError) as caught:
            download(DownloadRequest(ObjectDownloadRequest(uri, tmp_path / "k")), cloud.config)

        assert "absent" in str(caught.value)
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (
            ObjectStoreConfig.make_for_gcs("b", "http://127.0.0.1:9", service_account="/absent"),
            CredentialsError,
        ),
        (
            ObjectStoreConfig.make_for_gcs(
                "b", "http://127.0.0.1:9", service_account='{"type": "external_account"}'
            ),
            CredentialsError,
        ),
        (
            ObjectStoreConfig.make_for_azure(
                "c", "a", "http://127.0.0.1:9/a", account_key="no base64"
            ),
            CredentialsError,
        ),
    ],
)
def test_credentials_that_are_none_are_named(
    config: ObjectStoreConfig, error: type[XfdError], tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        download(DownloadRequest(ObjectDownloadRequest("k", tmp_path / "k")), config)

    assert caught.value.remedy
    assert "make_for_" in caught.value.remedy


def test_a_wrong_key_of_azure_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    if cloud.scheme != "az":
        pytest.skip("fake-gcs-server lets everyone in")
    wrong = ObjectStoreConfig.make_for_azure(
        BUCKET, azurite.ACCOUNT, cloud.config.endpoint, account_key="c2VjcmV0"
    )
    with pytest.raises(AccessDeniedError) as caught:
        download(DownloadRequest(ObjectDownloadRequest("k", tmp_path / "k")), wrong)

    assert "c2VjcmV0" not in repr(caught.value) + str(caught.value)
