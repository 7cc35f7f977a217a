"""Which store a uri is read from, and with whose credentials."""

from __future__ import annotations

import pytest

from xfd_api.errors import InvalidRequestError, UnknownProfileError
from xfd_api.lookups import plan_downloads
from xfd_api.places import place_of
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.stores import ObjectStoreConfig, StoreKind

NONE = ObjectStoreConfigByProfile({})
S3 = by_profile(ObjectStoreConfig.make_for_s3("bucket"))
WEB = by_profile(ObjectStoreConfig.make_for_http("https://host/models", bearer="b-secret"))
AZURE = by_profile(ObjectStoreConfig.make_for_azure("c", "company", account_key="a-secret"))


@pytest.mark.parametrize(
    ("uri", "kind", "bucket", "key"),
    [
        ("s3://b/k", StoreKind.S3, "b", "k"),
        ("gs://b/k", StoreKind.GCS, "b", "k"),
        ("az://c/k", StoreKind.AZURE, "c", "k"),
        ("abfss://c@company.dfs.core.windows.net/k", StoreKind.AZURE, "c", "k"),
        ("https://host/k", StoreKind.HTTP, None, "k"),
        ("hf://org/bert/k", StoreKind.HUB, None, "k"),
    ],
)
@pytest.mark.parametrize("stores", [NONE, by_profile(ObjectStoreConfig.make_for_local("/srv"))])
def test_a_full_uri_needs_no_profile(
    uri: str, kind: StoreKind, bucket: str | None, key: str, stores: ObjectStoreConfigByProfile
) -> None:
    place = place_of(uri, None, stores)

    assert (place.store.kind, place.store.bucket, place.key) == (kind, bucket, key)
    assert place.profile_name


def test_two_implicit_stores_have_two_names() -> None:
    uris = [
        "s3://a/k",
        "s3://b/k",
        "gs://a/k",
        "az://a/k",
        "https://a/k",
        "https://a/k?s=1",
        "http://a/k",
    ]

    assert len({place_of(uri, None, NONE).profile_name for uri in uris}) == len(uris)


def test_an_implicit_profile_shows_no_signature() -> None:
    place = place_of("https://user:pw-secret@host/k?sig=q-secret", None, NONE)

    assert "secret" not in repr(place)
    assert place.store.base_url == "https://user:pw-secret@host?sig=q-secret"


def test_a_version_goes_with_the_implicit_bucket() -> None:
    place = place_of("s3://b/k?versionId=v", None, NONE)

    assert (place.store.bucket, place.bucket) == ("b", "b?versionId=v")


def test_a_uri_of_the_profiles_kind_is_read_with_its_credentials() -> None:
    own, other = place_of("s3://bucket/k", None, S3), place_of("s3://other/k", None, S3)

    assert own.store is other.store is S3.of(None)
    assert (own.bucket, other.bucket) == (None, "other")


@pytest.mark.parametrize("uri", ["https://host/models/a/b", "https://host:443/models/a/b"])
def test_a_uri_below_the_base_url_is_read_with_the_servers_credentials(uri: str) -> None:
    place = place_of(uri, None, WEB)

    assert (place.store, place.key) == (WEB.of(None), "a/b")


def test_a_query_of_its_own_keeps_the_credentials() -> None:
    place = place_of("https://host/models/a?download=true", None, WEB)

    assert place.store.http == WEB.of(None).http
    assert place.store.base_url == "https://host?download=true"
    assert place.key == "models/a"


@pytest.mark.parametrize(
    "uri",
    ["https://other/models/a", "http://host/models/a", "https://host:8/models/a", "https://host/b"],
)
def test_a_servers_credentials_go_to_no_other_place(uri: str) -> None:
    assert place_of(uri, None, WEB).store.http is None
    with pytest.raises(InvalidRequestError, match="own web server only"):
        place_of(uri, "web", ObjectStoreConfigByProfile({"web": WEB.of(None)}))


def test_an_accounts_credentials_go_to_no_other_account() -> None:
    own = place_of("abfss://d@company.dfs.core.windows.net/k", None, AZURE)
    other = place_of("abfss://d@other.dfs.core.windows.net/k", None, AZURE)

    assert (own.store, own.bucket) == (AZURE.of(None), "d")
    assert other.store.azure is not None
    assert (other.store.azure.account, other.store.azure.account_key) == ("other", None)


def test_a_named_profile_of_another_kind_is_refused() -> None:
    stores = ObjectStoreConfigByProfile({"models": ObjectStoreConfig.make_for_s3("b")})

    with pytest.raises(InvalidRequestError, match="'models', which is a store of kind s3"):
        place_of("gs://b/k", "models", stores)


def test_a_key_without_a_store_is_refused_with_the_forms_of_uris() -> None:
    with pytest.raises(UnknownProfileError, match="hf://ORG/NAME"):
        place_of("models/a.bin", None, NONE)


def test_a_plan_has_the_stores_of_all_its_lookups() -> None:
    plan = plan_downloads(["a.bin", "gs://b/c.bin", "hf://org/bert"], S3.of(None))

    assert [lookup.profile_name for lookup in plan.lookups] == [None, "gs://b", "hf:"]
    assert {plan.stores.of(lookup.profile_name).kind for lookup in plan.lookups} == {
        StoreKind.S3,
        StoreKind.GCS,
        StoreKind.HUB,
    }
    assert set(plan.stores.profiles) == {None, "gs://b", "hf:"}
