"""Nodes whose package versions differ are refused."""

import pytest

from xfd_api.errors import VersionMismatchError
from xfd_ray.telemetry.versions import PACKAGES, check_versions, installed_versions

OURS = dict.fromkeys(PACKAGES, "1.0")


def test_the_packages_here_agree_with_themselves():
    assert set(installed_versions()) == set(PACKAGES)
    check_versions(OURS, dict(OURS), node="n1")


def test_another_version_is_refused_by_name():
    with pytest.raises(
        VersionMismatchError, match=r"xfd_dataplane is 0\.9 instead of 1\.0"
    ) as raised:
        check_versions(OURS, {**OURS, "xfd_dataplane": "0.9"}, node="n1")
    assert raised.value.node == "n1"


def test_a_missing_package_is_refused_by_name():
    with pytest.raises(VersionMismatchError, match="xfd_dataplane is missing"):
        check_versions(OURS, {**OURS, "xfd_dataplane": None}, node="n1")
