"""What is said if Ray lets nobody in; the texts are those that Ray 2.60 was seen to raise."""

from __future__ import annotations

import pytest

from xfd_api.errors import ClusterConnectionError
from xfd_ray.cluster.connect import connection_error

ABSENT = ConnectionError("Failed to connect to Ray cluster at 192.0.2.2:22202")


class AuthenticationError(Exception):
    """As Ray's, which Ray 2.55 does not have."""


NO_TOKEN = AuthenticationError(
    "Token authentication is enabled but no authentication token was found. Ensure that the token "
    "for the cluster is available in a local file (e.g., ~/.ray/auth_token or via "
    "RAY_AUTH_TOKEN_PATH) or as the `RAY_AUTH_TOKEN` environment variable."
)


@pytest.mark.parametrize(
    ("error", "environ", "words"),
    [
        (NO_TOKEN, {"RAY_AUTH_MODE": "token"}, ("this process has none", "RAY_AUTH_TOKEN")),
        (ABSENT, {}, ("192.0.2.2:22202", "RAY_ADDRESS", "set RAY_AUTH_MODE=token")),
        (ABSENT, {"RAY_AUTH_MODE": "disabled"}, ("192.0.2.2:22202", "set RAY_AUTH_MODE=token")),
        (ABSENT, {"RAY_AUTH_MODE": "token"}, ("192.0.2.2:22202", "compare the token")),
    ],
)
def test_the_error_of_a_refused_driver_says_what_to_set(error, environ, words):
    mapped = connection_error(error, environ)
    assert isinstance(mapped, ClusterConnectionError)
    assert isinstance(mapped, ConnectionError)
    for each in words:
        assert each in str(mapped)
