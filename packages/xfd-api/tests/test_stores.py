"""A store's description: half a description is refused, and secrets show nowhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from xfd_api.errors import InvalidRequestError, UnknownProfileError
from xfd_api.settings import Durability, NodeSettings, SwarmTicket
from xfd_api.stores import (
    AddressingStyle,
    ObjectStoreConfig,
    ObjectStoreConfigByProfile,
    by_profile,
)

KEYED = ObjectStoreConfig.make_for_s3(
    "bucket",
    access_key_id="AKIDEXAMPLE",
    secret_access_key="very-secret",
    session_token="token-secret",
    region="us-west-2",
)


def test_secrets_are_in_no_repr() -> None:
    web = ObjectStoreConfig.make_for_http("https://user:pass-secret@host/")
    ticket = SwarmTicket("ab" * 8, token="token-secret")  # type: ignore[arg-type]

    shown = repr([KEYED, web, by_profile(KEYED), ticket])

    assert "secret" not in shown.replace("secret_access_key", "")
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
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make: Callable[[], ObjectStoreConfig]) -> None:
    with pytest.raises(InvalidRequestError):
        make()


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
