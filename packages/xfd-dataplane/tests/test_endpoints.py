"""Where requests go, beside where boto3 sends the same: every way to name an endpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from asked_store import Asked, asked_store
from botocore.config import Config
from botocore.exceptions import InvalidConfigError

from xfd_api.errors import InvalidRequestError, XfdError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.listing import list_objects

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


@dataclass(frozen=True)
class Case:
    """One surrounding: variables, the profile file's text, and what the call itself names."""

    variables: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    endpoint: str | None = None
    bucket: str = "bucket"
    key: str = "a/b c"
    style: str | None = None


URL = "http://store.example:9000"
SERVICES = f"[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = {URL}\n"
OTHER = "http://other.example"
ACCESS_POINT = "arn:aws:s3:eu-north-1:111122223333:accesspoint/mine"

CASES = {
    "an argument": Case(endpoint=URL),
    "a slash at its end": Case(endpoint=f"{URL}/"),
    "a path": Case(endpoint=f"{URL}/base"),
    "a path of two, and a slash": Case(endpoint=f"{URL}/base/more/"),
    "a path of a variable": Case({"AWS_ENDPOINT_URL": f"{URL}/base/"}),
    "a path, the bucket in the host": Case(endpoint=f"{URL}/base", style="virtual"),
    "the bucket in the host": Case(endpoint=URL, style="virtual"),
    "the bucket in the path": Case(endpoint=URL, style="path"),
    "an upper-case scheme": Case(endpoint="HTTP://Store.example:9000"),
    "an address": Case(endpoint="http://10.0.0.7:9000"),
    "a key that is to be escaped": Case(endpoint=URL, key="ü+&=/%41~()'!*"),
    "a key with slashes": Case(endpoint=f"{URL}/base", key="/a//b"),
    "a bucket with dots": Case(endpoint=URL, bucket="a.b.c"),
    "AWS": Case(),
    "AWS, by the path": Case(style="path"),
    "AWS, a bucket with dots": Case(bucket="a.b.c"),
    "an access point": Case(bucket=ACCESS_POINT),
    "an access point of another region": Case(
        bucket=ACCESS_POINT.replace("eu-north-1", "us-west-2")
    ),
    "an access point at an endpoint": Case(bucket=ACCESS_POINT, endpoint=URL),
    "a variable": Case({"AWS_ENDPOINT_URL": URL}),
    "S3's variable": Case({"AWS_ENDPOINT_URL_S3": URL}),
    "S3's variable before the general one": Case(
        {"AWS_ENDPOINT_URL_S3": URL, "AWS_ENDPOINT_URL": OTHER}
    ),
    "an empty variable": Case({"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": URL}),
    "an empty variable before a profile": Case(
        {"AWS_ENDPOINT_URL": ""}, f"[default]\nendpoint_url={URL}\n"
    ),
    "another service's variable": Case({"AWS_ENDPOINT_URL_STS": OTHER}),
    "an argument before a variable": Case({"AWS_ENDPOINT_URL_S3": OTHER}, endpoint=URL),
    "a profile": Case(profile=f"[default]\nendpoint_url = {URL}\n"),
    "a named profile": Case(
        {"AWS_PROFILE": "mine"},
        f"[default]\nendpoint_url = {OTHER}\n[profile mine]\nendpoint_url = {URL}\n",
    ),
    "a profile's services": Case(profile=SERVICES),
    "services before the profile's own": Case(
        profile=SERVICES.replace("services = mine", f"services = mine\nendpoint_url = {OTHER}")
    ),
    "services of another service": Case(
        profile=f"[default]\nservices = mine\nendpoint_url = {URL}\n"
        f"[services mine]\nsts =\n  endpoint_url = {OTHER}\n"
    ),
    "a variable before services": Case({"AWS_ENDPOINT_URL": URL}, SERVICES.replace(URL, OTHER)),
    "variables that are ignored": Case(
        {"AWS_ENDPOINT_URL_S3": OTHER, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    ),
    "variables that are not ignored": Case(
        {"AWS_ENDPOINT_URL_S3": URL, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}
    ),
    "a profile that is ignored": Case({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}, SERVICES),
    "a profile that ignores itself": Case(
        profile=SERVICES.replace(
            "services = mine", "services = mine\nignore_configured_endpoint_urls = true"
        )
    ),
    "an argument is not ignored": Case(
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, endpoint=URL
    ),
    "a profile's choice of the bucket's place": Case(
        profile=f"[default]\nendpoint_url = {URL}\ns3 =\n  addressing_style = virtual\n"
    ),
}


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Every request goes here first, whatever its host."""
    with asked_store() as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, server.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


def surround(case: Case, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home / "config"
    config.write_text(case.profile)
    variables = {"AWS_CONFIG_FILE": str(config), "AWS_DEFAULT_REGION": "eu-north-1"}
    for name, value in {**KEYS, **variables, **case.variables}.items():
        monkeypatch.setenv(name, value)


def boto3_asks(case: Case, server: Asked) -> list[str]:
    style = {} if case.style is None else {"addressing_style": case.style}
    config = Config(s3=style or None, retries={"total_max_attempts": 1})
    client = boto3.session.Session().client("s3", endpoint_url=case.endpoint, config=config)
    server.forget()
    with contextlib.suppress(Exception):
        client.head_object(Bucket=case.bucket, Key=case.key)
    with contextlib.suppress(Exception):
        client.get_object(Bucket=case.bucket, Key=case.key)
    return list(server.requests)


def xfd_asks(case: Case, server: Asked, out: Path) -> list[str]:
    store = ObjectStoreConfig.make_for_s3(
        case.bucket, endpoint=case.endpoint, addressing_style=case.style or "auto"
    )
    server.forget()
    # A tunnel is refused: that error is what both tools get where they go to AWS.
    with contextlib.suppress(XfdError):
        request = ObjectDownloadRequest(case.key, out / "file")
        download([DownloadRequest(request)], store, attempts=1)
    return list(server.requests)


@pytest.mark.parametrize("name", CASES)
def test_requests_go_where_boto3_sends_them(
    name: str, proxy: Asked, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    surround(case, home, monkeypatch)

    expected = boto3_asks(case, proxy)
    asked = xfd_asks(case, proxy, tmp_path)

    assert expected, "boto3 asked for nothing"
    assert sorted(set(asked)) == sorted(set(expected))
    assert not (OTHER in str(asked) and OTHER not in str(expected))


@pytest.mark.parametrize(
    "endpoint", ["store.example:9000", "store.example", "127.0.0.1:9000", "s3://store", "http://"]
)
@pytest.mark.parametrize("how", ["argument", "AWS_ENDPOINT_URL_S3", "profile"])
def test_an_endpoint_without_a_scheme_is_refused_at_once(
    endpoint: str, how: str, proxy: Asked, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {how: endpoint} if how.startswith("AWS") else {}
    profile = f"[default]\nendpoint_url = {endpoint}\n" if how == "profile" else ""
    given = endpoint if how == "argument" else None
    surround(Case(variables, profile), home, monkeypatch)

    # boto3 takes any scheme here, and fails when it sends.
    refuses = (
        contextlib.nullcontext()
        if endpoint.startswith("s3:")
        else pytest.raises(ValueError, match="endpoint")
    )
    with refuses:
        boto3.session.Session().client("s3", endpoint_url=given)
    with pytest.raises(InvalidRequestError, match="endpoint"):
        list_objects("key", ObjectStoreConfig.make_for_s3("bucket", endpoint=given))
    assert proxy.requests == []


def test_services_that_are_nowhere_are_not_aws(
    proxy: Asked, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = SERVICES.replace("services mine", "services other")
    surround(Case(profile=profile), home, monkeypatch)

    with pytest.raises(InvalidConfigError, match="mine"):
        boto3.session.Session().client("s3")
    with pytest.raises(InvalidRequestError, match="mine"):
        list_objects("key", ObjectStoreConfig.make_for_s3("bucket"))
    assert proxy.requests == []
