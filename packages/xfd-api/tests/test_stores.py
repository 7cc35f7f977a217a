"""A store's description: half a description is refused, and secrets show nowhere."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable

import pytest

from xfd_api.errors import InvalidRequestError, UnknownProfileError
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.settings import Durability, NodeSettings, SwarmTicket
from xfd_api.stores import AddressingStyle, ObjectStoreConfig

KEYED = ObjectStoreConfig.make_for_s3(
    "bucket",
    access_key_id="AKIDEXAMPLE",
    secret_access_key="very-secret",
    session_token="token-secret",
    region="us-west-2",
)


CUSTOMER_KEY = base64.b64encode(b"k" * 32).decode()


def test_secrets_are_in_no_repr() -> None:
    web = ObjectStoreConfig.make_for_http(
        "https://user:pass-secret@host/", headers={"X-Api-Key": "header-secret"}
    )
    bearer = ObjectStoreConfig.make_for_http("https://host/", bearer="bearer-secret")
    hub = ObjectStoreConfig.make_for_hub(token="hf_secret")
    google = ObjectStoreConfig.make_for_gcs("b", service_account='{"private_key": "secret"}')
    azure = ObjectStoreConfig.make_for_azure("c", "company", account_key="key-secret")
    signed = ObjectStoreConfig.make_for_azure("c", sas_token="sig=secret")
    app = ObjectStoreConfig.make_for_azure(
        "c", client_id="app", tenant_id="t", client_secret="app-secret"
    )
    encrypted = ObjectStoreConfig.make_for_s3("b", sse_customer_key=CUSTOMER_KEY)
    ticket = SwarmTicket("ab" * 8, token="token-secret")  # type: ignore[arg-type]

    shown = repr(
        [KEYED, web, bearer, hub, google, azure, signed, app, encrypted, by_profile(KEYED), ticket]
    )

    assert "secret" not in shown
    assert CUSTOMER_KEY not in shown
    assert "bucket" in shown


def test_a_configuration_travels_whole() -> None:
    again = pickle.loads(pickle.dumps(by_profile(KEYED)))

    assert again.of(None) == KEYED
    assert again.of(None).secret_access_key == "very-secret"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ObjectStoreConfig.make_for_s3(""),
        lambda: ObjectStoreConfig.make_for_s3("b", access_key_id="half"),
        lambda: ObjectStoreConfig.make_for_s3("b", secret_access_key="half"),
        lambda: ObjectStoreConfig.make_for_s3(
            "b", access_key_id="a", secret_access_key="b", anonymous=True
        ),
        lambda: ObjectStoreConfig.make_for_local("relative/folder"),
        lambda: ObjectStoreConfig.make_for_http("ftp://host"),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"a b": "c"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"a": "b\r\nc: d"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"Range": "bytes=0-1"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"a": "é"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"x-a": "1", "X-A": "2"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"Proxy-Authorization": "x"}),
        lambda: ObjectStoreConfig.make_for_http("https://h", bearer=""),
        lambda: ObjectStoreConfig.make_for_http("https://h", bearer="a\nb"),
        lambda: ObjectStoreConfig.make_for_http(
            "https://h", headers={"authorization": "Basic x"}, bearer="t"
        ),
        lambda: ObjectStoreConfig.make_for_http("https://h", bearer="é"),
        lambda: ObjectStoreConfig.make_for_http("https://h", headers={"a": 1}),  # type: ignore[dict-item]
        lambda: ObjectStoreConfig.make_for_http("https://h", headers=[("a", "b")]),  # type: ignore[arg-type]
        lambda: ObjectStoreConfig.make_for_hub("huggingface.co"),
        lambda: ObjectStoreConfig.make_for_hub(token=7),  # type: ignore[arg-type]
        lambda: ObjectStoreConfig.make_for_hub(token="two words"),
        lambda: ObjectStoreConfig.make_for_gcs(""),
        lambda: ObjectStoreConfig.make_for_gcs("b", service_account="key.json"),
        lambda: ObjectStoreConfig.make_for_gcs("b", bearer="t", anonymous=True),
        lambda: ObjectStoreConfig.make_for_gcs("b", "localhost:4443"),
        lambda: ObjectStoreConfig.make_for_azure(""),
        lambda: ObjectStoreConfig.make_for_azure("c", account_key="k", sas_token="s"),
        lambda: ObjectStoreConfig.make_for_azure("c", sas_token="s", anonymous=True),
        lambda: ObjectStoreConfig.make_for_azure("c", client_id="i", client_secret="s"),
        lambda: ObjectStoreConfig.make_for_azure("c", tenant_id="t"),
        lambda: ObjectStoreConfig.make_for_s3("b", sse_customer_key="short"),
        lambda: ObjectStoreConfig.make_for_s3("b", sse_customer_key="A" * 44),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make: Callable[[], ObjectStoreConfig]) -> None:
    with pytest.raises(InvalidRequestError):
        make()


@pytest.mark.parametrize("end", ["/?sig=secret", "?secret", "/#secret"])
@pytest.mark.parametrize("login", ["", "user:secret@"])
@pytest.mark.parametrize(
    "make",
    [
        lambda url: ObjectStoreConfig.make_for_s3("b", endpoint=url),
        ObjectStoreConfig.make_for_hub,
        lambda url: ObjectStoreConfig.make_for_gcs("b", url),
        lambda url: ObjectStoreConfig.make_for_azure("c", endpoint=url),
    ],
)
def test_an_endpoint_has_no_secrets(
    make: Callable[[str], ObjectStoreConfig], login: str, end: str
) -> None:
    assert make("https://host:9000/a@b").endpoint == "https://host:9000/a@b"
    for url in (f"https://{login}host{end}", "https://user:secret@host"):
        with pytest.raises(InvalidRequestError, match="a login, a query or a fragment") as raised:
            make(url)
        assert "secret" not in f"{raised.value} {raised.value!r} {raised.value.object}"


def test_an_addressing_style_may_be_given_as_text() -> None:
    config = ObjectStoreConfig.make_for_s3("b", addressing_style="path")

    assert config.addressing_style is AddressingStyle.PATH


def test_profiles_are_copied_and_looked_up_by_name() -> None:
    profiles: dict[str | None, ObjectStoreConfig] = {"models": KEYED}
    stores = ObjectStoreConfigByProfile(profiles)
    profiles.clear()

    assert stores.of("models") is KEYED
    with pytest.raises(UnknownProfileError):
        stores.of(None)


@pytest.mark.parametrize(
    "name", ["node_parallelism", "max_uploads", "memory_budget_bytes", "attempts"]
)
def test_settings_below_one_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        NodeSettings(root="/r", **{name: 0})  # type: ignore[arg-type]


def test_durability_may_be_given_as_text() -> None:
    assert Durability("none") is Durability.NONE


def test_stores_with_credentials_can_be_compared_and_hashed() -> None:
    """A swarm tells drivers' stores apart by them."""
    one, same, other = (
        ObjectStoreConfig.make_for_http("https://h", headers={"X-Api-Key": key})
        for key in ("a", "a", "b")
    )

    assert len({one, same, other}) == 2
    assert one == pickle.loads(pickle.dumps(same))


def test_a_web_server_without_credentials_has_no_access() -> None:
    assert ObjectStoreConfig.make_for_http("https://h").http is None
