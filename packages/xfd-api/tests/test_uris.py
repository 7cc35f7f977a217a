"""What a full uri names."""

from __future__ import annotations

import pytest

from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.hub_repos import HubRepo, parse_hub_uri, repo_named
from xfd_api.stores import StoreKind
from xfd_api.uris import Uri, parse_uri

ARN = "arn:aws:s3:eu-north-1:111122223333:accesspoint/mine"
OUTPOST = "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/accesspoint/mine"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://other/models/a.bin", "other", "models/a.bin"),
        ("S3://other/a", "other", "a"),
        ("s3://other", "other", ""),
        (f"s3://{ARN}/models/a.bin", ARN, "models/a.bin"),
        (f"s3://{ARN}", ARN, ""),
        (f"s3://{ARN.replace('point/', 'point:')}/a/b", ARN.replace("point/", "point:"), "a/b"),
        (f"s3://{OUTPOST}/a/b", OUTPOST, "a/b"),
        ("s3://other/a.bin?versionId=3/L4kq+x", "other?versionId=3/L4kq+x", "a.bin"),
        ("s3://other/a?b?versionId=a%2Bb", "other?versionId=a+b", "a?b"),
        (f"s3://{ARN}/a?versionId=v", f"{ARN}?versionId=v", "a"),
        ("s3://other/what?.bin", "other", "what?.bin"),
    ],
)
def test_a_uri_of_s3_names_bucket_version_and_key(uri: str, bucket: str, key: str) -> None:
    assert parse_uri(uri) == Uri(StoreKind.S3, bucket, key)


@pytest.mark.parametrize("uri", ["models/a.bin", "", "odd..name/..x", "a?versionId=v", "a:b/c"])
def test_what_has_no_scheme_is_a_key(uri: str) -> None:
    assert parse_uri(uri) is None


@pytest.mark.parametrize(
    ("uri", "parsed"),
    [
        ("gs://models/a/b.bin", Uri(StoreKind.GCS, "models", "a/b.bin")),
        ("az://models/a/b.bin", Uri(StoreKind.AZURE, "models", "a/b.bin")),
        (
            "abfss://models@company.dfs.core.windows.net/a/b.bin",
            Uri(StoreKind.AZURE, "models", "a/b.bin", account="company"),
        ),
        (
            "abfss://models@company.dfs.core.chinacloudapi.cn/a",
            Uri(
                StoreKind.AZURE,
                "models",
                "a",
                account="company",
                endpoint="https://company.blob.core.chinacloudapi.cn",
            ),
        ),
        ("https://host:8/a%20b", Uri(StoreKind.HTTP, None, "a b", server="https://host:8")),
        ("https://host/a?sig=x", Uri(StoreKind.HTTP, None, "a", server="https://host?sig=x")),
        ("http://host/a%2Fb/c", Uri(StoreKind.HTTP, None, "c", server="http://host/a%2Fb")),
        ("hf://org/bert@v1/a.json", Uri(StoreKind.HUB, "models/org/bert@v1", "a.json")),
    ],
)
def test_uris_of_the_other_stores(uri: str, parsed: Uri) -> None:
    assert parse_uri(uri) == parsed


def test_a_signature_in_a_query_is_in_no_repr() -> None:
    assert "secret" not in repr(parse_uri("https://host/a?sig=secret"))


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://host/a",
        "gs:///a",
        "az://",
        "s3:///key",
        "https:///a",
        "abfss://models/a",
        "abfss://models@elsewhere/a",
        "hf://",
        "hf://org",
        "hf://org/@v1",
        "hf://org/bert@",
        "hf://datasets/org",
        "hf://buckets/org/b",
        "hf://model/org/bert",
        "hf://org/a--b",
        "hf://o r g/bert",
    ],
)
def test_what_names_nothing_is_refused_with_the_right_form(uri: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_uri(uri)

    assert "://" in caught.value.remedy or "ORG/NAME" in caught.value.remedy


@pytest.mark.parametrize(
    "uri", ["gs://b/../k", "hf://org/bert/../x", "https://host/a/../b", "../a"]
)
def test_a_uri_that_climbs_out_is_refused(uri: str) -> None:
    with pytest.raises(UnsafePathError):
        parse_uri(uri)


@pytest.mark.parametrize(
    ("uri", "repo", "path"),
    [
        ("hf://org/bert", HubRepo("model", "org/bert"), ""),
        ("hf://models/org/bert/", HubRepo("model", "org/bert"), ""),
        ("hf://org/bert@main/a@b", HubRepo("model", "org/bert"), "a@b"),
        ("hf://org/bert/a@1.txt", HubRepo("model", "org/bert"), "a@1.txt"),
        ("hf://org/bert@refs/pr/10/a", HubRepo("model", "org/bert", "refs/pr/10"), "a"),
        (
            "hf://org/bert@refs/convert/parquet",
            HubRepo("model", "org/bert", "refs/convert/parquet"),
            "",
        ),
        ("hf://org/bert@fix%2Fbug/a", HubRepo("model", "org/bert", "fix/bug"), "a"),
        ("hf://datasets/org/d/x/y/", HubRepo("dataset", "org/d"), "x/y/"),
    ],
)
def test_a_uri_of_the_hub(uri: str, repo: HubRepo, path: str) -> None:
    assert parse_hub_uri(uri) == (repo, path)
    assert repo_named(repo.name) == repo


@pytest.mark.parametrize(
    ("repo", "ref"),
    [
        (HubRepo("model", "org/bert"), "main"),
        (HubRepo("model", "org/bert", "v1"), "v1"),
        (HubRepo("model", "org/bert", "c" * 40), None),
    ],
)
def test_a_commit_has_no_ref(repo: HubRepo, ref: str | None) -> None:
    assert repo.ref == ref
